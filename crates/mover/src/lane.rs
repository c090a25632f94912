//! One worker of a task: compares stretch after stretch in two small buffers, and writes what
//! differs from the one that holds it. The buffers stay in a core's own cache.

use std::sync::{Mutex, PoisonError, mpsc::SyncSender};

use blockmap::DiffPlan;
use model::{ByteCount, ByteRange};

use crate::{
    MoverError, Note, Proof, Task,
    buffer::Buffer,
    compare::{Content, compare, is_zero, length, slice},
    error::Side,
    io::{Io, pieces},
    watch::Watch,
    work::{Stretch, Work},
};

/// No request of a worker is longer, unless a single block is.
pub(crate) const REQUEST: u64 = 256 * 1024;

/// What became of a stretch.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Read and found equal.
    pub(crate) equal: Vec<ByteRange>,
    /// Written with the source's content.
    pub(crate) copied: Vec<Sent>,
    /// Made zero.
    pub(crate) zeroed: Vec<ByteRange>,
    /// Bytes that would be sent; also in a dry run.
    pub(crate) to_send: ByteCount,
    /// What was repaired on the way.
    pub(crate) notes: Vec<Note>,
}

/// A block that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) block: ByteRange,
    /// Of its content, where that is proved later.
    pub(crate) digest: Option<blake3::Hash>,
}

/// Works until the work is done or fails; tells each stretch's outcome, and an error last.
pub(crate) fn run(
    task: &Task,
    watch: &Watch<'_>,
    work: &Mutex<Work<'_>>,
    outcomes: &SyncSender<Result<Outcome, MoverError>>,
) {
    let mut lane = Lane {
        io: Io { task, watch },
        source: Buffer::default(),
        target: Buffer::default(),
    };
    loop {
        let next = watch
            .checkpoint()
            .and_then(|()| work.lock().unwrap_or_else(PoisonError::into_inner).next());
        let outcome = match next {
            Ok(None) => return,
            Ok(Some(stretch)) => lane.stretch(&stretch),
            Err(error) => Err(error),
        };
        let ended = outcome.is_err();
        if outcomes.send(outcome).is_err() || ended {
            return;
        }
    }
}

struct Lane<'a> {
    io: Io<'a>,
    source: Buffer,
    target: Buffer,
}

