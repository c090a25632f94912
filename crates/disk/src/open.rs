//! Opening and creating images.

use std::{path::Path, sync::Arc};

use model::{ByteCount, DiskFormat};

use crate::{Disk, DiskError, Locator};

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
/// [`DiskError::Open`] with the image that could not be opened.
pub fn open(locator: &Locator, access: Access) -> Result<Arc<dyn Disk>, DiskError> {
    let _ = (locator, access);
    todo!()
}

/// Creates an empty qcow2 overlay of `size` at `path` over the image at `backing`.
///
/// # Errors
/// [`DiskError::Create`].
pub fn create_overlay(
    path: &Path,
    backing: (&Path, DiskFormat),
    size: ByteCount,
) -> Result<(), DiskError> {
    let _ = (path, backing, size);
    todo!()
}
