//! Makes durable, proves and notes what the workers wrote, while they go on.

use std::time::{Duration, Instant};

use blockmap::RangeSet;
use model::{ByteCount, ByteRange, MapState};

use crate::{
    MoverError, Note, Proof,
    buffer::Buffer,
    compare::{is_zero, slice},
    findings::{Notes, Unread},
    io::{Io, pieces},
    journal::{Journal, Mark},
    lane::{Outcome, REQUEST, Sent},
};

/// What is equal is noted at least this often, so that little is read again after a crash.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// Collects outcomes and settles them now and then.
pub(crate) struct Settler<'a> {
    io: Io<'a>,
    journal: Option<Journal>,
    /// So many written bytes are settled together.
    most: u64,
    pending: Outcome,
    written: u64,
    since: Instant,
    buffer: Buffer,
    pub(crate) notes: Notes,
    pub(crate) to_send: ByteCount,
    /// Could not be read at the source.
    pub(crate) unread: Unread,
}

impl<'a> Settler<'a> {
    pub(crate) fn new(io: Io<'a>, journal: Option<Journal>, most: u64) -> Self {
        Self {
            io,
            journal,
            most,
            pending: Outcome::default(),
            written: 0,
            since: Instant::now(),
            buffer: Buffer::default(),
            notes: Notes::default(),
            to_send: ByteCount::ZERO,
            unread: Unread::default(),
        }
    }

    /// Takes a stretch's outcome, and settles when enough has come together.
    ///
    /// # Errors
    /// As [`Settler::settle`].
    pub(crate) fn take(&mut self, outcome: Outcome) -> Result<(), MoverError> {
        let copied: u64 = outcome.copied.iter().map(|sent| sent.block.len).sum();
        let zeroed: u64 = outcome.zeroed.iter().map(|range| range.len).sum();
        self.written += copied + zeroed;
        self.notes.extend(outcome.notes);
        self.to_send += outcome.to_send;
        for range in outcome.unread {
            tracing::warn!(%range, "the source cannot be read here; the target is left as it is");
            self.unread.insert(range, self.io.task.source.size().0);
            self.pending.unread.push(range);
        }
        self.pending.equal.extend(outcome.equal);
        self.pending.copied.extend(outcome.copied);
        self.pending.zeroed.extend(outcome.zeroed);
        self.settle_if_due()
    }

    /// Settles when enough has come together, or when the last time is long ago.
    ///
    /// # Errors
    /// As [`Settler::settle`].
    pub(crate) fn settle_if_due(&mut self) -> Result<(), MoverError> {
        if self.written >= self.most || self.since.elapsed() >= AT_LEAST_EVERY {
            return self.settle();
        }
        Ok(())
    }

    /// Flushes, proves from the device where that is asked for, and notes everything taken.
    ///
    /// # Errors
    /// [`MoverError::Flush`], [`MoverError::Journal`], and of proofs that were left to it.
    pub(crate) fn settle(&mut self) -> Result<(), MoverError> {
        self.io.watch.alive()?;
        let done = std::mem::take(&mut self.pending);
        let wrote = std::mem::take(&mut self.written) > 0;
        let from_device = self.io.task.proof == Proof::Device;
        if wrote && (from_device || self.journal.is_some()) {
            self.io.flush()?;
        }
        if wrote && from_device {
            self.prove(&done)?;
        }
        self.note(&done)?;
        self.since = Instant::now();
        Ok(())
    }

    /// Reads back what was written, past the host's cache, and repairs once what is not right.
    fn prove(&mut self, done: &Outcome) -> Result<(), MoverError> {
        for run in runs(&done.copied) {
            let range = span(run);
            self.read_back(range)?;
            let all = ByteCount(range.len);
            self.io
                .watch
                .meter
                .update(|counters| counters.hashed += all);
            for sent in run {
                let is_right = |found: &[u8]| Some(blake3::hash(found)) == sent.digest;
                let right = is_right(slice(&self.buffer, range, sent.block));
                self.judge(sent.block, right, is_right)?;
            }
        }
        for range in pieces(done.zeroed.iter().copied(), REQUEST) {
            self.read_back(range)?;
            for block in self.io.task.block.blocks(range) {
                let right = is_zero(slice(&self.buffer, range, block));
                self.judge(block, right, is_zero)?;
            }
        }
        let proved = done.copied.iter().map(|sent| sent.block);
        let proved = proved.chain(done.zeroed.iter().copied());
        self.io.watch.meter.draw_all(proved, MapState::Verified);
        Ok(())
    }

    fn read_back(&mut self, range: ByteRange) -> Result<(), MoverError> {
        self.io.read_back_from_device(range, &mut self.buffer)
    }

    fn judge(
        &mut self,
        block: ByteRange,
        right: bool,
        is_right: impl Fn(&[u8]) -> bool,
    ) -> Result<(), MoverError> {
        if !right {
            self.io.repair(block, is_right)?;
            self.notes.push(Note::Repaired { range: block });
        }
        self.io.proved(block);
        Ok(())
    }

    fn note(&mut self, done: &Outcome) -> Result<(), MoverError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let (block, size) = (self.io.task.block, self.io.task.source.size());
        // A block that was not read as a whole is looked at again by a later try.
        let partly = RangeSet::from_ranges(done.unread.iter().copied()).aligned_out(block, size);
        let joined = |ranges| joined(ranges, &partly);
        let copied = done.copied.iter().map(|sent| sent.block);
        let marks = [
            (Mark::Equal, joined(&mut done.equal.iter().copied())),
            (Mark::Copied, joined(&mut { copied })),
            (Mark::Zeroed, joined(&mut done.zeroed.iter().copied())),
        ];
        if marks.iter().all(|(_, ranges)| ranges.is_empty()) {
            return Ok(());
        }
        self.io.sides.save_put()?;
        for (mark, ranges) in marks {
            journal.append(mark, &ranges)?;
        }
        journal.sync()
    }
}

/// The same bytes in as few ranges as can be, without those in `except`.
fn joined(ranges: &mut dyn Iterator<Item = ByteRange>, except: &RangeSet) -> Vec<ByteRange> {
    let all = RangeSet::from_ranges(ranges);
    all.subtract(except).iter().collect()
}

/// Blocks that follow each other, as far as one request reaches.
fn runs(sent: &[Sent]) -> impl Iterator<Item = &[Sent]> {
    let mut rest = sent;
    std::iter::from_fn(move || {
        let first = rest.first()?.block;
        let mut end = first.start;
        let count = rest
            .iter()
            .take_while(|next| {
                let joins = next.block.start == end && next.block.end() - first.start <= REQUEST;
                let joins = joins || next.block == first;
                end = next.block.end();
                joins
            })
            .count();
        let (run, left) = rest.split_at(count);
        rest = left;
        Some(run)
    })
}

fn span(run: &[Sent]) -> ByteRange {
    let start = run.first().map_or(0, |sent| sent.block.start);
    let end = run.last().map_or(start, |sent| sent.block.end());
    ByteRange::new(start, end - start)
}
