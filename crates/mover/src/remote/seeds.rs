//! What the far end has of the source's content in other places: other disks, a snapshot, a
//! template. It is read there instead of being sent.
//!
//! The far end digests its seeds and tells the near end the first eight bytes of each digest. Of a
//! block that is among them only the digest travels; whoever copies it from the seed holds the
//! content against the whole digest, and asks for what is not there after all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use blake3::Hash;
use blockmap::{BlockSize, RangeSet};
use disk::{Disk, DiskError};
use model::ByteRange;

use super::{
    root::{Groups, digest},
    scan,
};
use crate::{buffer::Buffer, compare::length, io::fill_by_block};

/// Blocks of all seeds that are known, at most: 64 GiB of content in blocks of 64 KiB, for 16 MiB
/// of memory at the far end and 8 MiB at the near one.
pub(super) const MOST: usize = 1 << 20;

/// The short form of a digest.
pub(super) fn prefix(digest: &Hash) -> u64 {
    let first = digest.as_bytes().first_chunk::<8>();
    u64::from_le_bytes(first.copied().unwrap_or_default())
}

/// Where a digest's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    prefix: u64,
    seed: u32,
    block: u32,
}

/// Seeds with the digests of their blocks.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    /// None once one cannot be read.
    disks: Vec<Option<Arc<dyn Disk>>>,
    block: BlockSize,
    /// In order of prefixes; one place for each.
    places: Vec<Place>,
    buffer: Buffer,
    newly_dropped: Option<u32>,
}

impl Seeds {
    /// Digests the seeds, until `MOST` blocks are known; tells what it read. A seed that cannot be
    /// read is left out.
    pub(super) fn scan(
        disks: &[Arc<dyn Disk>],
        block: BlockSize,
        read: impl Fn(u64) + Sync,
    ) -> Self {
        let mut seeds = Self {
            disks: disks.iter().cloned().map(Some).collect(),
            block,
            ..Self::default()
        };
        for (seed, disk) in (0..).zip(disks) {
            let room = MOST.saturating_sub(seeds.places.len());
            match places(seed, &**disk, block, room, &read) {
                Ok(found) => seeds.places.extend(found),
                Err((range, error)) => seeds.give_up(seed, range, &error),
            }
        }
        seeds.places.sort_unstable();
        seeds.places.dedup_by_key(|place| place.prefix);
        seeds.places.truncate(MOST);
        seeds
    }

    /// Does without a seed.
    fn give_up(&mut self, seed: u32, range: ByteRange, error: &DiskError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let cause = cause.unwrap_or_default();
        tracing::warn!(seed = seed + 1, %range, %error, cause, "a seed cannot be read and is not used");
        if let Some(disk) = usize::try_from(seed)
            .ok()
            .and_then(|it| self.disks.get_mut(it))
        {
            *disk = None;
        }
    }

    /// Seeds that are done without, by their places.
    pub(super) fn dropped(&self) -> impl Iterator<Item = u32> + '_ {
        let numbered = (0..).zip(&self.disks);
        numbered.filter_map(|(seed, disk)| disk.is_none().then_some(seed))
    }

    /// One that could not be read since this was asked for last.
    pub(super) fn newly_dropped(&mut self) -> Option<u32> {
        self.newly_dropped.take()
    }

    /// The short digests of all blocks, in order.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = u64> + '_ {
        self.places.iter().map(|place| place.prefix)
    }

    /// The content of `len` bytes with this digest, if a seed has it still and can be read.
    pub(super) fn find(&mut self, wanted: &Hash, len: u64) -> Option<&[u8]> {
        let wanted_prefix = prefix(wanted);
        let at = self
            .places
            .binary_search_by_key(&wanted_prefix, |place| place.prefix);
        let place = *self.places.get(at.ok()?)?;
        let disk = self.disks.get(usize::try_from(place.seed).ok()?)?.clone()?;
        let range = ByteRange::new(u64::from(place.block) * self.block.bytes(), len);
        if range.end() > disk.size().0 {
            return None;
        }
        self.buffer.resize(length(len));
        if let Err(error) = disk.read_at(range.start, &mut self.buffer) {
            self.give_up(place.seed, range, &error);
            self.newly_dropped = Some(place.seed);
            return None;
        }
        (digest(&self.buffer) == Some(*wanted)).then_some(&*self.buffer)
    }
}

/// The blocks of one seed, at most about so many, read by several threads: a run waits for this
/// before anything is sent.
fn places(
    seed: u32,
    disk: &dyn Disk,
    block: BlockSize,
    most: usize,
    read: &(impl Fn(u64) + Sync),
) -> Result<Vec<Place>, (ByteRange, DiskError)> {
    let size = disk.size().0;
    let groups = Groups { size, block };
    let (next, count) = (AtomicU64::new(0), AtomicUsize::new(0));
    let work = || {
        let (mut found, mut buffer) = (Vec::new(), Buffer::default());
        while count.load(Ordering::Relaxed) < most {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= groups.count() {
                break;
            }
            let before = found.len();
            let take = |piece: scan::Piece<'_>| {
                read(piece.bytes.len() as u64);
                let first = piece.range.start / block.bytes();
                for (number, digest) in (first..).zip(piece.digests) {
                    if let (Some(digest), Ok(block)) = (digest, u32::try_from(number)) {
                        let prefix = prefix(digest);
                        found.push(Place {
                            prefix,
                            seed,
                            block,
                        });
                    }
                }
                Ok(())
            };
            let fill = |piece: ByteRange, bytes: &mut [u8]| {
                fill_by_block(disk, block, piece, bytes, |block, error| (block, error))
                    .map(|()| RangeSet::new())
            };
            let done =
                scan::group::<(ByteRange, DiskError)>(disk, groups, group, &mut buffer, fill, take);
            // The others stop with it.
            done.inspect_err(|_| count.store(usize::MAX, Ordering::Relaxed))?;
            let news = found.len() - before;
            // It may have been stopped meanwhile.
            let _stopped = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                count.checked_add(news)
            });
        }
        Ok(found)
    };
    let lanes = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..lanes).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            // A panic of a worker goes on here.
            let found = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.extend(found?);
        }
        Ok(all)
    })
}
