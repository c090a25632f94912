//! What a server offers.

use std::sync::Arc;

use model::ByteRange;

use super::super::proto::{DIRTY_BITMAP, Headers, export};
use crate::Disk;

/// The specification's bound for every string.
pub(super) const LONGEST_NAME: usize = 4096;

/// A disk that a server offers.
#[derive(Clone, Debug)]
pub struct Export {
    /// The name that clients ask for. The only export of a server is also found by the empty name.
    pub name: String,
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Ranges to offer as a dirty bitmap.
    pub bitmap: Option<Bitmap>,
}

impl Export {
    /// What requests must be multiples of and begin on. Our disks take any byte where sectors are
    /// short; where they are long, a disk may be an export with a limit of its own.
    pub(super) fn min_block(&self) -> u32 {
        let sector = self.disk.sector();
        let whole = self.disk.size().0.is_multiple_of(u64::from(sector.max(1)));
        if sector > 512 && whole { sector } else { 1 }
    }

    /// What the export can do, of [`export`].
    pub(super) fn flags(&self, headers: Headers) -> u16 {
        let mut flags = export::HAS_FLAGS
            | export::SEND_FLUSH
            | export::SEND_FUA
            | export::SEND_TRIM
            | export::SEND_WRITE_ZEROES
            // All connections share one disk, whose flush covers what any of them wrote.
            | export::CAN_MULTI_CONN;
        if self.read_only {
            flags |= export::READ_ONLY;
        }
        if headers != Headers::Simple {
            flags |= export::SEND_DF;
        }
        flags
    }
}

/// Ranges that were written since some point in time, offered as `qemu:dirty-bitmap:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    name: String,
    /// Sorted, apart, none empty.
    ranges: Vec<ByteRange>,
}

impl Bitmap {
    /// A bitmap of ranges in any order.
    #[must_use]
    pub fn new(name: String, mut ranges: Vec<ByteRange>) -> Self {
        ranges.retain(|range| range.len > 0);
        ranges.sort_unstable();
        let mut apart: Vec<ByteRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match apart.last_mut() {
                Some(last) if last.end() >= range.start => {
                    last.len = last.end().max(range.end()) - last.start;
                }
                _ => apart.push(range),
            }
        }
        Self {
            name,
            ranges: apart,
        }
    }

    /// The context's name.
    pub(super) fn context(&self) -> String {
        format!("{DIRTY_BITMAP}{}", self.name)
    }

    /// The ranges that reach into what begins at `at`.
    pub(super) fn from(&self, at: u64) -> &[ByteRange] {
        let before = self.ranges.partition_point(|range| range.end() <= at);
        &self.ranges[before..]
    }
}
