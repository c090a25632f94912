//! Merging an overlay into the image below it: by QEMU itself where the VM runs, by qemu-img where it
//! is off. Broken off at any moment it is begun again, and what is merged already is seen.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    cell::Cell,
    images,
    record::{Image, VmRecord},
};
use crate::PlatformError;

/// Between two looks at a running QEMU's progress.
const LOOK: Duration = Duration::from_millis(50);

/// Merges the overlay at an index of all disks. No point may lie just below it.
pub(super) fn merge(cell: &mut Cell, index: usize) -> Result<(), PlatformError> {
    cell.still_as_left(index)?;
    let Some(layer) = cell.record().layers.get(index).cloned() else {
        return Ok(());
    };
    let below = cell.images_at(index)?;
    for (target, overlay) in &layer.files {
        let image = below
            .get(target)
            .ok_or_else(|| cell.unexpected("its record names no image below the overlay"))?;
        if cell.runs() {
            commit_running(cell, target, overlay, &image.path)?;
        } else {
            commit_off(cell, index, target, overlay, image)?;
        }
    }
    if cell.runs() {
        cell.reload()?;
    }
    let was_newest = index + 1 == cell.record().depth();
    let mut record = cell.record().clone();
    record.take_out(index);
    if was_newest {
        cell.define(&record, &below)?;
    } else if cell.runs() {
        cell.save(record)?;
    } else {
        // Also where the disks stay: the definition may name the chain below them as it was.
        let newest = cell.newest_of_all()?;
        cell.define(&record, &newest)?;
    }
    images::remove(layer.files.values().map(PathBuf::as_path));
    Ok(())
}

fn commit_off(
    cell: &Cell,
    index: usize,
    target: &str,
    overlay: &Path,
    below: &Image,
) -> Result<(), PlatformError> {
    images::commit(cell, overlay, &below.path)?;
    let above = cell.record().layers.get(index + 1);
    if let Some(above) = above.and_then(|layer| layer.files.get(target)) {
        disk::set_backing(above, &below.path, below.format).map_err(|source| {
            PlatformError::Disk {
                vm: cell.vm.clone(),
                source,
            }
        })?;
    }
    Ok(())
}

/// QEMU copies while the guest writes, and at the end moves the disk to the image below where the
/// overlay was the newest.
fn commit_running(
    cell: &mut Cell,
    target: &str,
    overlay: &Path,
    below: &Path,
) -> Result<(), PlatformError> {
    let id = cell.id();
    let mut begun = false;
    loop {
        cell.reload()?;
        let Some(live) = &cell.live else {
            return Err(cell.unexpected("it went off while its disks were merged. Retry"));
        };
        let disk = live.disks.iter().find(|it| it.target == target);
        let disk = disk.ok_or_else(|| cell.unexpected(format!("disk {target} is gone")))?;
        let newest = cell.newest(disk)?.path;
        let is_newest = newest == overlay;
        if !is_newest && !disk.backing.iter().any(|path| path == overlay) {
            return Ok(());
        }
        match job(cell, &id, target)? {
            Some(Job { ready: true }) => {
                cell.virsh(&["blockjob", &id, target, "--pivot"])?;
            }
            Some(Job { ready: false }) => thread::sleep(LOOK),
            // One that was begun and is gone has merged, or failed: then it says so.
            None if begun => thread::sleep(LOOK),
            None => {
                let (top, base) = (overlay.display().to_string(), below.display().to_string());
                let mut arguments =
                    vec!["blockcommit", &id, target, "--base", &base, "--top", &top];
                if is_newest {
                    arguments.push("--active");
                }
                cell.virsh(&arguments)?;
                begun = is_newest;
            }
        }
    }
}

struct Job {
    ready: bool,
}

/// The block job of a disk, if one is at work.
fn job(cell: &Cell, id: &str, target: &str) -> Result<Option<Job>, PlatformError> {
    let info = cell.virsh(&["blockjob", id, target, "--info", "--raw"])?;
    let value = |name: &str| {
        info.lines()
            .find_map(|line| line.trim().strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    let (Some(cur), Some(end)) = (value("cur="), value("end=")) else {
        return Ok(None);
    };
    // A mirror that is still being set up says 0 of 0.
    Ok(Some(Job {
        ready: end > 0 && cur == end,
    }))
}

impl Cell {
    /// The disks are where Landfall left them; a merge that was broken off may have moved some down.
    pub(super) fn still_as_left(&self, index: usize) -> Result<(), PlatformError> {
        let record: &VmRecord = self.record();
        let newest = record.depth();
        for disk in self.domain.movable() {
            let at = self.newest(disk)?.path;
            let left = record.image_at(&disk.target, newest);
            let below = record.image_at(&disk.target, index);
            let expected = |image: &Option<Image>| image.as_ref().is_none_or(|it| it.path == at);
            let pivoted = index + 1 == newest && expected(&below);
            if !expected(&left) && !pivoted {
                return Err(self.unexpected(format!(
                    "disk {} is at {}, where Landfall did not leave it: somebody made or removed a \
                     snapshot. Take that back, then retry",
                    disk.target,
                    at.display()
                )));
            }
        }
        Ok(())
    }
}
