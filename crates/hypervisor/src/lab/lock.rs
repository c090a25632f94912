//! The lock that makes one process the owner of a lab. The kernel lets it go when the process ends.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use super::meta::{io_error, lab_dir};
use crate::PlatformError;

/// Held while the lab is open; whoever has it owns the data directory.
#[derive(Debug)]
pub struct LabLock {
    _file: File,
}

impl LabLock {
    /// Takes the lock of the lab in `data_dir`, or says who stands in the way and what to do.
    pub(crate) fn acquire(data_dir: &Path) -> Result<Self, PlatformError> {
        let directory = lab_dir(data_dir);
        fs::create_dir_all(&directory).map_err(|e| io_error("create", &directory, e))?;
        let path = directory.join("lock");
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| io_error("open", &path, e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(errno) if errno == rustix::io::Errno::WOULDBLOCK => Err(in_use(data_dir, errno)),
            Err(errno) => Err(io_error("lock", &path, errno.into())),
        }
    }
}

fn in_use(data_dir: &Path, errno: rustix::io::Errno) -> PlatformError {
    PlatformError::Io {
        operation: format!(
            "another Landfall process has the lab in {} open; stop it, or choose another data \
             directory",
            data_dir.display()
        ),
        source: io::Error::from(errno),
    }
}

/// Makes this process the owner of a data directory, for as long as the lock is kept.
///
/// # Errors
/// When another Landfall process owns it.
pub fn own_data_dir(data_dir: &Path) -> Result<LabLock, PlatformError> {
    LabLock::acquire(data_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_refused_with_cause_and_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let first = LabLock::acquire(dir.path()).unwrap();
        let refusal = LabLock::acquire(dir.path()).unwrap_err().to_string();
        assert!(refusal.contains("another Landfall process"), "{refusal}");
        assert!(refusal.contains("stop it"), "{refusal}");
        drop(first);
        LabLock::acquire(dir.path()).unwrap();
    }
}
