//! Points and named layers of a VM: each operation saves the description once.

use std::sync::MutexGuard;

use model::{ByteRange, DiskKey, EpochId, PointName, PowerState};

use super::{
    chain, merge,
    meta::{LayerFile, PointFile, VmFile, io_error},
    runtime::VmCell,
    state::{Runtime, unexpected},
    tracking,
};
use crate::{Consistency, Frozen, PlatformError, Point, Ranges, clock};

/// See [`crate::Platform::freeze`].
pub(crate) fn freeze(
    cell: &VmCell,
    name: &PointName,
    owner: &str,
) -> Result<Frozen, PlatformError> {
    let _operation = cell.operation()?;
    let mut state = cell.state();
    if let Some(point) = state.file.points.iter().find(|point| point.name == *name) {
        return Ok(Frozen {
            point: name.clone(),
            epoch: point.epoch,
            consistency: consistency(&state),
        });
    }
    state.close()?;
    let mut file = state.file.clone();
    let depth = chain::depth(&file);
    file.epoch = EpochId(file.epoch.0 + 1);
    file.points.push(PointFile {
        name: name.clone(),
        owner: owner.to_owned(),
        taken_at: clock::now(),
        epoch: file.epoch,
        depth,
    });
    let frozen = Frozen {
        point: name.clone(),
        epoch: file.epoch,
        consistency: consistency(&state),
    };
    chain::push_overlays(&cell.directory, &mut file, None, owner)?;
    begin_epoch(cell, &mut state, file, &[])?;
    reopen(&mut state);
    Ok(frozen)
}

/// The lab's guests have no agent.
fn consistency(state: &Runtime) -> Consistency {
    match state.power() {
        PowerState::Off => Consistency::Off,
        PowerState::On | PowerState::ShuttingDown => Consistency::NoAgent,
    }
}

/// Saves a description with a new epoch, whose records are made first.
fn begin_epoch(
    cell: &VmCell,
    state: &mut MutexGuard<'_, Runtime>,
    file: VmFile,
    written: &[Vec<ByteRange>],
) -> Result<(), PlatformError> {
    let made = chain::dropped_files(&file, &state.file);
    let dropped = chain::dropped_files(&state.file, &file);
    let records = match state.new_records(&file, written) {
        Ok(records) => records,
        Err(error) => {
            chain::remove_files(&cell.directory, &made);
            return Err(error);
        }
    };
    state.commit(file)?;
    state.begin_epoch(records);
    chain::remove_files(&cell.directory, &dropped);
    Ok(())
}

/// Opens the newest layers of a VM that runs; a guest's next access tries again where it fails.
fn reopen(state: &mut Runtime) {
    if state.file.power == PowerState::Off {
        return;
    }
    for index in 0..state.file.disks.len() {
        if let Err(error) = state.handle(index) {
            tracing::error!(%error, vm = %state.file.vm, "a new layer cannot be opened");
        }
    }
}

/// See [`crate::Platform::points`].
pub(crate) fn points(file: &VmFile) -> Vec<Point> {
    let point = |point: &PointFile| Point {
        name: point.name.clone(),
        owner: point.owner.clone(),
        taken_at: point.taken_at,
        epoch: point.epoch,
    };
    file.points.iter().map(point).collect()
}

/// The depth at which a point's content is.
pub(crate) fn find<'a>(file: &'a VmFile, name: &PointName) -> Result<&'a PointFile, PlatformError> {
    let found = file.points.iter().find(|point| point.name == *name);
    found.ok_or_else(|| PlatformError::NoPoint {
        vm: file.vm.clone(),
        point: name.clone(),
    })
}

/// See [`crate::Platform::drop_point`].
pub(crate) fn drop_point(
    cell: &VmCell,
    name: &PointName,
    owner: &str,
) -> Result<(), PlatformError> {
    let _operation = cell.operation()?;
    forget_point(&mut cell.state(), name, owner)?;
    // The guard must be gone before the merge takes the state itself.
    loop {
        let found = orphan(&cell.state().file);
        match found {
            Some(orphan) => merge::merge(cell, orphan)?,
            None => return Ok(()),
        }
    }
}

