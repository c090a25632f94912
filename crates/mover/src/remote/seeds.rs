//! What the far end has of the source's content in other places: other disks, a snapshot, a
//! template. It is read there instead of being sent.
//!
//! The far end digests its seeds and tells the near end the first eight bytes of each digest. Of a
//! block that is among them only the digest travels; whoever copies it from the seed holds the
//! content against the whole digest, and asks for what is not there after all.

use std::{io, sync::Arc};

use blake3::Hash;
use blockmap::BlockSize;
use disk::Disk;
use model::ByteRange;

use super::{
    far::{ScanError, failed_of},
    root::{BlockDigest, Groups, digest},
    scan,
};
use crate::{buffer::Buffer, compare::length};

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
    disks: Vec<Arc<dyn Disk>>,
    block: BlockSize,
    /// In order of prefixes; one place for each.
    places: Vec<Place>,
    buffer: Buffer,
}

impl Seeds {
    /// Digests the seeds, until `MOST` blocks are known; tells what it read.
    ///
    /// # Errors
    /// When a seed cannot be read.
    pub(super) fn scan(
        disks: &[Arc<dyn Disk>],
        block: BlockSize,
        mut read: impl FnMut(u64),
    ) -> io::Result<Self> {
        let (mut places, mut buffer) = (Vec::new(), Buffer::default());
        for (seed, disk) in (0..).zip(disks) {
            let size = disk.size().0;
            let groups = Groups { size, block };
            for group in 0..groups.count() {
                if places.len() >= MOST {
                    break;
                }
                let take = |piece: ByteRange, bytes: &[u8], digests: &[BlockDigest]| {
                    read(bytes.len() as u64);
                    let first = piece.start / block.bytes();
                    for (number, digest) in (first..).zip(digests) {
                        if let (Some(digest), Ok(block)) = (digest, u32::try_from(number)) {
                            let prefix = prefix(digest);
                            places.push(Place {
                                prefix,
                                seed,
                                block,
                            });
                        }
                    }
                    Ok(())
                };
                scan::group::<ScanError>(&**disk, groups, group, &mut buffer, take)
                    .map_err(|error| error.of("seed"))?;
            }
        }
        places.sort_unstable();
        places.dedup_by_key(|place| place.prefix);
        places.truncate(MOST);
        Ok(Self {
            disks: disks.to_vec(),
            block,
            places,
            buffer,
        })
    }

    /// The short digests of all blocks, in order.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = u64> + '_ {
        self.places.iter().map(|place| place.prefix)
    }

    /// The content of `len` bytes with this digest, if a seed has it still.
    ///
    /// # Errors
    /// When the seed cannot be read.
    pub(super) fn find(&mut self, wanted: &Hash, len: u64) -> io::Result<Option<&[u8]>> {
        let wanted_prefix = prefix(wanted);
        let at = self
            .places
            .binary_search_by_key(&wanted_prefix, |place| place.prefix);
        let Some(place) = at.ok().and_then(|at| self.places.get(at)) else {
            return Ok(None);
        };
        let Some(disk) = usize::try_from(place.seed)
            .ok()
            .and_then(|seed| self.disks.get(seed))
        else {
            return Ok(None);
        };
        let range = ByteRange::new(u64::from(place.block) * self.block.bytes(), len);
        if range.end() > disk.size().0 {
            return Ok(None);
        }
        self.buffer.resize(length(len));
        let read = disk.read_at(range.start, &mut self.buffer);
        read.map_err(|error| failed_of(&format!("read {range}"), "seed", &error))?;
        Ok((digest(&self.buffer) == Some(*wanted)).then_some(&*self.buffer))
    }
}
