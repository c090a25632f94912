//! Keeps a host's page cache as it was found: what was not in it before a disk was read leaves it
//! again, and what was there stays.
//!
//! The kernel's own flag for this, `RWF_DONTCACHE`, leaves much of what read-ahead brought in. So a
//! file is looked at in regions. The first reads of a region are compared with what the kernel says
//! this thread fetched from storage: where most came from the device, the region was cold, and its
//! pages are dropped once the readers went on, and again when the disk is closed.

use std::{
    fs::{self, File},
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
};

use model::ByteRange;

use crate::raw::forget;

/// What is judged together.
const REGION: u64 = 64 << 20;
/// Readers are at most so many regions apart.
const BEHIND: u64 = 2;
/// Bytes of a region by which it is judged where next to nothing was fetched.
const SAMPLE: u64 = 4 << 20;
/// The same where much was, for the host may have lost a few pages of what was there; and where the
/// region before is cold, for read-ahead reaches from there into this one.
const LONG_SAMPLE: u64 = 32 << 20;

/// What a read finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Not judged yet: say what the read fetched.
    Unknown,
    /// Not in the cache before: what comes in is dropped later.
    Cold,
    /// In the cache before.
    Warm,
}

/// What is known of each region of a file.
#[derive(Debug)]
pub(crate) struct Manners(Vec<Region>);

#[derive(Debug, Default)]
struct Region {
    judged: AtomicU8,
    read: AtomicU64,
    fetched: AtomicU64,
}

const UNKNOWN: u8 = 0;
const COLD: u8 = 1;
const WARM: u8 = 2;

impl Manners {
    pub(crate) fn new(size: u64) -> Self {
        let regions = (0..size.div_ceil(REGION)).map(|_| Region::default());
        Self(regions.collect())
    }

    /// What a read at `offset` finds.
    pub(crate) fn find(&self, offset: u64) -> Found {
        match self.judged(offset / REGION) {
            UNKNOWN => Found::Unknown,
            COLD => Found::Cold,
            _ => Found::Warm,
        }
    }

    /// Takes in what a read at `offset` fetched from storage, and judges its region once enough of
    /// it was read; drops the pages of a cold one that readers left behind.
    pub(crate) fn learn(&self, file: &File, offset: u64, read: u64, fetched: u64) {
        let number = offset / REGION;
        let Some(region) = self.region(number) else {
            return;
        };
        let fetched = region.fetched.fetch_add(fetched, Ordering::Relaxed) + fetched;
        let read = region.read.fetch_add(read, Ordering::Relaxed) + read;
        let before = number.checked_sub(1).map(|before| self.judged(before));
        let after_warm = matches!(before, None | Some(WARM));
        let settled = after_warm && fetched < read / 8;
        if read < SAMPLE || (read < LONG_SAMPLE && !settled) {
            return;
        }
        let judged = if is_cold(read, fetched) { COLD } else { WARM };
        region.judged.store(judged, Ordering::Relaxed);
        if let Some(behind) = number.checked_sub(BEHIND) {
            self.leave(file, behind);
        }
    }

    /// Drops every page that was not there before.
    pub(crate) fn leave_all(&self, file: &File) {
        for number in 0..self.0.len() as u64 {
            self.leave(file, number);
        }
    }

    /// A region of which too little was read counts as cold beside a cold one.
    fn leave(&self, file: &File, number: u64) {
        let Some(region) = self.region(number) else {
            return;
        };
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (read, fetched) = (of(&region.read), of(&region.fetched));
        let after_cold = || number.checked_sub(1).map(|before| self.judged(before)) == Some(COLD);
        let cold = match self.judged(number) {
            UNKNOWN => is_cold(read, fetched) || after_cold(),
            judged => judged == COLD,
        };
        if cold && read > 0 {
            // What is still unjudged here was judged now.
            region.judged.store(COLD, Ordering::Relaxed);
            forget(file, ByteRange::new(number * REGION, REGION));
        }
    }

    fn judged(&self, number: u64) -> u8 {
        let region = self.region(number);
        region.map_or(WARM, |region| region.judged.load(Ordering::Relaxed))
    }

    fn region(&self, number: u64) -> Option<&Region> {
        self.0.get(usize::try_from(number).ok()?)
    }
}

/// Whether most of what was read came from the device.
const fn is_cold(read: u64, fetched: u64) -> bool {
    fetched > 0 && fetched >= read / 2
}

/// Bytes that this thread fetched from storage until now; none where the kernel does not count.
pub(crate) fn fetched() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/io").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("read_bytes:"));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
