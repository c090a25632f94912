//! What tells whether a disk was written since its digests were kept.

use std::{fmt, io, path::PathBuf};

/// Something that changes whenever a disk is written: a write epoch, a generation of change
/// tracking, a file's times.
pub trait Stamp: fmt::Debug + Send + Sync {
    /// As it is now; a later write makes it another.
    ///
    /// # Errors
    /// When it cannot be learned.
    fn now(&self) -> io::Result<String>;

    /// Whether what a run itself writes to the disk makes it another, too. Otherwise a run in which
    /// it changes was not alone.
    fn moves_with_own_writes(&self) -> bool {
        false
    }
}

/// A value that its owner vouches for.
impl Stamp for String {
    fn now(&self) -> io::Result<String> {
        Ok(self.clone())
    }
}

/// The device, number, size and times of a file.
#[derive(Clone, Debug)]
pub struct FileStamp(pub PathBuf);

impl Stamp for FileStamp {
    fn now(&self) -> io::Result<String> {
        disk::file_stamp(&self.0)
    }

    fn moves_with_own_writes(&self) -> bool {
        true
    }
}
