//! Chains of images: where the files of a VM's disks are, and making, measuring and deleting them.
//!
//! Nothing here changes what a VM's description says; the callers save it at the right moment.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use disk::{Access, Disk, Locator};
use model::{ByteCount, ByteRange, DiskFormat, DiskInfo, VmRef};

use super::{
    meta::{DiskFile, LayerFile, VmFile, io_error, sync_parent},
    tracking,
};
use crate::PlatformError;

/// The image that is the content of a disk at `depth` overlays: its file name and format.
pub(crate) fn image_at(disk: &DiskFile, depth: usize) -> (&str, DiskFormat) {
    match depth
        .checked_sub(1)
        .and_then(|above| disk.layers.get(above))
    {
        Some(layer) => (&layer.file, DiskFormat::Qcow2),
        None => (&disk.base, disk.format),
    }
}

/// Where a mover finds a disk at `depth` overlays.
pub(crate) fn locator(directory: &Path, disk: &DiskFile, depth: usize) -> Locator {
    let (file, format) = image_at(disk, depth);
    Locator::File {
        path: directory.join(file),
        format,
    }
}

/// Opens a disk at `depth` overlays.
pub(crate) fn open(
    directory: &Path,
    vm: &VmFile,
    disk: usize,
    depth: usize,
    access: Access,
) -> Result<Arc<dyn Disk>, PlatformError> {
    disk::open(&locator(directory, &vm.disks[disk], depth), access)
        .map_err(|source| disk_error(&vm.vm, source))
}

/// A failed disk operation of a VM.
pub(crate) fn disk_error(vm: &VmRef, source: disk::DiskError) -> PlatformError {
    PlatformError::Disk {
        vm: vm.clone(),
        source,
    }
}

/// Number of overlays of a VM's disks; all have the same.
pub(crate) fn depth(vm: &VmFile) -> usize {
    vm.disks.first().map_or(0, |disk| disk.layers.len())
}

/// The layer at `index`, as the first disk describes it.
pub(crate) fn layer(vm: &VmFile, index: usize) -> Option<&LayerFile> {
    vm.disks.first().and_then(|disk| disk.layers.get(index))
}

/// The index of a layer that has this name.
pub(crate) fn find_layer(vm: &VmFile, name: &str) -> Option<usize> {
    let layers = vm
        .disks
        .first()
        .map(|disk| disk.layers.as_slice())
        .unwrap_or_default();
    layers
        .iter()
        .position(|layer| layer.name.as_deref() == Some(name))
}

/// Whether some point is the content just below the overlay at `index`.
pub(crate) fn is_boundary(vm: &VmFile, index: usize) -> bool {
    vm.points.iter().any(|point| point.depth == index)
}

/// Makes an empty overlay above all disks, in `vm` and as files, which is not saved yet. When one
/// cannot be made, none is left, and `vm` is as it was.
pub(crate) fn push_overlays(
    directory: &Path,
    vm: &mut VmFile,
    name: Option<&str>,
    owner: &str,
) -> Result<(), PlatformError> {
    let mut made = Vec::new();
    for disk in &vm.disks {
        match create_overlay(directory, disk, &vm.vm) {
            Ok(file) => made.push(file),
            Err(error) => {
                remove_files(directory, &made);
                return Err(error);
            }
        }
    }
    for (disk, file) in vm.disks.iter_mut().zip(made) {
        let name = name.map(str::to_owned);
        disk.layers.push(LayerFile {
            file,
            name,
            owner: owner.to_owned(),
        });
    }
    Ok(())
}

fn create_overlay(directory: &Path, disk: &DiskFile, vm: &VmRef) -> Result<String, PlatformError> {
    let file = free_name(directory, disk);
    let path = directory.join(&file);
    let (backing, format) = image_at(disk, disk.layers.len());
    disk::create_overlay(&path, (Path::new(backing), format), disk.size)
        .map_err(|source| disk_error(vm, source))?;
    sync_parent(&path).map_err(|e| io_error("sync the directory of", &path, e))?;
    Ok(file)
}

/// A name that no file has, named by the description or left over from a crash.
fn free_name(directory: &Path, disk: &DiskFile) -> String {
    let stem = tracking::stem(&disk.key);
    let mut number = disk
        .layers
        .iter()
        .filter_map(|l| layer_number(&l.file))
        .max()
        .unwrap_or(0);
    loop {
        number += 1;
        let name = format!("{stem}.layer-{number}.qcow2");
        if !directory.join(&name).exists() {
            return name;
        }
    }
}

fn layer_number(file: &str) -> Option<u64> {
    numbered(file, ".layer-", ".qcow2")
}

fn numbered(file: &str, word: &str, ending: &str) -> Option<u64> {
    let (stem, rest) = file.rsplit_once(word)?;
    let digits = rest.strip_suffix(ending)?;
    (!stem.is_empty()).then(|| digits.parse().ok()).flatten()
}