impl Lane<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Result<Outcome, MoverError> {
        let mut outcome = Outcome::default();
        self.io.watch.meter.update(|counters| {
            counters.skipped += stretch.skipped;
            counters.scanned += stretch.skipped;
        });
        let request = REQUEST.max(self.io.task.block.bytes());
        for piece in pieces(stretch.both.iter(), request) {
            self.read_source(piece)?;
            self.read_target(piece)?;
            self.piece(piece, Read::Both, &mut outcome)?;
        }
        for piece in pieces(stretch.source_only.iter(), request) {
            self.read_source(piece)?;
            self.piece(piece, Read::SourceOnly, &mut outcome)?;
        }
        for piece in pieces(stretch.target_only.iter(), request) {
            self.read_target(piece)?;
            self.piece(piece, Read::TargetOnly, &mut outcome)?;
        }
        Ok(outcome)
    }

    /// Compares a piece that is in the buffers, and makes the target equal.
    fn piece(
        &mut self,
        piece: ByteRange,
        read: Read,
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        let (source, target) = match read {
            Read::Both => (Content::Bytes(&self.source), Content::Bytes(&self.target)),
            Read::SourceOnly => (Content::Bytes(&self.source), Content::Zero),
            Read::TargetOnly => (Content::Zero, Content::Bytes(&self.target)),
        };
        let (plan, report) = compare(piece, self.io.task.block, source, target);
        self.io.watch.meter.update(|counters| {
            let all = ByteCount(piece.len);
            counters.scanned += all;
            counters.equal += report.equal;
            counters.different += report.different;
            *match read {
                Read::Both | Read::SourceOnly => &mut counters.read_source,
                Read::TargetOnly => &mut counters.source_zero,
            } += all;
            *match read {
                Read::Both | Read::TargetOnly => &mut counters.read_target,
                Read::SourceOnly => &mut counters.target_zero,
            } += all;
        });
        let to_send: ByteCount = plan.copy.iter().map(|range| ByteCount(range.len)).sum();
        outcome.to_send += to_send;
        if report.different == ByteCount::ZERO {
            extend(&mut outcome.equal, piece);
            return Ok(());
        }
        if self.io.task.apply {
            self.apply(piece, &plan, outcome)?;
        }
        equal_ranges(piece, &plan, &mut outcome.equal);
        Ok(())
    }

    fn apply(
        &mut self,
        piece: ByteRange,
        plan: &DiffPlan,
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        for range in &plan.zero {
            self.io.zero(*range)?;
            outcome.zeroed.push(*range);
        }
        for range in &plan.copy {
            self.io.send(piece, *range, &self.source)?;
        }
        match self.io.task.proof {
            Proof::Cache => self.prove(piece, plan, outcome),
            Proof::Device => {
                let sent = plan
                    .copy
                    .iter()
                    .flat_map(|range| self.digests(piece, *range));
                outcome.copied.extend(sent);
                Ok(())
            }
        }
    }

    /// What is proved later, from the device.
    fn digests(&self, piece: ByteRange, range: ByteRange) -> impl Iterator<Item = Sent> {
        let blocks = self.io.task.block.blocks(range);
        let all = ByteCount(range.len);
        self.io
            .watch
            .meter
            .update(|counters| counters.hashed += all);
        blocks.map(move |block| Sent {
            block,
            digest: Some(blake3::hash(slice(&self.source, piece, block))),
        })
    }

    /// Reads back at once, while what was sent is still at hand.
    fn prove(
        &mut self,
        piece: ByteRange,
        plan: &DiffPlan,
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        for range in &plan.copy {
            self.io.read_back(*range, &mut self.target)?;
            for block in self.io.task.block.blocks(*range) {
                let sent = slice(&self.source, piece, block);
                if slice(&self.target, *range, block) != sent {
                    self.io.repair(block, |found| found == sent)?;
                    outcome.notes.push(Note::Repaired { range: block });
                }
                self.io.proved(block);
                let digest = None;
                outcome.copied.push(Sent { block, digest });
            }
        }
        for range in &plan.zero {
            self.io.read_back(*range, &mut self.target)?;
            for block in self.io.task.block.blocks(*range) {
                if !is_zero(slice(&self.target, *range, block)) {
                    self.io.repair(block, is_zero)?;
                    outcome.notes.push(Note::Repaired { range: block });
                }
                self.io.proved(block);
            }
        }
        Ok(())
    }

    fn read_source(&mut self, piece: ByteRange) -> Result<(), MoverError> {
        self.source.resize(length(piece.len));
        self.io.read(Side::Source, piece, &mut self.source)
    }

    fn read_target(&mut self, piece: ByteRange) -> Result<(), MoverError> {
        self.target.resize(length(piece.len));
        self.io.read(Side::Target, piece, &mut self.target)
    }
}

/// Which sides of a piece are in the buffers.
#[derive(Clone, Copy)]
enum Read {
    Both,
    SourceOnly,
    TargetOnly,
}

/// Appends a range, joined with the last one when it goes on from there.
fn extend(ranges: &mut Vec<ByteRange>, range: ByteRange) {
    match ranges.last_mut() {
        Some(last) if last.end() == range.start => last.len += range.len,
        _ => ranges.push(range),
    }
}

/// The parts of a piece that the plan leaves alone.
fn equal_ranges(piece: ByteRange, plan: &DiffPlan, equal: &mut Vec<ByteRange>) {
    let mut written: Vec<ByteRange> = plan.copy.iter().chain(&plan.zero).copied().collect();
    written.sort_unstable();
    let mut from = piece.start;
    for range in written.into_iter().chain([ByteRange::new(piece.end(), 0)]) {
        if range.start > from {
            extend(equal, ByteRange::new(from, range.start - from));
        }
        from = range.end();
    }
}
