//! The near end's reading: retries, exact sectors, and what becomes of a block that cannot be read as
//! a whole.

use std::sync::{PoisonError, mpsc::SyncSender};

use blockmap::RangeSet;
use model::{ByteCount, ByteRange, MapState};

use super::{frame::Frame, near::Near, root::BlockDigest, scan::Piece};
use crate::{
    MoverError, Unreadable,
    compare::slice,
    error::Side,
    read::{Reader, readable},
};

impl Near<'_> {
    /// Fills the buffer with the source's content but for the sectors that are returned, where the
    /// operator wants to go on without them.
    ///
    /// # Errors
    /// [`MoverError::Unreadable`] with the sectors, [`MoverError::Read`], [`MoverError::Cancelled`].
    pub(super) fn read(&self, range: ByteRange, buffer: &mut [u8]) -> Result<RangeSet, MoverError> {
        match (self.reader().fill(range, buffer)?, self.task.unreadable) {
            (None, _) => Ok(RangeSet::new()),
            // A block that was read in part has no digest that could be kept.
            (Some(bad), Unreadable::Skip) if self.kept.is_none() => Ok(bad.sectors),
            (Some(bad), Unreadable::Skip | Unreadable::Stop) => Err(bad.stop()),
        }
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    /// As [`Near::read`].
    pub(super) fn read_whole(&self, range: ByteRange, buffer: &mut [u8]) -> Result<(), MoverError> {
        let bad = self.reader().fill(range, buffer)?;
        bad.map_or(Ok(()), |bad| Err(bad.stop()))
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            disk: &*self.task.source,
            side: Side::Source,
            block: self.groups.block,
            watch: self.watch,
        }
    }

    /// A piece's digests, none where a block could not be read as a whole.
    pub(super) fn without_left(&self, piece: &Piece<'_>) -> Vec<BlockDigest> {
        let blocks = self.groups.block.blocks(piece.range);
        let whole = |block| {
            let block = RangeSet::from_ranges([block]);
            piece.bad.intersect(&block).is_empty()
        };
        let digests = blocks.zip(piece.digests);
        digests
            .map(|(block, digest)| digest.filter(|_| whole(block)))
            .collect()
    }

    /// Sends what can be read of a block, and says that the rest is unknown.
    pub(super) fn leave(
        &self,
        block: ByteRange,
        bytes: &[u8],
        bad: &RangeSet,
        far_hole: bool,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        self.found(block);
        let runs = readable(block, bad);
        let left = RangeSet::from_ranges([block]).subtract(&runs);
        self.count(block, runs.total(), far_hole);
        {
            let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            for range in left.iter() {
                unread.insert(range, self.groups.size);
            }
        }
        let sent = if self.task.apply {
            MapState::Sent
        } else {
            MapState::Different
        };
        self.watch.meter.draw_all(runs.iter(), sent);
        self.watch.meter.draw_all(left.iter(), MapState::Unreadable);
        let (start, len) = (block.start, u32::try_from(block.len).unwrap_or(u32::MAX));
        self.send(frames, Frame::Left { start, len })?;
        if !self.task.apply {
            return Ok(());
        }
        for run in runs.iter() {
            self.watch.pay(run.len)?;
            let bytes = slice(bytes, block, run).to_vec();
            let start = run.start;
            self.send(frames, Frame::Part { start, bytes })?;
            self.watch.meter.update(|counters| {
                counters.sent += ByteCount(run.len);
                counters.packed += ByteCount(run.len);
            });
        }
        Ok(())
    }

    /// Nobody knows whether what was read of such a block differs, so it is sent as if it did.
    fn count(&self, block: ByteRange, read: ByteCount, far_hole: bool) {
        let all = ByteCount(block.len);
        self.watch.meter.update(|counters| {
            counters.scanned += all;
            counters.unread += all.saturating_sub(read);
            counters.different += read;
            counters.read_source += read;
            *if far_hole {
                &mut counters.target_zero
            } else {
                &mut counters.read_target
            } += read;
        });
        let to_send = &self.to_send;
        to_send.fetch_add(read.0, std::sync::atomic::Ordering::Relaxed);
    }
}
