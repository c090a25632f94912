//! The image files of VMs: where overlays lie, making them, and what they hold and take.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use disk::{Access, Locator};
use model::{ByteCount, ByteRange, VmRef};

use super::{
    cell::Cell,
    record::{Image, Layer, VmRecord},
};
use crate::PlatformError;

/// A file that only this user may read and that is removed at its end.
pub(super) fn private_file() -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix("landfall-")
        .suffix(".xml")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile()
}

/// Where the next overlay above an image goes: beside it, by the name of the lowest image.
pub(super) fn overlay_path(record: &VmRecord, target: &str, newest: &Image) -> PathBuf {
    let base = record.bases.get(target).unwrap_or(newest);
    let mut name = base.path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".landfall-{}.qcow2", record.next_layer));
    base.path.with_file_name(name)
}

/// Makes a layer's overlays, empty, above images. When one cannot be made, none is left.
pub(super) fn make_overlays(
    vm: &VmRef,
    layer: &Layer,
    below: &BTreeMap<String, Image>,
) -> Result<(), PlatformError> {
    for (target, path) in &layer.files {
        let made = below
            .get(target)
            .map_or(Ok(()), |below| make_overlay(vm, path, below));
        if made.is_err() {
            remove(layer.files.values().map(PathBuf::as_path));
            return made;
        }
    }
    Ok(())
}

fn make_overlay(vm: &VmRef, path: &Path, below: &Image) -> Result<(), PlatformError> {
    let disk_error = |source| PlatformError::Disk {
        vm: vm.clone(),
        source,
    };
    let size = disk::open(&locator(below), Access::Read)
        .map_err(disk_error)?
        .size();
    disk::create_overlay(path, (&below.path, below.format), size).map_err(disk_error)?;
    same_owner(path, &below.path)
        .and_then(|()| sync_parent(path))
        .map_err(|source| io_error("give its owner to", path, source))
}

/// QEMU may run as another user: the overlay belongs to whom the image below belongs.
fn same_owner(path: &Path, below: &Path) -> io::Result<()> {
    let about = fs::metadata(below)?;
    std::os::unix::fs::chown(path, Some(about.uid()), Some(about.gid()))?;
    fs::set_permissions(path, about.permissions())
}

/// Where a mover finds an image.
pub(super) fn locator(image: &Image) -> Locator {
    Locator::File {
        path: image.path.clone(),
        format: image.format,
    }
}

/// Removes files; one that stays takes space and does no harm.
pub(super) fn remove<'a>(paths: impl Iterator<Item = &'a Path>) {
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %path.display(), "a file stays");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// What overlays hold themselves.
pub(super) fn own_ranges<'a>(
    vm: &VmRef,
    overlays: impl Iterator<Item = &'a Path>,
) -> Result<Vec<ByteRange>, PlatformError> {
    let mut ranges = Vec::new();
    for path in overlays {
        let own = disk::own_extents(path).map_err(|source| PlatformError::Disk {
            vm: vm.clone(),
            source,
        })?;
        ranges.extend(own.into_iter().map(|extent| extent.range));
    }
    Ok(union(ranges))
}

/// Sorted and apart.
fn union(mut ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<ByteRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end() => {
                let end = last.end().max(range.end());
                last.len = end - last.start;
            }
            _ => apart.push(range),
        }
    }
    apart
}

/// Bytes that a file takes, without holes; 0 where there is none.
pub(super) fn allocated(path: &Path) -> ByteCount {
    let blocks = fs::metadata(path).map_or(0, |about| about.blocks());
    ByteCount(blocks.saturating_mul(512))
}

/// What tells whether any of these files was written to or replaced.
pub(super) fn fingerprint<'a>(paths: impl Iterator<Item = &'a Path>) -> io::Result<u64> {
    let mut told = String::new();
    for path in paths {
        told.push_str(&format!("{} {}\n", path.display(), disk::file_stamp(path)?));
    }
    Ok(xxhash_rust::xxh3::xxh3_64(told.as_bytes()))
}

/// Copies what an overlay of a VM that is off holds into the image below it. Asked for again it
/// copies the same again.
pub(super) fn commit(cell: &Cell, overlay: &Path, below: &Path) -> Result<(), PlatformError> {
    let mut command = Command::new(&cell.site.qemu_img);
    command
        .args(["commit", "-q", "-f", "qcow2", "-d", "-b"])
        .arg(below)
        .arg(overlay)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|source| io_error("start qemu-img to merge", overlay, source))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(cell.unexpected(format!(
        "{} is not merged: {}",
        overlay.display(),
        words.trim().trim_start_matches("qemu-img: ")
    )))
}

pub(super) fn io_error(what: &str, path: &Path, source: io::Error) -> PlatformError {
    PlatformError::Io {
        operation: format!("{what} {}", path.display()),
        source,
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        let range = |start, len| ByteRange { start, len };
        let joined = union(vec![range(8, 4), range(0, 4), range(4, 2), range(9, 1)]);
        assert_eq!(joined, [range(0, 6), range(8, 4)]);
    }
}
