//! Merging an overlay into the image below it, online when it is the one that a guest writes to.
//!
//! The description names the overlay until everything of it is durable below, so a merge that was
//! broken off is begun again from the start, and copies the same bytes again.

use std::sync::Arc;

use disk::{Access, Disk, DiskError, ExtentKind};
use model::{ByteRange, PowerState};

use super::{chain, meta::VmFile, runtime::VmCell, state::Runtime};
use crate::PlatformError;

/// Bytes copied in one step; a guest waits no longer than for one.
const STEP: u64 = 1 << 20;
/// With so much left, the guest may wait for all of it.
const LITTLE: u64 = 4 << 20;
/// A guest that writes faster than the merge copies waits after so many rounds.
const ROUNDS: usize = 8;

/// One disk's part of a merge.
struct Copy {
    index: usize,
    /// Where the overlay's content is read when no guest writes to it.
    frozen: Option<Arc<dyn Disk>>,
    below: Arc<dyn Disk>,
    work: Vec<(ByteRange, ExtentKind)>,
}

/// Merges the overlay at `layer` of all disks into the one below. No point may lie between; the
/// caller holds the VM's operation lock.
pub(crate) fn merge(cell: &VmCell, layer: usize) -> Result<(), PlatformError> {
    let merged = copy_all(cell, layer);
    if merged.is_err() {
        cell.state().unwatch();
    }
    merged
}

fn copy_all(cell: &VmCell, layer: usize) -> Result<(), PlatformError> {
    let copies = begin(cell, layer)?;
    for copy in &copies {
        copy.run(cell, &copy.work)?;
    }
    for _ in 0..ROUNDS {
        if cell.state().watched_bytes() <= LITTLE {
            break;
        }
        for copy in &copies {
            let work = copy.dirtied(&mut cell.state());
            copy.run(cell, &work)?;
        }
    }
    finish(cell, layer, copies)
}

fn begin(cell: &VmCell, layer: usize) -> Result<Vec<Copy>, PlatformError> {
    let mut state = cell.state();
    let live = state.file.power != PowerState::Off && layer + 1 == chain::depth(&state.file);
    if live {
        state.flush()?;
        state.watch();
    }
    let file = &state.file;
    (0..file.disks.len())
        .map(|index| begin_disk(cell, file, index, layer, live))
        .collect()
}

fn begin_disk(
    cell: &VmCell,
    file: &VmFile,
    index: usize,
    layer: usize,
    live: bool,
) -> Result<Copy, PlatformError> {
    let own = chain::own_ranges(&cell.directory, file, index, layer)?;
    let open = |depth, access| chain::open(&cell.directory, file, index, depth, access);
    Ok(Copy {
        index,
        frozen: if live {
            None
        } else {
            Some(open(layer + 1, Access::Read)?)
        },
        below: open(layer, Access::Write)?,
        work: own
            .into_iter()
            .map(|extent| (extent.range, extent.kind))
            .collect(),
    })
}

impl Copy {
    /// Copies ranges in steps, letting the guest go on between them.
    fn run(&self, cell: &VmCell, work: &[(ByteRange, ExtentKind)]) -> Result<(), PlatformError> {
        let mut buffer = Vec::new();
        for (range, kind) in work {
            for step in steps(*range) {
                let copied = match (kind, &self.frozen) {
                    (ExtentKind::Zero, _) => self.below.write_zeroes(step),
                    (ExtentKind::Data, Some(frozen)) => {
                        self.copy(frozen.as_ref(), step, &mut buffer)
                    }
                    (ExtentKind::Data, None) => self.copy_live(cell, step, &mut buffer),
                };
                copied.map_err(|source| chain::disk_error(&cell.state().file.vm, source))?;
            }
        }
        Ok(())
    }

    fn copy(
        &self,
        from: &dyn Disk,
        step: ByteRange,
        buffer: &mut Vec<u8>,
    ) -> Result<(), DiskError> {
        read(from, step, buffer)?;
        self.below.write_at(step.start, buffer)
    }

