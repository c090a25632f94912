//! A disk on which a bit flips after it was written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use disk::{Disk, DiskError};
use model::ByteRange;

use super::{Call, Hook, Layer, overlap};

/// A [`BitFlip`] hook.
#[derive(Debug)]
pub struct Flip {
    at: ByteRange,
    left: AtomicU64,
}

/// A disk that silently spoils one byte after a write that covered it.
pub type BitFlip = Layer<Flip>;

impl BitFlip {
    /// A disk that flips a bit of the byte at `offset` after each of the next `times` writes of it.
    pub fn new(inner: Arc<dyn Disk>, offset: u64, times: u64) -> Self {
        let at = ByteRange::new(offset, 1);
        let left = AtomicU64::new(times);
        Self::around(inner, Flip { at, left })
    }
}

impl Flip {
    fn strikes(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }
}

impl Hook for Flip {
    fn after(&self, call: Call, range: ByteRange, inner: &dyn Disk) -> Result<(), DiskError> {
        let wrote = matches!(call, Call::Write | Call::Zero);
        if wrote && overlap(self.at, range) && self.strikes() {
            let mut byte = [0];
            inner.read_at(self.at.start, &mut byte)?;
            inner.write_at(self.at.start, &[byte[0] ^ 0x10])?;
        }
        Ok(())
    }
}
