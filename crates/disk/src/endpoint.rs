//! An end of a transfer as a person names it: a path or an NBD URI.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use model::DiskFormat;

use crate::{DiskError, Locator, NbdUri};

/// The first bytes of every qcow2 image, after the format's specification.
const QCOW2_MAGIC: [u8; 4] = *b"QFI\xfb";

impl Locator {
    /// The disk that a person named. Without a format, an image that begins as qcow2 does is
    /// qcow2, and anything else is raw: say the format where a guest may have written the
    /// beginning of a raw image.
    ///
    /// # Errors
    /// [`DiskError::Open`] when the format has to be looked up and the file cannot be read, or when
    /// an NBD URI cannot be understood.
    pub fn named(text: &str, format: Option<DiskFormat>) -> Result<Self, DiskError> {
        let path = PathBuf::from(text);
        if NbdUri::is_one(text) {
            let uri = NbdUri::parse(text).map_err(|error| DiskError::Open {
                path,
                source: io::Error::new(io::ErrorKind::InvalidInput, error),
            })?;
            return Ok(Self::Nbd(uri));
        }
        let format = match format {
            Some(format) => format,
            None => probe(&path).map_err(|source| DiskError::Open {
                path: path.clone(),
                source,
            })?,
        };
        Ok(Self::File { path, format })
    }
}

fn probe(path: &Path) -> io::Result<DiskFormat> {
    let mut first = [0; QCOW2_MAGIC.len()];
    match File::open(path)?.read_exact(&mut first) {
        Ok(()) if first == QCOW2_MAGIC => Ok(DiskFormat::Qcow2),
        Ok(()) => Ok(DiskFormat::Raw),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(DiskFormat::Raw),
        Err(error) => Err(error),
    }
}