    /// What the guest writes after the read is remembered, and copied in a later round.
    fn copy_live(
        &self,
        cell: &VmCell,
        step: ByteRange,
        buffer: &mut Vec<u8>,
    ) -> Result<(), DiskError> {
        {
            let mut state = cell.state();
            let active = state.handle(self.index)?;
            read(active.as_ref(), step, buffer)?;
        }
        self.below.write_at(step.start, buffer)
    }

    fn dirtied(&self, state: &mut Runtime) -> Vec<(ByteRange, ExtentKind)> {
        let ranges = match self.frozen {
            Some(_) => Vec::new(),
            None => state.take_watched(self.index),
        };
        ranges
            .into_iter()
            .map(|range| (range, ExtentKind::Data))
            .collect()
    }

    /// Copies what the guest wrote last, while it waits, and makes everything durable.
    fn complete(&self, state: &mut Runtime) -> Result<(), DiskError> {
        let mut buffer = Vec::new();
        for (range, _) in self.dirtied(state) {
            let active = state.handle(self.index)?;
            for step in steps(range) {
                self.copy(active.as_ref(), step, &mut buffer)?;
            }
        }
        self.below.flush()
    }
}

/// The guest waits; the description changes here and nowhere else.
fn finish(cell: &VmCell, layer: usize, copies: Vec<Copy>) -> Result<(), PlatformError> {
    let mut state = cell.state();
    for copy in copies {
        copy.complete(&mut state)
            .map_err(|source| chain::disk_error(&state.file.vm, source))?;
    }
    state.close()?;
    repoint(cell, &state.file, layer)?;
    let file = without_layer(&state.file, layer);
    let dropped = chain::dropped_files(&state.file, &file);
    state.commit(file)?;
    state.unwatch();
    chain::remove_files(&cell.directory, &dropped);
    Ok(())
}

/// Points the overlays above at the images below, which now read the same.
fn repoint(cell: &VmCell, file: &VmFile, layer: usize) -> Result<(), PlatformError> {
    for disk in &file.disks {
        let Some(above) = disk.layers.get(layer + 1) else {
            continue;
        };
        let (below, format) = chain::image_at(disk, layer);
        disk::set_backing(&cell.directory.join(&above.file), below.as_ref(), format)
            .map_err(|source| chain::disk_error(&file.vm, source))?;
    }
    Ok(())
}

fn without_layer(file: &VmFile, layer: usize) -> VmFile {
    let mut file = file.clone();
    for disk in &mut file.disks {
        disk.layers.remove(layer);
    }
    for point in file.points.iter_mut().filter(|point| point.depth > layer) {
        point.depth -= 1;
    }
    file
}

/// A range in parts of at most 1 MiB.
pub(super) fn steps(range: ByteRange) -> impl Iterator<Item = ByteRange> {
    let count = range.len.div_ceil(STEP);
    (0..count).map(move |step| {
        let start = range.start + step * STEP;
        ByteRange::new(start, STEP.min(range.end() - start))
    })
}

/// Fills the buffer with a step of a disk.
pub(super) fn read(
    from: &dyn Disk,
    step: ByteRange,
    buffer: &mut Vec<u8>,
) -> Result<(), DiskError> {
    // A step is at most 1 MiB.
    buffer.resize(usize::try_from(step.len).unwrap_or_default(), 0);
    from.read_at(step.start, buffer)
}

/// How far a merge comes before its process is killed.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Half of each disk is copied.
    Begun,
    /// All is copied and durable.
    Copied,
    /// The overlays above name the images below.
    Repointed,
}

/// A merge that ends early.
#[cfg(test)]
pub(crate) fn merge_until(cell: &VmCell, layer: usize, stage: Stage) -> Result<(), PlatformError> {
    for copy in &begin(cell, layer)? {
        let half = copy.work.len().div_ceil(2);
        let end = if stage == Stage::Begun {
            half
        } else {
            copy.work.len()
        };
        copy.run(cell, &copy.work[..end])?;
        let vm = cell.file().vm;
        copy.complete(&mut cell.state())
            .map_err(|e| chain::disk_error(&vm, e))?;
    }
    if stage == Stage::Repointed {
        repoint(cell, &cell.file(), layer)?;
    }
    Ok(())
}