/// Removes files that the description no longer names. One that stays is removed at the next
/// start, so failing is no error.
pub(crate) fn remove_files(directory: &Path, files: &[String]) {
    for file in files {
        if let Err(error) = fs::remove_file(directory.join(file))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file, "a file that is no longer used could not be removed");
        }
    }
}

/// The files that `old` names and `new` does not.
pub(crate) fn dropped_files(old: &VmFile, new: &VmFile) -> Vec<String> {
    let kept = layer_files(new);
    layer_files(old)
        .difference(&kept)
        .map(|file| (*file).to_owned())
        .collect()
}

fn layer_files(vm: &VmFile) -> BTreeSet<&str> {
    vm.disks
        .iter()
        .flat_map(|d| &d.layers)
        .map(|l| l.file.as_str())
        .collect()
}

/// Removes what a crash left: files of the lab's own naming that the description does not name.
pub(crate) fn clean(directory: &Path, vm: &VmFile) -> Result<(), PlatformError> {
    let entries = fs::read_dir(directory).map_err(|e| io_error("list", directory, e))?;
    let named = layer_files(vm);
    let mut left = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| io_error("list", directory, e))?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        if !named.contains(file.as_str()) && is_left_over(&file, vm) {
            left.push(file);
        }
    }
    remove_files(directory, &left);
    Ok(())
}

fn is_left_over(file: &str, vm: &VmFile) -> bool {
    if file == "vm.json.new" || file == "replica.json.new" || file.ends_with(".bitmap.new") {
        return true;
    }
    let is_base = vm.disks.iter().any(|disk| disk.base == file);
    let late = numbered(file, ".epoch-", ".bitmap").is_some_and(|epoch| epoch > vm.epoch.0);
    !is_base && (late || layer_number(file).is_some())
}

/// What the layer at `index` of a disk itself holds.
pub(crate) fn own_ranges(
    directory: &Path,
    vm: &VmFile,
    disk: usize,
    index: usize,
) -> Result<Vec<disk::Extent>, PlatformError> {
    let Some(layer) = vm.disks[disk].layers.get(index) else {
        return Ok(Vec::new());
    };
    disk::own_extents(&directory.join(&layer.file)).map_err(|source| disk_error(&vm.vm, source))
}

/// All ranges that the layers from `index` on hold themselves.
pub(crate) fn ranges_above(
    directory: &Path,
    vm: &VmFile,
    disk: usize,
    index: usize,
) -> Result<Vec<ByteRange>, PlatformError> {
    let mut ranges = Vec::new();
    for layer in index..vm.disks[disk].layers.len() {
        let own = own_ranges(directory, vm, disk, layer)?;
        ranges.extend(own.into_iter().map(|extent| extent.range));
    }
    Ok(ranges)
}

/// Bytes that a file takes, without holes.
pub(crate) fn allocated(path: &Path) -> Result<u64, PlatformError> {
    let about = fs::metadata(path).map_err(|e| io_error("look at", path, e))?;
    Ok(about.blocks().saturating_mul(512))
}

/// Bytes that the layers of a name take.
pub(crate) fn layer_size(directory: &Path, vm: &VmFile, name: &str) -> Result<u64, PlatformError> {
    let layers = vm.disks.iter().flat_map(|disk| &disk.layers);
    let named = layers.filter(|layer| layer.name.as_deref() == Some(name));
    named
        .map(|layer| allocated(&directory.join(&layer.file)))
        .sum()
}

/// A disk as the platform shows it.
pub(crate) fn disk_info(directory: &Path, disk: &DiskFile) -> Result<DiskInfo, PlatformError> {
    let files = std::iter::once(&disk.base).chain(disk.layers.iter().map(|layer| &layer.file));
    let sizes = files.map(|file| allocated(&directory.join(file)));
    Ok(DiskInfo {
        key: disk.key.clone(),
        name: disk.name.clone(),
        size: disk.size,
        allocated: ByteCount(sizes.sum::<Result<u64, PlatformError>>()?),
        format: disk.format,
        sector: disk.sector,
        slot: disk.slot.clone(),
        datastore: disk.datastore.clone(),
    })
}

/// The paths of all bases of a VM that are not there.
pub(crate) fn missing_images(directory: &Path, vm: &VmFile) -> Vec<PathBuf> {
    let bases = vm.disks.iter().map(|disk| disk.base.as_str());
    let images = bases
        .chain(layer_files(vm))
        .map(|file| directory.join(file));
    images.filter(|path| !path.exists()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_labs_own_count_as_layers() {
        assert_eq!(layer_number("disk0.layer-12.qcow2"), Some(12));
        for other in [
            "disk0.qcow2",
            ".layer-1.qcow2",
            "a.layer-x.qcow2",
            "a.layer-1.raw",
        ] {
            assert_eq!(layer_number(other), None, "{other}");
        }
    }
}
