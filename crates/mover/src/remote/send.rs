//! What the near end sends of a piece: the blocks that differ, and nothing of those that the far end
//! has.

use std::sync::{atomic::Ordering, mpsc::SyncSender};

use blake3::Hash;
use blockmap::RangeSet;
use model::{ByteCount, ByteRange, MapState};

use super::{
    frame::{Frame, Theirs},
    near::{Near, link},
    pack::Packer,
    root::{BlockDigest, digest},
};
use crate::{
    Meter, MoverError,
    buffer::Buffer,
    compare::{length, slice},
};

impl Near<'_> {
    /// Sends what differs in a piece; whether anything did.
    pub(super) fn piece(
        &self,
        piece: ByteRange,
        mut seen: Seen<'_>,
        digests: &[BlockDigest],
        theirs: impl Fn(usize) -> Theirs,
        packer: &mut Packer<'_>,
        frames: &SyncSender<Frame>,
    ) -> Result<bool, MoverError> {
        let mut wrote = false;
        let mut found = Found::new(self.watch.meter.draws());
        for (index, block) in self.groups.block.blocks(piece).enumerate() {
            if !self.is_asked(block) {
                continue;
            }
            if let Seen::Read(bytes, bad) = &seen
                && !bad.intersect(&RangeSet::from_ranges([block])).is_empty()
            {
                wrote = true;
                let far_hole = theirs(index) == Theirs::Hole;
                self.leave(block, slice(bytes, piece, block), bad, far_hole, frames)?;
                continue;
            }
            let len = ByteCount(block.len);
            let (ours, theirs) = (digests.get(index).copied().flatten(), theirs(index));
            let same = match (&ours, &theirs) {
                (None, Theirs::Hole | Theirs::Zero) => true,
                (Some(ours), Theirs::Digest(theirs)) => ours.as_bytes().starts_with(theirs),
                (None, Theirs::Digest(_)) | (Some(_), Theirs::Hole | Theirs::Zero) => false,
            };
            let known = (seen.is_hole(ours.as_ref()), theirs == Theirs::Hole);
            let from_digests = (
                matches!(seen, Seen::Kept(_)),
                self.far_known.load(Ordering::Relaxed),
            );
            self.watch.meter.update(|counters| {
                counters.scanned += len;
                if known == (true, true) {
                    counters.skipped += len;
                    return;
                }
                *if same {
                    &mut counters.equal
                } else {
                    &mut counters.different
                } += len;
                if known.0 {
                    counters.source_zero += len;
                } else if from_digests.0 {
                    counters.source_known += len;
                } else {
                    counters.read_source += len;
                    counters.hashed += len;
                }
                *if known.1 {
                    &mut counters.target_zero
                } else if from_digests.1 {
                    &mut counters.target_known
                } else {
                    &mut counters.read_target
                } += len;
            });
            found.push(
                block,
                match (known, same) {
                    ((true, true), _) => MapState::Hole,
                    (_, true) => MapState::Equal,
                    (_, false) if self.task.apply => MapState::Sent,
                    (_, false) => MapState::Different,
                },
            );
            if same {
                continue;
            }
            self.found(block);
            wrote |= self.task.apply;
            match ours {
                None => self.send_zero(block, frames)?,
                Some(digest) if self.is_there(&digest) => {
                    self.send_seeded(block, digest, frames)?;
                }
                Some(digest) => {
                    let bytes = match &mut seen {
                        Seen::Read(bytes, _) => slice(bytes, piece, block),
                        Seen::Kept(buffer) => self.fetch(block, digest, buffer)?,
                    };
                    self.send_block(block, bytes, digest, packer, frames)?;
                }
            }
        }
        found.draw(self.watch.meter);
        Ok(wrote)
    }

    /// Reads a block of which only the digest is known, if it is to be sent.
    fn fetch<'b>(
        &self,
        block: ByteRange,
        wanted: Hash,
        buffer: &'b mut Buffer,
    ) -> Result<&'b [u8], MoverError> {
        if !self.task.apply {
            return Ok(&[]);
        }
        self.watch.checkpoint()?;
        buffer.resize(length(block.len));
        self.read_whole(block, buffer)?;
        let all = ByteCount(block.len);
        self.watch.meter.update(|counters| {
            counters.reread += all;
            counters.hashed += all;
        });
        if digest(buffer) != Some(wanted) {
            return Err(MoverError::DigestsWrong { range: block });
        }
        Ok(buffer)
    }

    fn send_zero(&self, block: ByteRange, frames: &SyncSender<Frame>) -> Result<(), MoverError> {
        if !self.task.apply {
            return Ok(());
        }
        let (start, len) = (block.start, block.len);
        self.send(frames, Frame::Zero { start, len })?;
        self.watch.meter.update(|counters| {
            counters.zeroed += ByteCount(len);
        });
        Ok(())
    }

    /// Names a block's content, which the far end has.
    fn send_seeded(
        &self,
        block: ByteRange,
        digest: Hash,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        self.to_send.fetch_add(block.len, Ordering::Relaxed);
        if !self.task.apply {
            return Ok(());
        }
        let frame = Frame::Seeded {
            start: block.start,
            len: u32::try_from(block.len).unwrap_or(u32::MAX),
            digest: *digest.as_bytes(),
        };
        self.send(frames, frame)?;
        self.watch.meter.update(|counters| {
            counters.seeded += ByteCount(block.len);
        });
        Ok(())
    }

    fn send_block(
        &self,
        block: ByteRange,
        bytes: &[u8],
        digest: Hash,
        packer: &mut Packer<'_>,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        self.to_send.fetch_add(block.len, Ordering::Relaxed);
        if !self.task.apply {
            return Ok(());
        }
        self.watch.pay(block.len)?;
        let frame = data(block, bytes, digest, packer)?;
        let packed = frame.payload();
        self.send(frames, frame)?;
        self.watch.meter.update(|counters| {
            counters.sent += ByteCount(block.len);
            counters.packed += packed;
        });
        Ok(())
    }
}

