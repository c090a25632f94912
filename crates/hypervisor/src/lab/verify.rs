//! Checks, without Landfall's own data path, that production's disks equal what a session froze on
//! the replica.
//!
//! Two raw images are compared by plain reads; as soon as a qcow2 is involved, `qemu-img compare`
//! does it. The lab's lock is not taken, so it works beside a running server. The one part that
//! shares code with Landfall is the look at the guest's records, which reads the production disk
//! through the crates `disk` and `fatfs`.

mod compare;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use disk::{Access, Locator};
use model::{DiskFormat, PowerState, ReplicaState, VmRef, with_causes};

use self::compare::Image;
pub use self::report::{DiskRow, RecordsRow, Verdict, VerifyReport, VerifyResult};
use super::{
    guest,
    meta::{self, DiskFile, EstateFile, PointFile, ReplicaFile, VmFile},
};
use crate::PlatformError;

/// Points that sessions make begin with this.
const OURS: &str = "landfall-";

/// Compares each replica's newest protective point with its production VM's disks as they are.
///
/// # Errors
/// When the lab's description cannot be read. What cannot be compared is a row of the report.
pub fn verify(data_dir: &Path) -> Result<VerifyReport, PlatformError> {
    let estate = meta::load_estate(data_dir)?;
    let mut report = VerifyReport::default();
    let works = Works::find(data_dir, &estate)?;
    for replica in &estate.replicas {
        verify_replica(data_dir, &works, replica, &mut report)?;
    }
    Ok(report)
}

fn verify_replica(
    data_dir: &Path,
    works: &Works,
    replica: &ReplicaFile,
    report: &mut VerifyReport,
) -> Result<(), PlatformError> {
    let there = meta::load_vm(data_dir, &replica.vm)?;
    let Some(point) = there
        .points
        .iter()
        .rev()
        .find(|point| point.name.as_str().starts_with(OURS))
    else {
        report.without_point.push(there.name);
        return Ok(());
    };
    let production = works.production_of(data_dir, replica, point)?;
    for disk in &production.disks {
        if let Some(paired) = there
            .disks
            .iter()
            .find(|paired| is_pair(replica, paired, disk, &production))
        {
            let sides = Sides {
                data_dir,
                production: &production,
                replica: &there,
                point,
            };
            let result = match sides.compare(disk, paired) {
                // The point is one that commit kept.
                VerifyResult::Different { .. } if replica.state == ReplicaState::Ready => {
                    VerifyResult::NotComparable {
                        reason: "the failback was committed, and production has gone on since"
                            .to_owned(),
                    }
                }
                other @ (VerifyResult::Equal
                | VerifyResult::Different { .. }
                | VerifyResult::NotComparable { .. }) => other,
            };
            report.disks.push(DiskRow {
                vm: production.name.clone(),
                disk: disk.name.clone(),
                point: point.name.clone(),
                result,
            });
        }
    }
    report.records.extend(records(data_dir, &production));
    Ok(())
}

/// VMs by the sessions that write to them: those that carry a session's layers or that it made.
struct Works(BTreeMap<String, Vec<VmRef>>);

impl Works {
    fn find(data_dir: &Path, estate: &EstateFile) -> Result<Self, PlatformError> {
        let mut works: BTreeMap<String, Vec<VmRef>> = BTreeMap::new();
        for vm in super::load::vms_of(data_dir, estate)? {
            let file = meta::load_vm(data_dir, &vm)?;
            let layers = file.disks.iter().flat_map(|disk| &disk.layers);
            let named = layers.filter(|layer| layer.name.is_some());
            let sessions: BTreeSet<&String> = named
                .map(|layer| &layer.owner)
                .chain(&file.created_by)
                .collect();
            for session in sessions {
                works.entry(session.clone()).or_default().push(vm.clone());
            }
        }
        Ok(Self(works))
    }

