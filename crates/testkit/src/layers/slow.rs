//! A disk that takes its time.

use std::{sync::Arc, thread, time::Duration};

use disk::{Disk, DiskError};
use model::ByteRange;

use super::{Call, Hook, Layer};

/// A [`Slow`] hook.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    call: Call,
    each: Duration,
}

/// A disk whose calls of one kind take longer.
pub type Slow = Layer<Delay>;

impl Slow {
    /// A disk whose calls of the kind `call` take at least `each`.
    pub fn new(inner: Arc<dyn Disk>, call: Call, each: Duration) -> Self {
        Self::around(inner, Delay { call, each })
    }
}

impl Hook for Delay {
    fn before(&self, call: Call, _range: ByteRange) -> Result<(), DiskError> {
        if call == self.call {
            thread::sleep(self.each);
        }
        Ok(())
    }
}