/// What is at hand of a piece, besides its digests.
pub(super) enum Seen<'a> {
    /// Its content; nothing where it is a hole. Then the sectors that could not be read.
    Read(&'a [u8], &'a RangeSet),
    /// Nothing: blocks that are sent are read into this.
    Kept(&'a mut Buffer),
}

impl Seen<'_> {
    /// Whether a block was known to be zero.
    fn is_hole(&self, digest: Option<&Hash>) -> bool {
        match self {
            Self::Read(bytes, _) => bytes.is_empty(),
            Self::Kept(_) => digest.is_none(),
        }
    }
}

/// A block for the wire.
pub(super) fn data(
    block: ByteRange,
    bytes: &[u8],
    digest: Hash,
    packer: &mut Packer<'_>,
) -> Result<Frame, MoverError> {
    let (codec, bytes) = packer.pack(bytes).map_err(link)?;
    Ok(Frame::Data {
        start: block.start,
        len: u32::try_from(block.len).unwrap_or(u32::MAX),
        digest: *digest.as_bytes(),
        codec,
        bytes,
    })
}

/// What a piece came to, for the map: drawn at once, when all of it was handed to the wire.
struct Found {
    wanted: bool,
    runs: Vec<(ByteRange, MapState)>,
}

impl Found {
    const fn new(wanted: bool) -> Self {
        let runs = Vec::new();
        Self { wanted, runs }
    }

    fn push(&mut self, block: ByteRange, state: MapState) {
        if !self.wanted {
            return;
        }
        match self.runs.last_mut() {
            Some((last, same)) if last.end() == block.start && *same == state => {
                last.len += block.len;
            }
            _ => self.runs.push((block, state)),
        }
    }

    fn draw(self, meter: &Meter) {
        meter.draw(|map| {
            for (range, state) in self.runs {
                map.paint(range, state);
            }
        });
    }
}
