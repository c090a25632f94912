//! A disk whose calls fail where and when they are told to.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use disk::{Disk, DiskError};
use model::ByteRange;

use super::{Call, Hook, Layer, error, overlap};

/// Which calls of a kind fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The one with this number, counted from 0 over the calls of that kind.
    Nth(u64),
    /// That one and all after it.
    From(u64),
    /// Those that touch this range.
    Touching(ByteRange),
    /// The first so many of those that touch this range.
    TouchingTimes(ByteRange, u64),
}

/// A [`FailAt`] hook.
#[derive(Debug)]
pub struct Fault {
    call: Call,
    when: When,
    kind: ErrorKind,
    seen: AtomicU64,
}

/// A disk of which some calls fail, without having happened.
pub type FailAt = Layer<Fault>;

impl FailAt {
    /// A disk whose calls of the kind `call` fail `when` told, with `kind`.
    pub fn new(inner: Arc<dyn Disk>, call: Call, when: When, kind: ErrorKind) -> Self {
        let seen = AtomicU64::new(0);
        Self::around(
            inner,
            Fault {
                call,
                when,
                kind,
                seen,
            },
        )
    }
}

impl Fault {
    fn strikes(&self, range: ByteRange) -> bool {
        let count = || self.seen.fetch_add(1, Ordering::SeqCst);
        match self.when {
            When::Nth(number) => count() == number,
            When::From(number) => count() >= number,
            When::Touching(bad) => overlap(bad, range),
            When::TouchingTimes(bad, times) => overlap(bad, range) && count() < times,
        }
    }
}

impl Hook for Fault {
    fn before(&self, call: Call, range: ByteRange) -> Result<(), DiskError> {
        if call == self.call && self.strikes(range) {
            return Err(error(call, range, self.kind));
        }
        Ok(())
    }
}
