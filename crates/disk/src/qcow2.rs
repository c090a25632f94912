//! qcow2 images with their backing chains, through crate `imago`.

mod alone;
mod guard;
mod mend;

use std::{fmt, io, path::Path};

use imago::{
    FormatAccess, FormatDriverBuilder, Mapping, PermissiveImplicitOpenGate, ShallowMapping,
    file::File, qcow2::Qcow2,
};
use model::{ByteCount, ByteRange};

use self::{
    alone::Alone,
    guard::{check_writable, guarded},
};
use crate::{
    Access, Disk, DiskError, Extent, ExtentKind,
    raw::{SECTOR, forget},
    traits::{check_range, push_extent},
};

/// A qcow2 image with everything below it.
pub(crate) struct Qcow2Disk {
    image: FormatAccess<File>,
    /// The image's own file, for what imago does not offer.
    file: std::fs::File,
    alone: Alone,
}

impl fmt::Debug for Qcow2Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qcow2Disk")
            .field("size", &self.image.size())
            .finish()
    }
}

impl Qcow2Disk {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, DiskError> {
        let failed = |source| DiskError::Open {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        if access == Access::Write {
            check_writable(&file).map_err(failed)?;
            mend::mend(path).map_err(failed)?;
        }
        // Backing files are named by images that Landfall made or its platform owns; each names
        // its own format, so that nothing is guessed from what a guest wrote.
        let image = guarded(|| {
            Qcow2::<File>::builder_path(path)
                .write(access == Access::Write)
                .open(PermissiveImplicitOpenGate::default())
        })
        .map_err(failed)?;
        Ok(Self {
            image: FormatAccess::new(image),
            alone: Alone::of(&file).map_err(failed)?,
            file,
        })
    }

    fn map(&self, range: ByteRange) -> io::Result<Vec<Extent>> {
        let mut extents = Vec::new();
        let mut at = range.start;
        while at < range.end() {
            let (mapping, len) = guarded(|| self.image.get_mapping(at, range.end() - at))?;
            let kind = match mapping {
                Mapping::Zero { .. } => ExtentKind::Zero,
                Mapping::Eof { .. } => {
                    // A backing image that is shorter reads as zeroes from its end on.
                    push_extent(&mut extents, at, range.end(), ExtentKind::Zero);
                    break;
                }
                Mapping::Raw { .. } | Mapping::Special { .. } | _ => ExtentKind::Data,
            };
            if len == 0 {
                return Err(io::Error::other("the image maps no bytes"));
            }
            push_extent(&mut extents, at, at + len, kind);
            at += len;
        }
        Ok(extents)
    }
}

impl Disk for Qcow2Disk {
    fn size(&self) -> ByteCount {
        ByteCount(self.image.size())
    }

    fn sector(&self) -> u32 {
        SECTOR
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let range = check_range(self.size(), offset, buffer.len())?;
        guarded(|| self.image.read(buffer, offset))
            .map_err(|source| DiskError::Read { range, source })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = check_range(self.size(), offset, data.len())?;
        let _alone = self.alone.wait(range, self.image.size());
        guarded(|| self.image.write(data, offset))
            .map_err(|source| DiskError::Write { range, source })
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        check_range(
            self.size(),
            range.start,
            usize::try_from(range.len).unwrap_or(usize::MAX),
        )?;
        let _alone = self.alone.wait(range, self.image.size());
        guarded(|| self.image.write_zeroes(range.start, range.len))
            .map_err(|source| DiskError::Write { range, source })
    }

    fn flush(&self) -> Result<(), DiskError> {
        guarded(|| self.image.flush().and_then(|()| self.image.sync()))
            .map_err(|source| DiskError::Flush { source })
    }

    /// Where in the file the range lies is not asked for: all of the file is dropped.
    fn forget_cached(&self, _range: ByteRange) {
        let len = self.file.metadata().map_or(0, |about| about.len());
        forget(&self.file, ByteRange::new(0, len));
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        check_range(
            self.size(),
            range.start,
            usize::try_from(range.len).unwrap_or(usize::MAX),
        )?;
        self.map(range)
            .map_err(|source| DiskError::Map { range, source })
    }
}

/// What the qcow2 image at `path` itself holds, without its backing images: sorted and apart.
///
/// # Errors
/// [`DiskError::Open`], [`DiskError::Map`].
pub fn own_extents(path: &Path) -> Result<Vec<Extent>, DiskError> {
    let disk = Qcow2Disk::open(path, Access::Read)?;
    let range = ByteRange::new(0, disk.image.size());
    own_map(&disk.image, range).map_err(|source| DiskError::Map { range, source })
}

fn own_map(image: &FormatAccess<File>, range: ByteRange) -> io::Result<Vec<Extent>> {
    let mut extents = Vec::new();
    let mut at = range.start;
    while at < range.end() {
        let (mapping, len) = guarded(|| image.get_shallow_mapping(at, range.end() - at))?;
        if len == 0 {
            return Err(io::Error::other("the image maps no bytes"));
        }
        match mapping {
            ShallowMapping::Indirect { .. }
            | ShallowMapping::Zero {
                explicit: false, ..
            } => {}
            ShallowMapping::Zero { .. } => {
                push_extent(&mut extents, at, at + len, ExtentKind::Zero);
            }
            ShallowMapping::Raw { .. } | ShallowMapping::Special { .. } | _ => {
                push_extent(&mut extents, at, at + len, ExtentKind::Data);
            }
        }
        at += len;
    }
    Ok(extents)
}