fn forget_point(state: &mut Runtime, name: &PointName, owner: &str) -> Result<(), PlatformError> {
    let Ok(point) = find(&state.file, name) else {
        return Ok(());
    };
    if point.owner != owner {
        let what = format!("point {name} belongs to {}; it stays", point.owner);
        return Err(unexpected(&state.file, what));
    }
    let mut file = state.file.clone();
    file.points.retain(|point| point.name != *name);
    state.commit(file)
}

/// An overlay that neither a point nor a name needs any more.
fn orphan(file: &VmFile) -> Option<usize> {
    (0..chain::depth(file)).find(|index| is_orphan(file, *index))
}

fn is_orphan(file: &VmFile, index: usize) -> bool {
    chain::layer(file, index).is_some_and(|layer| layer.name.is_none())
        && !chain::is_boundary(file, index)
}

/// See [`crate::Platform::revert`].
pub(crate) fn revert(cell: &VmCell, name: &PointName) -> Result<(), PlatformError> {
    let _operation = cell.operation()?;
    let mut state = cell.state();
    must_be_off(&state.file)?;
    let point = find(&state.file, name)?;
    let (depth, owner) = (point.depth, point.owner.clone());
    check_nothing_foreign_above(&state.file, depth, &owner)?;
    // What is dropped changes back, so it counts as written in the epoch that begins.
    let changed = (0..state.file.disks.len())
        .map(|disk| chain::ranges_above(&cell.directory, &state.file, disk, depth))
        .collect::<Result<Vec<_>, _>>()?;
    state.close()?;
    let mut file = state.file.clone();
    for disk in &mut file.disks {
        disk.layers.truncate(depth);
    }
    file.points.retain(|point| point.depth <= depth);
    file.epoch = EpochId(file.epoch.0 + 1);
    file.write_epoch += 1;
    chain::push_overlays(&cell.directory, &mut file, None, &owner)?;
    begin_epoch(cell, &mut state, file, &changed)
}

fn check_nothing_foreign_above(
    file: &VmFile,
    depth: usize,
    owner: &str,
) -> Result<(), PlatformError> {
    let later = file
        .points
        .iter()
        .find(|point| point.depth > depth && point.owner != owner);
    if let Some(point) = later {
        let what = format!("point {} of {} was taken later", point.name, point.owner);
        return Err(unexpected(file, what));
    }
    match foreign_above(file, depth, owner) {
        Some(layer) => Err(above(file, layer)),
        None => Ok(()),
    }
}

/// A named layer of somebody else, from an index on.
fn foreign_above<'a>(file: &'a VmFile, from: usize, owner: &str) -> Option<&'a LayerFile> {
    (from..chain::depth(file))
        .filter_map(|index| chain::layer(file, index))
        .find(|layer| layer.name.is_some() && layer.owner != owner)
}

fn above(file: &VmFile, layer: &LayerFile) -> PlatformError {
    let name = layer.name.as_deref().unwrap_or("without a name");
    unexpected(file, format!("layer {name} of {} lies above", layer.owner))
}

fn must_be_off(file: &VmFile) -> Result<(), PlatformError> {
    match file.power {
        PowerState::Off => Ok(()),
        PowerState::On | PowerState::ShuttingDown => Err(PlatformError::MustBeOff {
            vm: file.vm.clone(),
        }),
    }
}

/// See [`crate::Platform::layer_create`].
pub(crate) fn layer_create(cell: &VmCell, name: &str, owner: &str) -> Result<(), PlatformError> {
    let _operation = cell.operation()?;
    let mut state = cell.state();
    if chain::find_layer(&state.file, name).is_some() {
        return Ok(());
    }
    must_be_off(&state.file)?;
    state.close()?;
    let mut file = state.file.clone();
    chain::push_overlays(&cell.directory, &mut file, Some(name), owner)?;
    state.commit(file)
}

