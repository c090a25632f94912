//! Whether somebody else may have written to a VM's disks.
//!
//! libvirt keeps no count of starts. A VM that is held cannot be started (its fence), so its number
//! stays, unless it is seen running, or its fence was gone. For one that nobody holds its images tell:
//! whoever writes or puts another in the place of one changes their fingerprint.

use super::{cell::Cell, record::VmRecord};
use crate::PlatformError;

impl Cell {
    /// See [`crate::Platform::write_epoch`].
    pub(super) fn write_epoch(&mut self) -> Result<u64, PlatformError> {
        self.newest_of_all()?;
        let mut record = self.record().clone();
        if record.held_by.is_some() {
            if self.runs() {
                record.write_epoch += 1;
                self.save(record)?;
            }
            return Ok(self.record().write_epoch);
        }
        self.settle_epoch(&mut record)?;
        self.save(record)?;
        Ok(self.record().write_epoch)
    }

    /// Counts on where the images changed since the number was given.
    pub(super) fn settle_epoch(&self, record: &mut VmRecord) -> Result<(), PlatformError> {
        let changed = self.changed_at()?;
        if self.runs() || changed != record.settled_at {
            record.write_epoch += 1;
            record.settled_at = changed;
        }
        Ok(())
    }

    /// The fingerprint of its images: who they are, how long, and when they changed.
    pub(super) fn changed_at(&self) -> Result<u64, PlatformError> {
        let record = self.record();
        let newest = self.newest_of_all()?;
        let bases = record.bases.values().map(|image| image.path.as_path());
        let layers = record.layers.iter().flat_map(|it| it.files.values());
        let all = newest
            .values()
            .map(|image| image.path.as_path())
            .chain(bases)
            .chain(layers.map(std::path::PathBuf::as_path));
        self.site.images.fingerprint(&self.vm, all)
    }
}
