//! Opening images.

use std::sync::Arc;

use model::DiskFormat;

use crate::{Disk, DiskError, Locator, nbd::NbdDisk, qcow2::Qcow2Disk, raw::RawDisk};

/// What an opener may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Read and write; one opener per image.
    Write,
}

/// Opens the disk at `locator` with its whole backing chain.
///
/// # Errors
/// [`DiskError::Open`] with the image that could not be opened, [`DiskError::Unaligned`] for a raw
/// image that no disk can have.
pub fn open(locator: &Locator, access: Access) -> Result<Arc<dyn Disk>, DiskError> {
    Ok(match locator {
        Locator::File {
            path,
            format: DiskFormat::Raw,
        } => Arc::new(RawDisk::open(path, access)?),
        Locator::File {
            path,
            format: DiskFormat::Qcow2,
        } => Arc::new(Qcow2Disk::open(path, access)?),
        Locator::Nbd(uri) => Arc::new(NbdDisk::open(uri, access)?),
    })
}
