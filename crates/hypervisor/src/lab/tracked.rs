//! A disk as the VM's guest sees it: every write is recorded before it happens.

use std::sync::Arc;

use disk::{Disk, DiskError, Extent};
use model::{ByteCount, ByteRange};

use super::runtime::VmCell;

/// One disk of a VM through its change record.
#[derive(Debug)]
pub(crate) struct TrackedDisk {
    pub(super) cell: Arc<VmCell>,
    pub(super) index: usize,
    pub(super) size: ByteCount,
    pub(super) sector: u32,
}

impl TrackedDisk {
    /// Whether a range is on the disk; the record must not be asked to cover more.
    fn check(&self, range: ByteRange) -> Result<(), DiskError> {
        if range.end() > self.size.0 {
            return Err(DiskError::PastEnd {
                range,
                size: self.size,
            });
        }
        Ok(())
    }

    fn write(
        &self,
        range: ByteRange,
        write: impl FnOnce(&dyn Disk) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        self.check(range)?;
        let mut state = self.cell.state();
        let handle = state.handle(self.index)?;
        state
            .mark(self.index, &[range])
            .map_err(|source| DiskError::Write { range, source })?;
        write(handle.as_ref())
    }
}

impl Disk for TrackedDisk {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn sector(&self) -> u32 {
        self.sector
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let mut state = self.cell.state();
        state.handle(self.index)?.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, data.len() as u64);
        self.write(range, |disk| disk.write_at(offset, data))
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        self.write(range, |disk| disk.write_zeroes(range))
    }

    fn flush(&self) -> Result<(), DiskError> {
        let mut state = self.cell.state();
        state.handle(self.index)?.flush()
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        let mut state = self.cell.state();
        state.handle(self.index)?.extents(range)
    }
}
