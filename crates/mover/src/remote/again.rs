//! The near end once all was sent: what the far end wants again, and what it says of its proof; and
//! what it has elsewhere.

use std::{
    io::Read,
    sync::{PoisonError, mpsc::SyncSender},
};

use blake3::Hash;
use model::{ByteCount, ByteRange};

use super::{
    apply::{REPAIRS, UNSEEDED},
    frame::Frame,
    near::{Near, protocol},
    pack::Packer,
    root::digest,
    seeds,
    send::data,
};
use crate::{MoverError, Note, buffer::Buffer, compare::length};

/// Blocks that a far end may want once more, because they are not right or come from no seed: it
/// asks for no more.
const WANTED: usize = REPAIRS + UNSEEDED;
/// Notes of a far end that are kept.
const TOLD: usize = 2048;
/// Seeds of a far end that may be dropped.
const SEEDS: usize = 1024;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every frame that is not awaited is the same mistake of the far end"
)]
impl Near<'_> {
    /// Says that all was sent, and sends once more what the far end wants.
    pub(super) fn settle(
        &self,
        input: &mut impl Read,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        self.send(frames, Frame::Settle)?;
        let mut wanted = Vec::new();
        loop {
            match self.frame(input)? {
                Frame::Settled => break,
                Frame::Want { start, len, seeded } if wanted.len() < WANTED => {
                    wanted.push((self.block(start, len)?, seeded));
                }
                // Nothing was compared that they could be needed for.
                Frame::Seeds { .. } if wanted.is_empty() => {}
                _ => return Err(protocol()),
            }
        }
        let (mut buffer, mut packer) = (Buffer::default(), Packer::new(&self.pace));
        for (block, seeded) in wanted {
            self.send_again(block, seeded, &mut buffer, &mut packer, frames)?;
        }
        Ok(())
    }

    /// A block that the far end names.
    fn block(&self, start: u64, len: u32) -> Result<ByteRange, MoverError> {
        let size = self.groups.size;
        let range = ByteRange::new(start.min(size), 1);
        let block = self.groups.block.align_out(range, ByteCount(size));
        if block == ByteRange::new(start, u64::from(len)) && len > 0 {
            Ok(block)
        } else {
            Err(protocol())
        }
    }

    /// A block that the far end names, or a part of one.
    fn part(&self, start: u64, len: u32) -> Result<ByteRange, MoverError> {
        let size = self.groups.size;
        let first = ByteRange::new(start.min(size), 1);
        let block = self.groups.block.align_out(first, ByteCount(size));
        let part = ByteRange::new(start, u64::from(len));
        if len > 0 && start >= block.start && part.end() <= block.end() {
            Ok(part)
        } else {
            Err(protocol())
        }
    }

    /// Sends a block once more, as the source has it now.
    fn send_again(
        &self,
        block: ByteRange,
        seeded: bool,
        buffer: &mut Buffer,
        packer: &mut Packer<'_>,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        if !seeded {
            tracing::warn!(%block, "the far end's device returned other content than it wrote");
        }
        buffer.resize(length(block.len));
        self.read_whole(block, buffer)?;
        let all = ByteCount(block.len);
        self.watch.meter.update(|counters| {
            counters.reread += all;
            counters.hashed += all;
        });
        let frame = match digest(buffer) {
            Some(digest) => {
                self.watch.pay(block.len)?;
                data(block, buffer, digest, packer)?
            }
            None => Frame::Zero {
                start: block.start,
                len: block.len,
            },
        };
        let packed = frame.payload();
        self.send(frames, frame)?;
        if seeded {
            self.watch.meter.update(|counters| {
                counters.seeded = counters.seeded.saturating_sub(all);
                counters.sent += all;
                counters.packed += packed;
            });
        }
        Ok(())
    }

    /// Whether the far end has said that it has this content.
    pub(super) fn is_there(&self, digest: &Hash) -> bool {
        let seeds = self.seeds.read().unwrap_or_else(PoisonError::into_inner);
        seeds.binary_search(&seeds::prefix(digest)).is_ok()
    }

    /// Takes in what the far end says that it has.
    pub(super) fn hear_seeds(&self, prefixes: &[u64]) -> Result<(), MoverError> {
        let mut seeds = self.seeds.write().unwrap_or_else(PoisonError::into_inner);
        let from = seeds.len().saturating_sub(1);
        seeds.extend(prefixes);
        let news = seeds.get(from..).unwrap_or_default();
        let in_order = news.windows(2).all(|pair| pair[0] < pair[1]);
        if in_order && seeds.len() <= seeds::MOST {
            Ok(())
        } else {
            Err(protocol())
        }
    }

    /// Nothing more comes from a seed, and nobody knows which of the rest came from it: all that
    /// differs is sent from now on.
    pub(super) fn drop_seed(&self, seed: u32) -> Result<(), MoverError> {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        if !dropped.insert(seed) || dropped.len() > SEEDS {
            return Err(protocol());
        }
        let mut seeds = self.seeds.write().unwrap_or_else(PoisonError::into_inner);
        seeds.clear();
        let number = u64::from(seed) + 1;
        let mut notes = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(Note::SeedDropped { number });
        Ok(())
    }

    /// The far end's last frame; what it repaired comes before it.
    pub(super) fn proof(&self, input: &mut impl Read) -> Result<Frame, MoverError> {
        loop {
            match self.frame(input)? {
                Frame::Repaired { start, len } => {
                    let range = self.part(start, len)?;
                    let mut notes = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                    if notes.len() < TOLD {
                        notes.push(Note::Repaired { range });
                    }
                }
                last => return Ok(last),
            }
        }
    }
}
