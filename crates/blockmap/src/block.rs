//! Blocks: their size and what is known of one.

use std::fmt;

use model::{ByteCount, ByteRange};

/// The unit of comparison: a power of two from 4 KiB to 1 MiB. The last block of a disk may be
/// shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(u32);

impl BlockSize {
    /// The smallest allowed.
    pub const MIN: Self = Self(4 * 1024);
    /// The greatest allowed.
    pub const MAX: Self = Self(1024 * 1024);

    /// A block size, if `bytes` is an allowed one.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= Self::MIN.0 && bytes <= Self::MAX.0 {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    /// The start of the block that holds `offset`.
    #[must_use]
    pub fn align_down(self, offset: u64) -> u64 {
        offset - offset % self.bytes()
    }

    /// The smallest range of whole blocks around `range` on a disk of `size`, of which what
    /// lies past the end is dropped; the disk's last block ends with it.
    #[must_use]
    pub fn align_out(self, range: ByteRange, size: ByteCount) -> ByteRange {
        let (from, to) = (range.start, range.end().min(size.0));
        if from >= to {
            return ByteRange::new(from.min(size.0), 0);
        }
        let start = self.align_down(from);
        let last = self.align_down(to - 1);
        let end = last.saturating_add(self.bytes()).min(size.0);
        ByteRange::new(start, end - start)
    }

    /// The blocks of a range that starts on a block, in order; the last may be short.
    pub fn blocks(self, range: ByteRange) -> impl Iterator<Item = ByteRange> {
        let size = self.bytes();
        (0..range.len.div_ceil(size)).map(move |index| {
            let skip = index * size;
            ByteRange::new(range.start + skip, size.min(range.len - skip))
        })
    }
}

impl Default for BlockSize {
    /// 64 KiB.
    fn default() -> Self {
        Self(64 * 1024)
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteCount(self.bytes()).fmt(f)
    }
}

/// The digest of a block's content. Which function made it is the business of whoever read it, as
/// long as both sides use the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:032x})", self.0)
    }
}

/// What one side's block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockState {
    /// Nothing but zeroes.
    Zero,
    /// Something else, with this digest.
    Digest(Digest),
}
