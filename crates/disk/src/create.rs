//! Creating images.

use std::{fs::File as PlainFile, io, path::Path};

use imago::{
    FormatAccess, FormatCreateBuilder, Storage, StorageCreateOptions, file::File, qcow2::Qcow2,
};
use model::{ByteCount, DiskFormat};

use crate::DiskError;

/// Creates an empty qcow2 overlay of `size` at `path` over the image at `backing`, which is
/// written into its header as given, relative to the directory of `path`. Durable on return.
///
/// # Errors
/// [`DiskError::Create`].
pub fn create_overlay(
    path: &Path,
    backing: (&Path, DiskFormat),
    size: ByteCount,
) -> Result<(), DiskError> {
    let (backing, format) = backing;
    let backing = (backing.display().to_string(), format.word().to_owned());
    format_qcow2(path, Some(backing), size).map_err(|source| DiskError::Create {
        path: path.to_owned(),
        source,
    })
}

/// Creates an empty qcow2 image. Durable on return.
///
/// # Errors
/// [`DiskError::Create`].
pub fn create_qcow2(path: &Path, size: ByteCount) -> Result<(), DiskError> {
    format_qcow2(path, None, size).map_err(|source| DiskError::Create {
        path: path.to_owned(),
        source,
    })
}

/// Creates a raw image that is one hole. Durable on return.
///
/// # Errors
/// [`DiskError::Create`].
pub fn create_raw(path: &Path, size: ByteCount) -> Result<(), DiskError> {
    let create = || -> io::Result<()> {
        let file = PlainFile::create(path)?;
        file.set_len(size.0)?;
        file.sync_all()
    };
    create().map_err(|source| DiskError::Create {
        path: path.to_owned(),
        source,
    })
}

fn format_qcow2(path: &Path, backing: Option<(String, String)>, size: ByteCount) -> io::Result<()> {
    let file = File::create_open(StorageCreateOptions::new().filename(path).overwrite(true))?;
    let mut builder = Qcow2::<File, FormatAccess<File>>::create_builder(file).size(size.0);
    if let Some((name, format)) = backing {
        builder = builder.backing(name, format);
    }
    builder.create()?;
    PlainFile::open(path)?.sync_all()
}
