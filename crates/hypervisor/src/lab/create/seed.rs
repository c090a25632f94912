//! What a disk of a new VM begins with: a copy of another disk of its site.

use std::path::Path;

use disk::{Access, DiskError, ExtentKind, Locator};
use model::{ByteRange, SeedDisk};

use crate::{
    DiskAt, Platform as _, PlatformError,
    lab::{
        Lab,
        merge::{read, steps},
        meta::DiskFile,
    },
};

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
    let extents = from.extents(whole)?.into_iter();
    let data = extents.filter(|extent| extent.kind == ExtentKind::Data);
    for step in data.flat_map(|extent| steps(extent.range)) {
        read(from.as_ref(), step, &mut buffer)?;
        to.write_at(step.start, &buffer)?;
    }
    to.flush()
}
