//! A disk on which the n-th call goes wrong, whatever it is: for driving a fault through every
//! operation of a run.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use disk::{Disk, DiskError, Extent};
use model::{ByteCount, ByteRange};

use super::{Call, error};
use crate::Random;

/// What goes wrong with a call. Where it says "a place", that is one byte of the call's range,
/// chosen by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Any call: it does not happen, and fails.
    Error,
    /// Any call: it happens, and fails all the same.
    Late,
    /// A read: what comes before a place arrives, and the call fails.
    Short,
    /// A write: what comes before a place lands, and the call fails.
    Torn,
    /// A write: what comes before a place lands, and the call is said to be done.
    TornSilently,
    /// A write: a bit flips at a place after it was done.
    FlipAtRest,
    /// A read: a bit flips at a place of what arrives.
    FlipInFlight,
    /// Any call: it takes so much longer.
    Delay(Duration),
}

/// How long a mishap lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// One call.
    Once,
    /// It strikes every later call of the same kind that touches the same place, too: a bad sector.
    Always,
}

/// A call that was struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Its kind.
    pub call: Call,
    /// What it was about.
    pub range: ByteRange,
    /// The place; the start of the range where the mishap has none.
    pub place: u64,
}

/// A disk that has one mishap. Calls to which it cannot happen are not counted.
#[derive(Debug)]
pub struct Mishaps {
    inner: Arc<dyn Disk>,
    mishap: Mishap,
    lasts: Lasts,
    number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: u64,
    first: Option<Struck>,
}

impl Mishaps {
    /// A disk whose call with this number, from 0 on, has the mishap.
    pub fn new(inner: Arc<dyn Disk>, mishap: Mishap, number: u64, lasts: Lasts) -> Self {
        Self {
            inner,
            mishap,
            lasts,
            number,
            state: Mutex::default(),
        }
    }

    /// The first call that was struck; none when there were not so many.
    #[must_use]
    pub fn struck(&self) -> Option<Struck> {
        self.lock().first
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this call is struck, and where.
    fn place(&self, call: Call, range: ByteRange) -> Option<u64> {
        let happens = match self.mishap {
            Mishap::Error | Mishap::Late | Mishap::Delay(_) => true,
            Mishap::Short | Mishap::FlipInFlight => call == Call::Read,
            Mishap::Torn | Mishap::TornSilently | Mishap::FlipAtRest => {
                matches!(call, Call::Write | Call::Zero)
            }
        };
        if !happens {
            return None;
        }
        let mut state = self.lock();
        if let Some(first) = state.first {
            let again = self.lasts == Lasts::Always
                && call == first.call
                && (range.start..range.end().max(range.start + 1)).contains(&first.place);
            return again.then_some(first.place);
        }
        let number = state.seen;
        state.seen += 1;
        if number != self.number {
            return None;
        }
        let place = range.start + Random::new(number).below(range.len);
        state.first = Some(Struck { call, range, place });
        Some(place)
    }

    /// A call without content to spoil.
    fn plain<T>(
        &self,
        call: Call,
        range: ByteRange,
        run: impl FnOnce() -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        if self.place(call, range).is_none() {
            return run();
        }
        match self.mishap {
            Mishap::Late => run().and_then(|_| Err(failure(call, range))),
            Mishap::Delay(time) => {
                thread::sleep(time);
                run()
            }
            Mishap::Error
            | Mishap::Short
            | Mishap::Torn
            | Mishap::TornSilently
            | Mishap::FlipAtRest
            | Mishap::FlipInFlight => Err(failure(call, range)),
        }
    }

    /// A write, of which `part` does as much as lies before an offset.
    fn change(
        &self,
        call: Call,
        range: ByteRange,
        part: impl Fn(u64) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let Some(place) = self.place(call, range) else {
            return part(range.end());
        };
        match self.mishap {
            Mishap::Error | Mishap::Short | Mishap::FlipInFlight => Err(failure(call, range)),
            Mishap::Late => part(range.end()).and(Err(failure(call, range))),
            Mishap::Torn => part(place).and(Err(failure(call, range))),
            Mishap::TornSilently => part(place),
            Mishap::FlipAtRest => {
                part(range.end())?;
                let mut byte = [0];
                self.inner.read_at(place, &mut byte)?;
                self.inner.write_at(place, &[byte[0] ^ 0x10])
            }
            Mishap::Delay(time) => {
                thread::sleep(time);
                part(range.end())
            }
        }
    }
}

fn failure(call: Call, range: ByteRange) -> DiskError {
    error(call, range, ErrorKind::Other)
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Disk for Mishaps {
    fn size(&self) -> ByteCount {
        self.inner.size()
    }

    fn sector(&self) -> u32 {
        self.inner.sector()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, buffer.len() as u64);
        let Some(place) = self.place(Call::Read, range) else {
            return self.inner.read_at(offset, buffer);
        };
        let read = |part: &mut [u8]| self.inner.read_at(offset, part);
        let failed = Err(failure(Call::Read, range));
        match self.mishap {
            Mishap::Late => read(buffer).and(failed),
            Mishap::Short => read(&mut buffer[..index(place - offset)]).and(failed),
            Mishap::FlipInFlight => {
                read(buffer)?;
                if let Some(byte) = buffer.get_mut(index(place - offset)) {
                    *byte ^= 0x10;
                }
                Ok(())
            }
            Mishap::Delay(time) => {
                thread::sleep(time);
                read(buffer)
            }
            Mishap::Error | Mishap::Torn | Mishap::TornSilently | Mishap::FlipAtRest => failed,
        }
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, data.len() as u64);
        self.change(Call::Write, range, |end| {
            self.inner.write_at(offset, &data[..index(end - offset)])
        })
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        self.change(Call::Zero, range, |end| {
            let part = ByteRange::new(range.start, end - range.start);
            self.inner.write_zeroes(part)
        })
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.plain(Call::Flush, ByteRange::new(0, 0), || self.inner.flush())
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        self.plain(Call::Extents, range, || self.inner.extents(range))
    }
}
