//! Images that are files of this machine.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use disk::{Access, Locator};
use model::{ByteCount, ByteRange, VmRef};

use super::{Image, Space};
use crate::PlatformError;

/// Makes an empty overlay above an image, durable and of the same owner.
pub(super) fn make_overlay(vm: &VmRef, path: &Path, below: &Image) -> Result<(), PlatformError> {
    let size = disk::open(&locator(below), Access::Read)
        .map_err(|source| disk_error(vm, source))?
        .size();
    disk::create_overlay(path, (&below.path, below.format), size)
        .map_err(|source| disk_error(vm, source))?;
    same_owner(path, &below.path)
        .and_then(|()| sync_parent(path))
        .map_err(|source| PlatformError::Io {
            operation: format!("give its owner to {}", path.display()),
            source,
        })
}

/// QEMU may run as another user: the overlay belongs to whom the image below belongs.
fn same_owner(path: &Path, below: &Path) -> io::Result<()> {
    let about = fs::metadata(below)?;
    std::os::unix::fs::chown(path, Some(about.uid()), Some(about.gid()))?;
    fs::set_permissions(path, about.permissions())
}

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

pub(super) fn own_ranges(vm: &VmRef, path: &Path) -> Result<Vec<ByteRange>, PlatformError> {
    let own = disk::own_extents(path).map_err(|source| disk_error(vm, source))?;
    Ok(own.into_iter().map(|extent| extent.range).collect())
}

pub(super) fn allocated(path: &Path) -> ByteCount {
    let blocks = fs::metadata(path).map_or(0, |about| about.blocks());
    ByteCount(blocks.saturating_mul(512))
}

/// What changes with these files, or when others take their places.
pub(super) fn stamps<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<String, PlatformError> {
    let mut told = String::new();
    for path in paths {
        let stamp = disk::file_stamp(path).map_err(|source| PlatformError::Io {
            operation: format!("look at {}", path.display()),
            source,
        })?;
        told.push_str(&format!("{} {stamp}\n", path.display()));
    }
    Ok(told)
}

pub(super) fn space(folder: &Path) -> Option<Space> {
    let about = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| ByteCount(blocks.saturating_mul(about.f_frsize));
    Some(Space {
        capacity: bytes(about.f_blocks),
        free: bytes(about.f_bavail),
    })
}

/// Puts an overlay above another image of the same content.
pub(super) fn set_backing(vm: &VmRef, overlay: &Path, below: &Image) -> Result<(), PlatformError> {
    let set = disk::set_backing(overlay, &below.path, below.format);
    set.map_err(|source| disk_error(vm, source))
}

fn disk_error(vm: &VmRef, source: disk::DiskError) -> PlatformError {
    PlatformError::Disk {
        vm: vm.clone(),
        source,
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(parent)?.sync_all()
}
