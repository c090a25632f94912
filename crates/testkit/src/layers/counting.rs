//! A disk that remembers what was asked of it.

use std::sync::{Arc, Mutex, PoisonError};

use disk::{Disk, DiskError};
use model::{ByteCount, ByteRange};

use super::{Call, Hook, Layer};

/// A [`Counting`] hook.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Vec<(Call, ByteRange)>>);

/// A disk that remembers each call, those that failed below included.
pub type Counting = Layer<Counts>;

impl Counting {
    /// A disk that counts.
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        Self::around(inner, Counts::default())
    }

    /// The ranges of all calls of a kind, in order.
    #[must_use]
    pub fn ranges(&self, call: Call) -> Vec<ByteRange> {
        let calls = self.hook().0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = calls.iter().filter(|(kind, _)| *kind == call);
        same.map(|(_, range)| *range).collect()
    }

    /// How many calls of a kind there were.
    #[must_use]
    pub fn calls(&self, call: Call) -> usize {
        self.ranges(call).len()
    }

    /// How many bytes the calls of a kind were about.
    #[must_use]
    pub fn bytes(&self, call: Call) -> ByteCount {
        let ranges = self.ranges(call);
        ranges.iter().map(|range| ByteCount(range.len)).sum()
    }
}

impl Hook for Counts {
    fn before(&self, call: Call, range: ByteRange) -> Result<(), DiskError> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((call, range));
        Ok(())
    }
}
