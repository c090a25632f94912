//! Changes of each kind that a guest makes, from a seed.

use disk::{Disk, DiskError};
use model::ByteRange;

use crate::{Random, scatter_changes};

/// How what is changed lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Nothing is.
    Nothing,
    /// A few bytes, far apart; also the first and the last one of the disk.
    Bytes,
    /// Many short ranges close together.
    Clustered,
    /// Ranges that become zero, as holes where the disk has them.
    Zeroed,
    /// Ranges of any kind, anywhere.
    Scattered,
    /// Every byte.
    All,
}

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Bytes,
        Self::Clustered,
        Self::Zeroed,
        Self::Scattered,
        Self::All,
    ];

    /// Changes a disk.
    ///
    /// # Errors
    /// What the disk's calls return.
    pub fn apply(self, disk: &dyn Disk, seed: u64) -> Result<(), DiskError> {
        let size = disk.size().0;
        let mut random = Random::new(seed);
        match self {
            Self::Nothing => Ok(()),
            Self::Bytes => {
                let far = [0, size - 1, random.below(size), random.below(size)];
                far.into_iter().try_for_each(|at| invert(disk, at, 1))
            }
            Self::Clustered => {
                let from = random.below(size);
                for _ in 0..20 {
                    let at = (from + random.below(40_000)).min(size - 1);
                    invert(disk, at, (1 + random.below(700)).min(size - at))?;
                }
                Ok(())
            }
            Self::Zeroed => {
                for _ in 0..6 {
                    let at = random.below(size);
                    let len = (1 + random.below(200_000)).min(size - at);
                    disk.write_zeroes(ByteRange::new(at, len))?;
                }
                Ok(())
            }
            Self::Scattered => scatter_changes(disk, seed, 12, 40_000).map(drop),
            Self::All => invert(disk, 0, size),
        }
    }
}

/// Makes every byte of a range another.
fn invert(disk: &dyn Disk, start: u64, len: u64) -> Result<(), DiskError> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    disk.read_at(start, &mut bytes)?;
    for byte in &mut bytes {
        *byte = !*byte;
    }
    disk.write_at(start, &bytes)
}