/// See [`crate::Platform::layer_drop`].
pub(crate) fn layer_drop(cell: &VmCell, name: &str) -> Result<(), PlatformError> {
    let _operation = cell.operation()?;
    let mut state = cell.state();
    let Some(index) = chain::find_layer(&state.file, name) else {
        return Ok(());
    };
    must_be_off(&state.file)?;
    if !(index + 1..chain::depth(&state.file)).all(|above| is_orphan(&state.file, above)) {
        let what = format!("layer {name} is not the newest, or a point needs it");
        return Err(unexpected(&state.file, what));
    }
    state.close()?;
    mark_written(cell, &mut state, index)?;
    let mut file = state.file.clone();
    for disk in &mut file.disks {
        disk.layers.truncate(index);
    }
    if chain::is_boundary(&file, index) {
        chain::push_overlays(&cell.directory, &mut file, None, "lab")?;
    }
    let dropped = chain::dropped_files(&state.file, &file);
    state.commit(file)?;
    chain::remove_files(&cell.directory, &dropped);
    Ok(())
}

/// Records as written what the layers from `index` on hold: a mover writes without the record, and
/// what is dropped changes back.
fn mark_written(cell: &VmCell, state: &mut Runtime, index: usize) -> Result<(), PlatformError> {
    state.flush()?;
    for disk in 0..state.file.disks.len() {
        let ranges = chain::ranges_above(&cell.directory, &state.file, disk, index)?;
        state
            .mark(disk, &ranges)
            .map_err(|e| io_error("record changes in", &cell.directory, e))?;
    }
    Ok(())
}

/// See [`crate::Platform::layer_merge`].
pub(crate) fn layer_merge(cell: &VmCell, name: &str) -> Result<(), PlatformError> {
    let _operation = cell.operation()?;
    let Some(index) = prepare_merge(cell, name)? else {
        return Ok(());
    };
    merge::merge(cell, index)
}

/// The layer to merge, if there is one. Where a point lies just below it, its content must stay
/// apart: only its name goes, and the overlay is merged when that point is dropped.
fn prepare_merge(cell: &VmCell, name: &str) -> Result<Option<usize>, PlatformError> {
    let mut state = cell.state();
    let Some(index) = chain::find_layer(&state.file, name) else {
        return Ok(None);
    };
    let owner = chain::layer(&state.file, index).map(|layer| layer.owner.clone());
    if let Some(layer) = foreign_above(&state.file, index + 1, &owner.unwrap_or_default()) {
        return Err(above(&state.file, layer));
    }
    mark_written(cell, &mut state, index)?;
    if !chain::is_boundary(&state.file, index) {
        return Ok(Some(index));
    }
    let mut file = state.file.clone();
    for disk in &mut file.disks {
        disk.layers[index].name = None;
    }
    state.commit(file)?;
    Ok(None)
}

/// See [`crate::Platform::ranges_since`].
pub(crate) fn ranges_since(
    cell: &VmCell,
    key: &DiskKey,
    since: EpochId,
    until: Option<&PointName>,
) -> Result<Ranges, PlatformError> {
    let state = cell.state();
    let file = &state.file;
    let Some(disk) = file.disks.iter().find(|disk| disk.key == *key) else {
        return Err(PlatformError::NoDisk {
            vm: file.vm.clone(),
            disk: key.clone(),
        });
    };
    let end = match until {
        Some(point) => find(file, point)?.epoch.0,
        None => file.epoch.0 + 1,
    };
    if !file.change_tracking {
        return Ok(Ranges::Broken(
            "change tracking is off for this VM".to_owned(),
        ));
    }
    if since.0 > end || since > file.epoch {
        return Ok(Ranges::Broken(format!(
            "epoch {since} has not begun at that moment"
        )));
    }
    let union = tracking::union(&cell.directory, &disk.key, disk.size, since.0..end);
    Ok(union.map_or_else(Ranges::Broken, |bits| Ranges::Written(bits.ranges())))
}
