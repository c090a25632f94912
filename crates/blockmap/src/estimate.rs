//! How much a difference will read, before anything is read.

use model::ByteCount;

/// Bytes that a difference reads on each side; a range known to be zero is not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// At the source.
    pub source: ByteCount,
    /// At the target.
    pub target: ByteCount,
}

impl Estimate {
    /// On both sides together.
    #[must_use]
    pub const fn total(self) -> ByteCount {
        self.source.saturating_add(self.target)
    }
}

/// What a whole-disk difference reads, from the disk's size and the bytes allocated on each side.
///
/// Allocated figures count clusters and metadata, so they may exceed the size and never say less
/// than will be read, up to the size of a block around each allocated range. The second read of
/// what is written is not in it: how much that is, only the difference tells.
#[must_use]
pub fn estimate(
    size: ByteCount,
    source_allocated: ByteCount,
    target_allocated: ByteCount,
) -> Estimate {
    Estimate {
        source: source_allocated.min(size),
        target: target_allocated.min(size),
    }
}
