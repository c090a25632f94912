//! The planner: from what each block is on both sides to what must be written.

use model::{ByteCount, ByteRange};

use crate::{BlockSize, BlockState};

/// A stretch of both disks, block by block. Feed a disk in batches of a bounded size; the plans of
/// consecutive batches together are the plan of the disk.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Where; starts on a block, and ends on one or with the disk.
    pub range: ByteRange,
    /// One state per block of the side that is read.
    pub source: &'a [BlockState],
    /// One state per block of the side that is written.
    pub target: &'a [BlockState],
}

/// What the plan has to respect.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size of the batch's blocks.
    pub block: BlockSize,
    /// No range of the plan is longer, unless a single block is.
    pub max_request: ByteCount,
}

/// What to write so that the target equals the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffPlan {
    /// Ranges to send, in order; each of whole blocks.
    pub copy: Vec<ByteRange>,
    /// Ranges to make zero, in order; each of whole blocks.
    pub zero: Vec<ByteRange>,
}

/// What was compared. The three add up to the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffReport {
    /// The same content on both sides.
    pub equal: ByteCount,
    /// Different content.
    pub different: ByteCount,
    /// Zero on both sides.
    pub skipped: ByteCount,
}

/// A batch whose parts do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The range does not start on a block.
    Unaligned,
    /// A side has more or fewer states than the range has blocks.
    WrongCount,
}

/// What one block comes to. Whoever has both sides' content at hand says it directly; from
/// digests, [`Verdict::between`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Zero on both sides.
    BothZero,
    /// The same content.
    Equal,
    /// Zero at the source only.
    Zero,
    /// Other content at the source.
    Copy,
}

impl Verdict {
    /// What two states come to.
    #[must_use]
    pub fn between(source: BlockState, target: BlockState) -> Self {
        match (source, target) {
            (BlockState::Zero, BlockState::Zero) => Self::BothZero,
            (BlockState::Zero, BlockState::Digest(_)) => Self::Zero,
            (BlockState::Digest(theirs), BlockState::Digest(ours)) if theirs == ours => Self::Equal,
            (BlockState::Digest(_), BlockState::Zero | BlockState::Digest(_)) => Self::Copy,
        }
    }
}

/// Collects verdicts, in order, into a plan whose ranges are as long as the limits allow.
#[derive(Debug)]
pub struct Planner {
    max_request: ByteCount,
    plan: DiffPlan,
    report: DiffReport,
}

impl Planner {
    /// A planner of nothing yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            max_request: limits.max_request,
            plan: DiffPlan::default(),
            report: DiffReport::default(),
        }
    }

    /// Adds the next block, or a run of blocks of one verdict no longer than a request.
    pub fn push(&mut self, range: ByteRange, verdict: Verdict) {
        let counter = match verdict {
            Verdict::BothZero => &mut self.report.skipped,
            Verdict::Equal => &mut self.report.equal,
            Verdict::Zero => {
                push(&mut self.plan.zero, range, self.max_request);
                &mut self.report.different
            }
            Verdict::Copy => {
                push(&mut self.plan.copy, range, self.max_request);
                &mut self.report.different
            }
        };
        *counter = counter.saturating_add(ByteCount(range.len));
    }

    /// The plan of all that was added, and the report of it.
    #[must_use]
    pub fn finish(self) -> (DiffPlan, DiffReport) {
        (self.plan, self.report)
    }
}

/// Plans one batch.
///
/// # Errors
/// [`Malformed`] when the batch's parts do not fit together.
pub fn plan(batch: &Batch<'_>, limits: &Limits) -> Result<(DiffPlan, DiffReport), Malformed> {
    check_shape(batch, limits.block)?;
    let mut planner = Planner::new(limits);
    let states = batch.source.iter().zip(batch.target);
    for (block, (source, target)) in limits.block.blocks(batch.range).zip(states) {
        planner.push(block, Verdict::between(*source, *target));
    }
    Ok(planner.finish())
}

pub(crate) fn check_shape(batch: &Batch<'_>, block: BlockSize) -> Result<(), Malformed> {
    if !batch.range.start.is_multiple_of(block.bytes()) {
        return Err(Malformed::Unaligned);
    }
    let blocks = batch.range.len.div_ceil(block.bytes());
    if batch.source.len() as u64 != blocks || batch.target.len() as u64 != blocks {
        return Err(Malformed::WrongCount);
    }
    Ok(())
}

fn push(ranges: &mut Vec<ByteRange>, block: ByteRange, max: ByteCount) {
    match ranges.last_mut() {
        Some(last) if last.end() == block.start && last.len + block.len <= max.0 => {
            last.len += block.len;
        }
        _ => ranges.push(block),
    }
}
