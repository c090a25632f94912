//! Layers around a disk: each watches the calls and may delay, count, spoil or refuse them.

mod counting;
mod fail;
mod flip;
mod mishap;
mod power;
mod slow;

use std::{fmt, sync::Arc};

use disk::{Disk, DiskError, Extent, Losses};
use model::{ByteCount, ByteRange};

pub use counting::{Counting, Counts};
pub use fail::{FailAt, Fault, When};
pub use flip::BitFlip;
pub use mishap::{Lasts, Mishap, Mishaps, Struck};
pub use power::{PowerLoss, Survivors};
pub use slow::Slow;

/// A kind of call on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `read_at`.
    Read,
    /// `write_at`.
    Write,
    /// `write_zeroes`.
    Zero,
    /// `flush`; its range is empty.
    Flush,
    /// `extents`.
    Extents,
}

/// What a layer does around each call.
pub trait Hook: Send + Sync + fmt::Debug {
    /// Before the call; an error keeps it from happening.
    ///
    /// # Errors
    /// Whatever the layer is there to inject.
    fn before(&self, call: Call, range: ByteRange) -> Result<(), DiskError> {
        let _ = (call, range);
        Ok(())
    }

    /// After the call succeeded.
    ///
    /// # Errors
    /// What the disk below returns to the layer.
    fn after(&self, call: Call, range: ByteRange, inner: &dyn Disk) -> Result<(), DiskError> {
        let _ = (call, range, inner);
        Ok(())
    }
}

/// A disk with a hook around each call.
#[derive(Debug)]
pub struct Layer<H> {
    inner: Arc<dyn Disk>,
    hook: H,
}

impl<H: Hook> Layer<H> {
    /// Wraps a disk.
    pub fn around(inner: Arc<dyn Disk>, hook: H) -> Self {
        Self { inner, hook }
    }

    /// The hook, to ask it what it saw.
    pub fn hook(&self) -> &H {
        &self.hook
    }

    fn call<T>(
        &self,
        call: Call,
        range: ByteRange,
        run: impl FnOnce(&dyn Disk) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        self.hook.before(call, range)?;
        let result = run(&*self.inner)?;
        self.hook.after(call, range, &*self.inner)?;
        Ok(result)
    }
}

impl<H: Hook> Disk for Layer<H> {
    fn size(&self) -> ByteCount {
        self.inner.size()
    }

    fn sector(&self) -> u32 {
        self.inner.sector()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, buffer.len() as u64);
        self.call(Call::Read, range, |inner| inner.read_at(offset, buffer))
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, data.len() as u64);
        self.call(Call::Write, range, |inner| inner.write_at(offset, data))
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        self.call(Call::Zero, range, |inner| inner.write_zeroes(range))
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.call(Call::Flush, ByteRange::new(0, 0), |inner| inner.flush())
    }

    fn interrupt(&self) {
        self.inner.interrupt();
    }

    fn losses(&self) -> Losses {
        self.inner.losses()
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        self.call(Call::Extents, range, |inner| inner.extents(range))
    }
}

/// The error that a disk would give for a call that failed with `kind`.
fn error(call: Call, range: ByteRange, kind: std::io::ErrorKind) -> DiskError {
    let source = std::io::Error::new(kind, "injected fault");
    match call {
        Call::Read => DiskError::Read { range, source },
        Call::Write | Call::Zero => DiskError::Write { range, source },
        Call::Flush => DiskError::Flush { source },
        Call::Extents => DiskError::Map { range, source },
    }
}

/// Whether two ranges have a byte in common.
const fn overlap(a: ByteRange, b: ByteRange) -> bool {
    a.start < b.end() && b.start < a.end()
}