    /// The VM that the session of a point writes to; the original where none is known.
    fn production_of(
        &self,
        data_dir: &Path,
        replica: &ReplicaFile,
        point: &PointFile,
    ) -> Result<VmFile, PlatformError> {
        let vms = self.0.get(&point.owner).into_iter().flatten();
        let found = vms.into_iter().find(|vm| **vm != replica.vm);
        meta::load_vm(data_dir, found.unwrap_or(&replica.original))
    }
}

/// Whether two disks are a pair: as recorded, or attached alike where keys have nothing in common.
fn is_pair(replica: &ReplicaFile, paired: &DiskFile, disk: &DiskFile, production: &VmFile) -> bool {
    let wanted = replica.paired_key(&paired.key);
    if production.disks.iter().any(|disk| disk.key == *wanted) {
        return *wanted == disk.key;
    }
    paired.slot.is_some() && paired.slot == disk.slot
}

/// A production VM and its replica at a point.
struct Sides<'a> {
    data_dir: &'a Path,
    production: &'a VmFile,
    replica: &'a VmFile,
    point: &'a PointFile,
}

impl Sides<'_> {
    fn compare(&self, disk: &DiskFile, paired: &DiskFile) -> VerifyResult {
        if self.production.power != PowerState::Off {
            return VerifyResult::NotComparable {
                reason: "the production VM is on and writes; power it off and check again"
                    .to_owned(),
            };
        }
        if disk.size != paired.size {
            let text = format!(
                "{} in production, {} on the replica",
                disk.size, paired.size
            );
            return VerifyResult::Different { text };
        }
        let Some(replica) = image_at(self.data_dir, &self.replica.vm, paired, self.point.depth)
        else {
            let reason =
                "the description names layers that are not there; run `landfall lab reset`";
            return VerifyResult::NotComparable {
                reason: reason.to_owned(),
            };
        };
        let production = active_image(self.data_dir, &self.production.vm, disk);
        compare::images(&production, &replica)
    }
}

/// The image that holds a disk's content up to and including `depth` overlays.
fn image_at(data_dir: &Path, vm: &VmRef, disk: &DiskFile, depth: usize) -> Option<Image> {
    let dir = meta::vm_dir(data_dir, vm);
    match depth.checked_sub(1) {
        None => Some(Image {
            path: dir.join(&disk.base),
            format: disk.format,
        }),
        Some(index) => {
            let layer = disk.layers.get(index)?;
            Some(Image {
                path: dir.join(&layer.file),
                format: DiskFormat::Qcow2,
            })
        }
    }
}

/// The newest image of a disk.
fn active_image(data_dir: &Path, vm: &VmRef, disk: &DiskFile) -> Image {
    let dir = meta::vm_dir(data_dir, vm);
    disk.layers.last().map_or_else(
        || Image {
            path: dir.join(&disk.base),
            format: disk.format,
        },
        |layer| Image {
            path: dir.join(&layer.file),
            format: DiskFormat::Qcow2,
        },
    )
}

/// The records on a production VM's first disk; none while it is on.
fn records(data_dir: &Path, production: &VmFile) -> Option<RecordsRow> {
    let disk = production.disks.first()?;
    if production.power != PowerState::Off {
        return None;
    }
    let image = active_image(data_dir, &production.vm, disk);
    let (whole, text) = match read_records(image.path, image.format) {
        Ok(found) => (found.is_whole(), records_text(&found)),
        Err(reason) => (false, reason),
    };
    Some(RecordsRow {
        vm: production.name.clone(),
        whole,
        text,
    })
}

fn records_text(found: &guest::Records) -> String {
    let guest::Records {
        first,
        last,
        count,
        gaps,
        bad,
    } = found;
    format!("{count} records, {first} to {last}, {gaps} missing, {bad} damaged")
}

fn read_records(path: PathBuf, format: DiskFormat) -> Result<guest::Records, String> {
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    let disk = disk::open(&Locator::File { path, format }, Access::Read)
        .map_err(|error| with_causes(&error))?;
    guest::read_records(disk).map_err(|error| with_causes(&error))
}

#[cfg(test)]
mod tests;
