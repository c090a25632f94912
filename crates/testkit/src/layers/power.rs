//! A disk behind a volatile cache whose power can be cut.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use disk::{Disk, DiskError, Extent, ExtentKind};
use model::{ByteCount, ByteRange};

use super::{Call, error, overlap};
use crate::Random;

/// What a power loss leaves of the writes since the last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// Nothing.
    None,
    /// Some whole writes and some torn in the middle, in the order of a seed.
    Seeded(u64),
}

/// A disk whose writes reach the disk below only when it is flushed.
///
/// Reads see everything written. [`PowerLoss::cut_after`] sets the moment at which every call
/// begins to fail, as for a process whose storage went away; [`PowerLoss::lose`] then decides what
/// became of the cache and turns the power on again.
#[derive(Debug)]
pub struct PowerLoss {
    inner: Arc<dyn Disk>,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    pending: Vec<Pending>,
    calls: u64,
    cut_after: Option<u64>,
}

#[derive(Debug)]
struct Pending {
    range: ByteRange,
    /// None for zeroes.
    data: Option<Vec<u8>>,
}

impl PowerLoss {
    /// A disk with power, and with nothing in its cache.
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        Self {
            inner,
            cache: Mutex::default(),
        }
    }

    /// Lets `calls` more writes, zero writes and flushes succeed; everything after them fails.
    pub fn cut_after(&self, calls: u64) {
        let mut cache = self.lock();
        cache.cut_after = Some(cache.calls + calls);
    }

    /// How many writes, zero writes and flushes succeeded so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Empties the cache as a power loss does and turns the power on.
    ///
    /// # Errors
    /// What the disk below returns for what survived.
    pub fn lose(&self, survivors: Survivors) -> Result<(), DiskError> {
        let mut cache = self.lock();
        cache.cut_after = None;
        let pending = std::mem::take(&mut cache.pending);
        let Survivors::Seeded(seed) = survivors else {
            return Ok(());
        };
        let mut random = Random::new(seed);
        for write in &pending {
            match random.below(3) {
                0 => {}
                1 => write.apply(&*self.inner, write.range.len)?,
                _ => write.apply(&*self.inner, random.below(write.range.len))?,
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, call: Call, pending: Pending) -> Result<(), DiskError> {
        let size = self.inner.size();
        if pending.range.end() > size.0 {
            let range = pending.range;
            return Err(DiskError::PastEnd { range, size });
        }
        let mut cache = self.lock();
        cache.step(call, pending.range)?;
        cache.pending.push(pending);
        Ok(())
    }
}

impl Cache {
    fn powered(&self, call: Call, range: ByteRange) -> Result<(), DiskError> {
        if self.cut_after.is_some_and(|limit| self.calls >= limit) {
            return Err(error(call, range, ErrorKind::NotConnected));
        }
        Ok(())
    }

    fn step(&mut self, call: Call, range: ByteRange) -> Result<(), DiskError> {
        self.powered(call, range)?;
        self.calls += 1;
        Ok(())
    }
}

impl Pending {
    /// Writes the first `len` bytes of it.
    fn apply(&self, disk: &dyn Disk, len: u64) -> Result<(), DiskError> {
        match &self.data {
            None => disk.write_zeroes(ByteRange::new(self.range.start, len)),
            Some(data) => {
                let len = usize::try_from(len).unwrap_or(data.len());
                disk.write_at(self.range.start, &data[..len])
            }
        }
    }

    /// Lays the part of it that falls on a buffer read from `offset` over that buffer.
    fn overlay(&self, offset: u64, buffer: &mut [u8]) {
        let from = self.range.start.max(offset);
        let to = self.range.end().min(offset + buffer.len() as u64);
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        if from >= to {
            return;
        }
        let part = &mut buffer[index(from - offset)..index(to - offset)];
        match &self.data {
            None => part.fill(0),
            Some(data) => {
                let start = index(from - self.range.start);
                part.copy_from_slice(&data[start..start + part.len()]);
            }
        }
    }
}

impl Disk for PowerLoss {
    fn size(&self) -> ByteCount {
        self.inner.size()
    }

    fn sector(&self) -> u32 {
        self.inner.sector()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let cache = self.lock();
        cache.powered(Call::Read, ByteRange::new(offset, buffer.len() as u64))?;
        self.inner.read_at(offset, buffer)?;
        for pending in &cache.pending {
            pending.overlay(offset, buffer);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, data.len() as u64);
        let data = Some(data.to_vec());
        self.remember(Call::Write, Pending { range, data })
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        self.remember(Call::Zero, Pending { range, data: None })
    }

    fn flush(&self) -> Result<(), DiskError> {
        let mut cache = self.lock();
        cache.step(Call::Flush, ByteRange::new(0, 0))?;
        for pending in cache.pending.drain(..) {
            pending.apply(&*self.inner, pending.range.len)?;
        }
        self.inner.flush()
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        let cache = self.lock();
        cache.powered(Call::Extents, range)?;
        if cache.pending.iter().any(|one| overlap(one.range, range)) {
            let kind = ExtentKind::Data;
            return Ok(vec![Extent { range, kind }]);
        }
        self.inner.extents(range)
    }
}
