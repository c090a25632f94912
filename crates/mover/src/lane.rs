//! One worker of a task: compares stretch after stretch in two small buffers, and writes what
//! differs from the one that holds it. The buffers stay in a core's own cache.

use std::sync::{Mutex, PoisonError, mpsc::SyncSender};

use blockmap::{DiffPlan, DiffReport, Node, TreeShape};
use model::{ByteCount, ByteRange, MapState};

use crate::{
    MoverError, Note, Proof,
    buffer::Buffer,
    compare::{Content, compare, equal_ranges, extend, is_zero, length, slice},
    digests::{Known, leaf},
    error::Side,
    io::{Io, pieces},
    judge::{Seen, judge},
    read::{readable, to_front},
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
    /// Could not be read at the source, and is left as it was.
    pub(crate) unread: Vec<ByteRange>,
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
    io: Io<'_>,
    work: &Mutex<Work<'_>>,
    outcomes: &SyncSender<Result<Outcome, MoverError>>,
) {
    let mut lane = Lane {
        io,
        source: Buffer::default(),
        target: Buffer::default(),
        known: Known::default(),
    };
    loop {
        let next = io
            .watch
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
    known: Known,
}

impl Lane<'_> {
    fn stretch(&mut self, stretch: &Stretch) -> Result<Outcome, MoverError> {
        let mut outcome = Outcome::default();
        let (skipped, proved) = (stretch.skipped.total(), stretch.proved.total());
        let meter = self.io.watch.meter;
        meter.update(|counters| {
            counters.skipped += skipped;
            counters.proved += proved;
            counters.equal += proved;
            counters.scanned += skipped;
            counters.scanned += proved;
        });
        meter.draw_all(stretch.skipped.iter(), MapState::Hole);
        meter.draw_all(stretch.proved.iter(), MapState::Equal);
        self.known.clear();
        let request = REQUEST.max(self.io.task.block.bytes());
        for (ranges, read) in [
            (&stretch.both, Read::Both),
            (&stretch.source_only, Read::SourceOnly),
            (&stretch.target_only, Read::TargetOnly),
        ] {
            for piece in pieces(ranges.iter(), request) {
                self.piece(piece, read, &mut outcome)?;
            }
        }
        self.known.put(self.io.sides)?;
        Ok(outcome)
    }

    /// Compares a piece, and makes the target equal.
    fn piece(
        &mut self,
        piece: ByteRange,
        read: Read,
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        if !self.io.sides.is_empty() {
            let found = self.judge(piece, read)?;
            return self.settle(piece, read, found, outcome);
        }
        if read == Read::TargetOnly {
            return self.beside_target(piece, read, outcome);
        }
        self.source.resize(length(piece.len));
        let bad = self.io.read_source(piece, &mut self.source)?;
        if bad.is_empty() {
            return self.beside_target(piece, read, outcome);
        }
        outcome.unread.extend(bad.iter());
        self.io.watch.meter.update(|counters| {
            counters.scanned += bad.total();
            counters.unread += bad.total();
        });
        self.io
            .watch
            .meter
            .draw_all(bad.iter(), MapState::Unreadable);
        for run in readable(piece, &bad).iter() {
            self.source.resize(length(piece.len));
            to_front(&mut self.source, piece, run);
            self.source.resize(length(run.len));
            self.beside_target(run, read, outcome)?;
        }
        Ok(())
    }

    /// Works on a piece whose source is in its buffer.
    fn beside_target(
        &mut self,
        piece: ByteRange,
        read: Read,
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        let found = self.compare(piece, read)?;
        self.settle(piece, read, found, outcome)
    }

    /// Counts what was found, and makes the target equal.
    fn settle(
        &mut self,
        piece: ByteRange,
        read: Read,
        (plan, report): (DiffPlan, DiffReport),
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        let knows = |side| self.io.sides.believed(side).is_some();
        self.io.watch.meter.update(|counters| {
            let all = ByteCount(piece.len);
            counters.scanned += all;
            counters.equal += report.equal;
            counters.different += report.different;
            *match (read, knows(Side::Source)) {
                (Read::TargetOnly, _) => &mut counters.source_zero,
                (Read::Both | Read::SourceOnly, true) => &mut counters.source_known,
                (Read::Both | Read::SourceOnly, false) => &mut counters.read_source,
            } += all;
            *match (read, knows(Side::Target)) {
                (Read::SourceOnly, _) => &mut counters.target_zero,
                (Read::Both | Read::TargetOnly, true) => &mut counters.target_known,
                (Read::Both | Read::TargetOnly, false) => &mut counters.read_target,
            } += all;
        });
        let to_send: ByteCount = plan.copy.iter().map(|range| ByteCount(range.len)).sum();
        outcome.to_send += to_send;
        let meter = self.io.watch.meter;
        if report.different == ByteCount::ZERO {
            extend(&mut outcome.equal, piece);
            meter.draw_all([piece], MapState::Equal);
            return Ok(());
        }
        let mut equal = Vec::new();
        equal_ranges(piece, &plan, &mut equal);
        meter.draw_all(equal.iter().copied(), MapState::Equal);
        meter.draw_plan(&plan, MapState::Different);
        if self.io.task.apply {
            self.apply(piece, &plan, outcome)?;
        }
        for range in equal {
            extend(&mut outcome.equal, range);
        }
        Ok(())
    }

    fn compare(
        &mut self,
        piece: ByteRange,
        read: Read,
    ) -> Result<(DiffPlan, DiffReport), MoverError> {
        if read != Read::SourceOnly {
            self.read(Side::Target, piece)?;
        }
        let (source, target) = match read {
            Read::Both => (Content::Bytes(&self.source), Content::Bytes(&self.target)),
            Read::SourceOnly => (Content::Bytes(&self.source), Content::Zero),
            Read::TargetOnly => (Content::Zero, Content::Bytes(&self.target)),
        };
        Ok(compare(piece, self.io.task.block, source, target))
    }

    /// As [`Lane::compare`], where digests are kept: a side that is known by them is not read,
    /// except for the blocks to be sent.
    fn judge(
        &mut self,
        piece: ByteRange,
        read: Read,
    ) -> Result<(DiffPlan, DiffReport), MoverError> {
        let (mut source, mut target) = (None, None);
        if read != Read::TargetOnly {
            source = self.load(Side::Source, piece)?;
        }
        if read != Read::SourceOnly {
            target = self.load(Side::Target, piece)?;
        }
        let ours = match (read, &source) {
            (Read::TargetOnly, _) => Seen::Zero,
            (Read::Both | Read::SourceOnly, Some(leaves)) => Seen::Leaves(leaves),
            (Read::Both | Read::SourceOnly, None) => Seen::Bytes(&self.source),
        };
        let theirs = match (read, &target) {
            (Read::SourceOnly, _) => Seen::Zero,
            (Read::Both | Read::TargetOnly, Some(leaves)) => Seen::Leaves(leaves),
            (Read::Both | Read::TargetOnly, None) => Seen::Bytes(&self.target),
        };
        let apply = self.io.task.apply;
        let shape = TreeShape {
            size: self.io.task.source.size(),
            block: self.io.task.block,
        };
        let judged = judge(piece, shape, ours, theirs, self.io.sides.wanted(apply));
        if let (true, Some(leaves)) = (apply, &source) {
            self.fetch(piece, &judged.plan, leaves)?;
        }
        let hashed = judged.hashed;
        self.io
            .watch
            .meter
            .update(|counters| counters.hashed += hashed);
        self.known.take(judged.source, judged.target);
        Ok((judged.plan, judged.report))
    }

    /// The leaves of a piece where they are known; otherwise reads it.
    fn load(&mut self, side: Side, piece: ByteRange) -> Result<Option<Vec<Node>>, MoverError> {
        match self.io.sides.believed(side) {
            Some(kept) => self.known.leaves(side, kept, piece).map(Some),
            None => self.read(side, piece).map(|()| None),
        }
    }

    /// Reads what is to be sent of a piece of the source that was judged by its leaves.
    fn fetch(
        &mut self,
        piece: ByteRange,
        plan: &DiffPlan,
        leaves: &[Node],
    ) -> Result<(), MoverError> {
        self.source.resize(length(piece.len));
        let block = self.io.task.block;
        for range in &plan.copy {
            let from = length(range.start - piece.start);
            let buffer = &mut self.source[from..from + length(range.len)];
            self.io.read(Side::Source, *range, buffer)?;
            let all = ByteCount(range.len);
            self.io.watch.meter.update(|counters| {
                counters.reread += all;
                counters.hashed += all;
            });
            for one in block.blocks(*range) {
                let place = length((one.start - piece.start) / block.bytes());
                if leaves.get(place) != Some(&leaf(slice(&self.source, piece, one))) {
                    self.io.sides.distrust(Side::Source);
                    return Err(MoverError::DigestsWrong { range: one });
                }
            }
        }
        Ok(())
    }

    fn apply(
        &mut self,
        piece: ByteRange,
        plan: &DiffPlan,
        outcome: &mut Outcome,
    ) -> Result<(), MoverError> {
        self.io.sides.begin_changes(Side::Target)?;
        for range in &plan.zero {
            self.io.zero(*range)?;
            outcome.zeroed.push(*range);
        }
        for range in &plan.copy {
            self.io.send(piece, *range, &self.source)?;
        }
        self.io.watch.meter.draw_plan(plan, MapState::Sent);
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
            Proof::Nothing => Ok(()),
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
        self.io.watch.meter.draw_plan(plan, MapState::Verified);
        Ok(())
    }

    fn read(&mut self, side: Side, piece: ByteRange) -> Result<(), MoverError> {
        let buffer = match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        };
        buffer.resize(length(piece.len));
        self.io.read(side, piece, buffer)
    }
}

/// Which sides of a piece are looked at; the other is known to be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    Both,
    SourceOnly,
    TargetOnly,
}
