//! Merging an overlay into the image below it: by QEMU itself where the VM runs, by qemu-img where it
//! is off. Broken off at any moment it is begun again, and what is merged already is seen.

use std::{path::PathBuf, thread, time::Duration};

use super::{
    cell::Cell,
    record::{Image, Layer},
};
use crate::PlatformError;

/// Between two looks at a running QEMU's progress.
const LOOK: Duration = Duration::from_millis(50);
/// Looks at a job that is gone until it is said to have failed.
const LOOKS: usize = 40;

/// Merges the overlay at an index of all disks. No point may lie just below it.
pub(super) fn merge(cell: &mut Cell, index: usize) -> Result<(), PlatformError> {
    cell.check_as_left(Some(index))?;
    cell.end_movers();
    if cell.runs() {
        merge_running(cell, index)
    } else {
        cell.while_off(|cell| merge_off(cell, index))
    }
}

/// The disks of a layer that are there, each with its overlay and the image below.
fn disks_of(cell: &Cell, layer: &Layer, index: usize) -> Result<Vec<OneDisk>, PlatformError> {
    let below = cell.images_at(index)?;
    let there = layer.files.iter().filter_map(|(target, overlay)| {
        Some(OneDisk {
            target: target.clone(),
            overlay: overlay.clone(),
            below: below.get(target)?.clone(),
        })
    });
    Ok(there.collect())
}

/// One disk's part of a merge.
struct OneDisk {
    target: String,
    overlay: PathBuf,
    below: Image,
}

fn merge_off(cell: &mut Cell, index: usize) -> Result<(), PlatformError> {
    let Some(layer) = cell.record().layers.get(index).cloned() else {
        return Ok(());
    };
    let was_newest = index + 1 == cell.record().depth();
    for disk in disks_of(cell, &layer, index)? {
        let at = cell.domain.movable().find(|it| it.target == disk.target);
        let at = at.map(|it| cell.newest(it)).transpose()?;
        // QEMU moved it down already while it ran: what the guest wrote since is newer.
        if was_newest && at.is_some_and(|at| at.path == disk.below.path) {
            continue;
        }
        commit_off(cell, index, &disk)?;
    }
    let mut record = cell.record().clone();
    record.take_out(index);
    // Also where the disks stay: the definition may name the chain below them as it was.
    let sources = if was_newest {
        cell.images_at(index)?
    } else {
        cell.newest_of_all()?
    };
    cell.define(&record, &sources)?;
    cell.remove_layers(&[layer]);
    Ok(())
}

fn commit_off(cell: &Cell, index: usize, disk: &OneDisk) -> Result<(), PlatformError> {
    let images = &cell.site.images;
    images.commit(&cell.vm, &disk.overlay, &disk.below.path)?;
    let mut above = cell.record().layers.iter().skip(index + 1);
    if let Some(above) = above.find_map(|layer| layer.files.get(&disk.target)) {
        images.set_backing(&cell.vm, above, &disk.below)?;
    }
    Ok(())
}

fn merge_running(cell: &mut Cell, index: usize) -> Result<(), PlatformError> {
    let Some(layer) = cell.record().layers.get(index).cloned() else {
        return Ok(());
    };
    for disk in disks_of(cell, &layer, index)? {
        commit_running(cell, &disk)?;
    }
    cell.reload()?;
    let was_newest = index + 1 == cell.record().depth();
    let below = cell.images_at(index)?;
    let mut record = cell.record().clone();
    record.take_out(index);
    if was_newest {
        cell.define(&record, &below)?;
    } else {
        cell.save(record)?;
    }
    cell.remove_layers(&[layer]);
    Ok(())
}

/// QEMU copies while the guest writes, and at the end moves the disk to the image below where the
/// overlay was the newest.
fn commit_running(cell: &mut Cell, disk: &OneDisk) -> Result<(), PlatformError> {
    let (id, target) = (cell.id(), disk.target.as_str());
    let mut begun = false;
    let mut idle = 0;
    loop {
        cell.reload()?;
        let Some(at) = where_it_is(cell, disk)? else {
            return Ok(());
        };
        match job(cell, &id, target)? {
            Some(Job { ready: true }) if at == At::Newest => {
                cell.virsh(&["blockjob", &id, target, "--pivot"])?;
            }
            Some(_) => thread::sleep(LOOK),
            None if begun && idle < LOOKS => {
                idle += 1;
                thread::sleep(LOOK);
            }
            None if begun => {
                return Err(cell.unexpected(format!(
                    "the merge of disk {target} ended, and its overlay is still there. QEMU's log on \
                     the host says why; mend that, then retry"
                )));
            }
            None => {
                begin(cell, &id, disk, at)?;
                begun = true;
            }
        }
    }
}

fn begin(cell: &Cell, id: &str, disk: &OneDisk, at: At) -> Result<(), PlatformError> {
    let top = disk.overlay.display().to_string();
    let base = disk.below.path.display().to_string();
    let mut arguments = vec![
        "blockcommit",
        id,
        &disk.target,
        "--base",
        &base,
        "--top",
        &top,
    ];
    if at == At::Newest {
        arguments.push("--active");
    }
    cell.virsh(&arguments).map(drop)
}

/// Where an overlay is in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Newest,
    Below,
}

/// None when the overlay is in the chain no more and the image below it is.
fn where_it_is(cell: &Cell, disk: &OneDisk) -> Result<Option<At>, PlatformError> {
    let Some(live) = &cell.live else {
        return Err(cell.unexpected("it went off while its disks were merged. Retry"));
    };
    let found = live.disks.iter().find(|it| it.target == disk.target);
    let found = found.ok_or_else(|| cell.unexpected(format!("disk {} is gone", disk.target)))?;
    let newest = cell.newest(found)?.path;
    if newest == disk.overlay {
        return Ok(Some(At::Newest));
    }
    if found.backing.contains(&disk.overlay) {
        return Ok(Some(At::Below));
    }
    if newest == disk.below.path || found.backing.contains(&disk.below.path) {
        return Ok(None);
    }
    Err(cell.unexpected(format!(
        "disk {} is at {}, where neither the overlay nor the image below it is: somebody moved it. \
         Take that back, then retry",
        disk.target,
        newest.display()
    )))
}

struct Job {
    ready: bool,
}

/// The block job of a disk, if one is at work. One that is no merge is somebody else's.
fn job(cell: &Cell, id: &str, target: &str) -> Result<Option<Job>, PlatformError> {
    let info = cell.virsh(&["blockjob", id, target, "--info", "--raw"])?;
    let value = |name: &str| {
        info.lines()
            .find_map(|line| line.trim().strip_prefix(name).map(str::trim))
    };
    let number = |name| value(name).and_then(|it| it.parse::<u64>().ok());
    let (Some(cur), Some(end)) = (number("cur="), number("end=")) else {
        return Ok(None);
    };
    let kind = value("type=").unwrap_or_default();
    if !kind.contains("Commit") {
        return Err(cell.unexpected(format!(
            "a job of somebody else is at work on disk {target} ({kind}). Wait for it or end it, then \
             retry"
        )));
    }
    // A mirror that is still being set up says 0 of 0.
    Ok(Some(Job {
        ready: end > 0 && cur == end,
    }))
}
