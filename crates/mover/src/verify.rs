//! Reading back what was written, and one repair.

use blockmap::{DiffPlan, RangeSet};
use model::{ByteCount, ByteRange};

use crate::{
    MoverError, Note, Task,
    apply::flush,
    error::Side,
    read::{REQUEST, SourceData, fill_by_block, is_zero, length, pieces},
    watch::Watch,
};

/// Proves a written and flushed plan. Blocks that read back otherwise are written again from the
/// source, once; the notes name them.
///
/// # Errors
/// [`MoverError::Mismatch`] for a block that is wrong again, and what reads and writes return.
pub(crate) fn prove(
    task: &Task,
    plan: &DiffPlan,
    data: &SourceData,
    watch: &Watch<'_>,
) -> Result<Vec<Note>, MoverError> {
    let prover = Prover { task, watch };
    let mut bad = RangeSet::new();
    prover.check(&plan.copy, &mut bad, |block, found| {
        blake3::hash(found) == blake3::hash(data.slice(block))
    })?;
    prover.check(&plan.zero, &mut bad, |_, found| is_zero(found))?;
    for range in bad.iter() {
        prover.repair(range)?;
    }
    let notes = bad.iter().map(|range| Note::Repaired { range });
    Ok(notes.collect())
}

struct Prover<'a> {
    task: &'a Task,
    watch: &'a Watch<'a>,
}

impl Prover<'_> {
    /// Reads ranges back and collects the blocks that are not right.
    fn check(
        &self,
        ranges: &[ByteRange],
        bad: &mut RangeSet,
        right: impl Fn(ByteRange, &[u8]) -> bool,
    ) -> Result<(), MoverError> {
        let mut buffer = Vec::new();
        for piece in pieces(ranges.iter().copied(), REQUEST) {
            self.watch.checkpoint()?;
            self.read_back(piece, &mut buffer)?;
            let found = buffer.chunks(length(self.task.block.bytes()));
            for (block, found) in self.task.block.blocks(piece).zip(found) {
                if right(block, found) {
                    self.proved(block);
                } else {
                    bad.insert(block);
                }
            }
        }
        Ok(())
    }

    /// Writes a range again from the source and reads it back.
    fn repair(&self, range: ByteRange) -> Result<(), MoverError> {
        tracing::warn!(%range, "the target returned other content than was written");
        let (mut sent, mut found) = (Vec::new(), Vec::new());
        for piece in pieces([range].into_iter(), REQUEST) {
            self.watch.checkpoint()?;
            self.read_source(piece, &mut sent)?;
            self.write_again(piece, &sent)?;
            flush(self.task)?;
            self.read_back(piece, &mut found)?;
            self.compare(piece, &sent, &found)?;
        }
        Ok(())
    }

    fn compare(&self, piece: ByteRange, sent: &[u8], found: &[u8]) -> Result<(), MoverError> {
        let size = length(self.task.block.bytes());
        let blocks = self.task.block.blocks(piece);
        for (block, (sent, found)) in blocks.zip(sent.chunks(size).zip(found.chunks(size))) {
            if blake3::hash(sent) != blake3::hash(found) {
                return Err(MoverError::Mismatch { range: block });
            }
            self.proved(block);
        }
        Ok(())
    }

    fn write_again(&self, piece: ByteRange, sent: &[u8]) -> Result<(), MoverError> {
        if is_zero(sent) {
            let zeroed = self.task.target.write_zeroes(piece);
            return zeroed.map_err(|source| MoverError::Zero {
                range: piece,
                source,
            });
        }
        let written = self.task.target.write_at(piece.start, sent);
        written.map_err(|source| MoverError::Write {
            range: piece,
            source,
        })
    }

    fn read_source(&self, piece: ByteRange, buffer: &mut Vec<u8>) -> Result<(), MoverError> {
        buffer.resize(length(piece.len), 0);
        let (disk, block) = (&*self.task.source, self.task.block);
        fill_by_block(disk, block, piece, buffer, |range, source| {
            MoverError::Read {
                side: Side::Source,
                range,
                source,
            }
        })
    }

    fn read_back(&self, piece: ByteRange, buffer: &mut Vec<u8>) -> Result<(), MoverError> {
        buffer.resize(length(piece.len), 0);
        let (disk, block) = (&*self.task.target, self.task.block);
        fill_by_block(disk, block, piece, buffer, |range, source| {
            MoverError::ReadBack { range, source }
        })
    }

    fn proved(&self, block: ByteRange) {
        self.watch.meter.update(|counters| {
            counters.verified = counters.verified.saturating_add(ByteCount(block.len));
        });
    }
}
