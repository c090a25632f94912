//! Images and changes from a seed.

use disk::{Disk, DiskError};
use model::ByteRange;

use crate::Random;

const STRETCH: u64 = 64 * 1024;

/// Fills a disk with stretches of random data and leaves about `zero_percent` of it untouched.
///
/// # Errors
/// What the disk's writes return.
pub fn random_image(disk: &dyn Disk, seed: u64, zero_percent: u64) -> Result<(), DiskError> {
    let mut random = Random::new(seed);
    let size = disk.size().0;
    let mut at = 0;
    while at < size {
        let len = (1 + random.below(STRETCH)).min(size - at);
        if !random.chance(zero_percent) {
            write_random(disk, &mut random, ByteRange::new(at, len))?;
        }
        at += len;
    }
    Ok(())
}

/// Overwrites `count` random ranges of at most `max_len` bytes, every fifth of them with zeroes,
/// and returns them in the order of writing.
///
/// # Errors
/// What the disk's writes return.
pub fn scatter_changes(
    disk: &dyn Disk,
    seed: u64,
    count: u64,
    max_len: u64,
) -> Result<Vec<ByteRange>, DiskError> {
    let mut random = Random::new(seed);
    let size = disk.size().0;
    let mut changed = Vec::new();
    for _ in 0..count {
        let start = random.below(size);
        let range = ByteRange::new(start, (1 + random.below(max_len)).min(size - start));
        if random.chance(20) {
            disk.write_zeroes(range)?;
        } else {
            write_random(disk, &mut random, range)?;
        }
        changed.push(range);
    }
    Ok(changed)
}

fn write_random(disk: &dyn Disk, random: &mut Random, range: ByteRange) -> Result<(), DiskError> {
    let mut at = range.start;
    while at < range.end() {
        let mut data = vec![0; usize::try_from((range.end() - at).min(STRETCH)).unwrap_or(1)];
        random.fill(&mut data);
        disk.write_at(at, &data)?;
        at += data.len() as u64;
    }
    Ok(())
}
