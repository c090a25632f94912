//! Whether the two sides' disks fit. Disks pair by the key recorded at replication.

use model::{ByteCount, DiskInfo, LayoutFinding, LayoutKind, VmInfo};
use store::SessionDisk;

/// What the layout check found.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) findings: Vec<LayoutFinding>,
    pub(super) pairs: Vec<SessionDisk>,
    /// Disks that the replica has and production has not.
    pub(super) only_on_replica: Vec<DiskInfo>,
    /// Allocated on both sides: what a difference without digests reads.
    pub(super) to_read: ByteCount,
    /// What undo may take at most: no more than the disks, nor than the replica could send, and
    /// twice that while a pass is merged.
    pub(super) undo_space: ByteCount,
}

/// Compares the disks of the replica with those of production, each with the one at its index in
/// `pairs`.
pub(super) fn check(replica: &VmInfo, production: &VmInfo, pairs: &[Option<usize>]) -> Layout {
    let mut layout = Layout {
        findings: Vec::new(),
        pairs: Vec::new(),
        only_on_replica: Vec::new(),
        to_read: ByteCount::ZERO,
        undo_space: ByteCount::ZERO,
    };
    for (disk, pair) in replica.disks.iter().zip(pairs) {
        layout.take(disk, pair.and_then(|index| production.disks.get(index)));
    }
    for (index, disk) in production.disks.iter().enumerate() {
        if !pairs.contains(&Some(index)) {
            let what = format!(
                "{}{}, on {} only; it stays untouched.",
                disk.size,
                at(disk),
                production.name
            );
            layout.find(disk, LayoutKind::Unpaired, what);
        }
    }
    layout
}

impl Layout {
    fn take(&mut self, disk: &DiskInfo, counterpart: Option<&DiskInfo>) {
        let Some(other) = counterpart else {
            let what = format!(
                "{}{}, on the replica only; it is not sent.",
                disk.size,
                at(disk)
            );
            self.find(disk, LayoutKind::Unpaired, what);
            self.only_on_replica.push(disk.clone());
            return;
        };
        if let Some(what) = mismatch(disk, other) {
            self.find(disk, LayoutKind::Blocks, what);
            return;
        }
        self.find(
            disk,
            LayoutKind::Fits,
            format!("{} on both sides{}.", disk.size, attached(disk, other)),
        );
        self.pairs.push(SessionDisk {
            key: disk.key.clone(),
            target: other.key.clone(),
            name: disk.name.clone(),
            size: disk.size,
        });
        let both = disk.allocated.saturating_add(other.allocated);
        self.to_read = self.to_read.saturating_add(both);
        let undo = at_most(disk.size, disk.allocated);
        self.undo_space = self.undo_space.saturating_add(undo);
    }

    fn find(&mut self, disk: &DiskInfo, kind: LayoutKind, what: String) {
        self.findings.push(LayoutFinding {
            disk: disk.name.clone(),
            kind,
            what,
        });
    }
}

/// What undo of a disk may take: all that its replica can send, and that twice while a pass is merged.
pub(super) fn at_most(size: ByteCount, allocated: ByteCount) -> ByteCount {
    let sent = size.min(allocated);
    sent.saturating_add(sent)
}

/// Why a pair does not fit, with the next step.
fn mismatch(replica: &DiskInfo, production: &DiskInfo) -> Option<String> {
    if replica.size != production.size {
        let (ours, theirs) = sizes(replica.size, production.size);
        return Some(format!(
            "{ours} on the replica and {theirs} on production. Make both the same size \
             at their platforms, then open this step again."
        ));
    }
    (replica.sector != production.sector).then(|| {
        format!(
            "Sectors of {} bytes on the replica and of {} bytes on production. \
             Fail back to a disk with the same sector size.",
            replica.sector, production.sector
        )
    })
}

/// Where a disk is attached, after its size; nothing where the platform does not say.
fn at(disk: &DiskInfo) -> String {
    let slot = disk.slot.as_ref();
    slot.map_or_else(String::new, |slot| {
        format!(" at {}:{}", slot.controller, slot.unit)
    })
}

/// Where the disks of a pair are attached, where that differs.
fn attached(disk: &DiskInfo, other: &DiskInfo) -> String {
    match (&disk.slot, &other.slot) {
        (Some(ours), Some(theirs)) if ours != theirs => format!(
            ",{} on the replica and{} on production",
            at(disk),
            at(other)
        ),
        (Some(_), Some(_)) => format!(",{}", at(disk)),
        (None, _) | (_, None) => String::new(),
    }
}

/// Two sizes in units, or in bytes where they would read the same.
fn sizes(one: ByteCount, other: ByteCount) -> (String, String) {
    let (a, b) = (one.to_string(), other.to_string());
    if a == b {
        return (format!("{} bytes", one.0), format!("{} bytes", other.0));
    }
    (a, b)
}
