//! What a disk of a new VM begins with: a copy of another disk of its site.

use std::path::Path;

use disk::{Access, Disk, DiskError, ExtentKind, Locator};
use model::{ByteRange, SeedDisk};

use crate::{
    DiskAt, Platform as _, PlatformError,
    lab::{Lab, meta::DiskFile},
};

/// Bytes that are copied at a time.
const STEP: u64 = 1 << 20;

impl Lab {
    /// Copies what the seed holds now into a new image. Its VM may run: what is copied is compared with
    /// the replica's before anybody believes it.
    pub(super) fn copy_seed(
        &self,
        seed: &SeedDisk,
        directory: &Path,
        made: &DiskFile,
    ) -> Result<(), PlatformError> {
        let from = self.open_disk(&seed.vm, &seed.disk, &DiskAt::Active, None)?;
        let to = Locator::File {
            path: directory.join(&made.base),
            format: made.format,
        };
        copy(&from, &to).map_err(|source| PlatformError::Disk {
            vm: seed.vm.clone(),
            source,
        })
    }
}

fn copy(from: &Locator, to: &Locator) -> Result<(), DiskError> {
    let from = disk::open(from, Access::Read)?;
    let to = disk::open(to, Access::Write)?;
    let mut buffer = Vec::new();
    let whole = ByteRange::new(0, from.size().min(to.size()).0);
    for extent in from.extents(whole)? {
        if extent.kind == ExtentKind::Data {
            copy_range(from.as_ref(), to.as_ref(), extent.range, &mut buffer)?;
        }
    }
    to.flush()
}

fn copy_range(
    from: &dyn Disk,
    to: &dyn Disk,
    range: ByteRange,
    buffer: &mut Vec<u8>,
) -> Result<(), DiskError> {
    let mut at = range.start;
    while at < range.end() {
        let len = STEP.min(range.end() - at);
        // A step is at most 1 MiB.
        buffer.resize(usize::try_from(len).unwrap_or_default(), 0);
        from.read_at(at, buffer)?;
        to.write_at(at, buffer)?;
        at += len;
    }
    Ok(())
}
