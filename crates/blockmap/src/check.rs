//! A second look at a finished plan, by what it would do to each block.

use model::{ByteCount, ByteRange};

use crate::{
    Batch, BlockState, DiffPlan, DiffReport, Limits, Malformed, RangeSet, diff::check_shape,
};

/// What is wrong with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The batch itself is not well formed.
    Batch(Malformed),
    /// A range is empty, out of order, too long, or outside the batch.
    BadRange(ByteRange),
    /// A block is neither left alone, nor copied, nor made zero as a whole.
    SplitBlock(ByteRange),
    /// A block differs and would stay so.
    LeftDifferent(ByteRange),
    /// A block is equal and would be written.
    WrittenNeedlessly(ByteRange),
    /// A block would be made zero that is not zero at the source.
    ZeroedData(ByteRange),
    /// A block is zero at the source and would be sent.
    SentZeroes(ByteRange),
    /// The report is not what the batch says.
    WrongReport,
}

/// Everything that is wrong with a plan and its report; nothing when they are right.
#[must_use]
pub fn check_plan(
    batch: &Batch<'_>,
    limits: &Limits,
    plan: &DiffPlan,
    report: &DiffReport,
) -> Vec<Problem> {
    if let Err(malformed) = check_shape(batch, limits.block) {
        return vec![Problem::Batch(malformed)];
    }
    let mut problems = bad_ranges(batch.range, limits, &plan.copy);
    problems.extend(bad_ranges(batch.range, limits, &plan.zero));
    problems.extend(bad_blocks(batch, limits, plan));
    if *report != count(batch, limits) {
        problems.push(Problem::WrongReport);
    }
    problems
}

fn bad_ranges(batch: ByteRange, limits: &Limits, ranges: &[ByteRange]) -> Vec<Problem> {
    let longest = limits.max_request.0.max(limits.block.bytes());
    let mut earliest = batch.start;
    let mut problems = Vec::new();
    for range in ranges {
        let fits = range.start >= earliest && range.end() <= batch.end();
        if range.len == 0 || range.len > longest || !fits {
            problems.push(Problem::BadRange(*range));
        }
        earliest = range.end();
    }
    problems
}

/// What a plan does to one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Left,
    Copied,
    Zeroed,
    Split,
}

fn bad_blocks(batch: &Batch<'_>, limits: &Limits, plan: &DiffPlan) -> Vec<Problem> {
    let copied = RangeSet::from_ranges(plan.copy.iter().copied());
    let zeroed = RangeSet::from_ranges(plan.zero.iter().copied());
    let states = batch.source.iter().zip(batch.target);
    let blocks = limits.block.blocks(batch.range).zip(states);
    blocks
        .filter_map(|(block, (source, target))| {
            problem(block, *source, *target, fate(block, &copied, &zeroed))
        })
        .collect()
}

fn fate(block: ByteRange, copied: &RangeSet, zeroed: &RangeSet) -> Fate {
    let share = |set: &RangeSet| set.within(block).total().0;
    match (share(copied), share(zeroed)) {
        (0, 0) => Fate::Left,
        (all, 0) if all == block.len => Fate::Copied,
        (0, all) if all == block.len => Fate::Zeroed,
        _ => Fate::Split,
    }
}

fn problem(
    block: ByteRange,
    source: BlockState,
    target: BlockState,
    fate: Fate,
) -> Option<Problem> {
    let equal = source == target;
    match fate {
        Fate::Split => Some(Problem::SplitBlock(block)),
        Fate::Left if !equal => Some(Problem::LeftDifferent(block)),
        Fate::Left => None,
        Fate::Copied | Fate::Zeroed if equal => Some(Problem::WrittenNeedlessly(block)),
        Fate::Copied if source == BlockState::Zero => Some(Problem::SentZeroes(block)),
        Fate::Zeroed if source != BlockState::Zero => Some(Problem::ZeroedData(block)),
        Fate::Copied | Fate::Zeroed => None,
    }
}

fn count(batch: &Batch<'_>, limits: &Limits) -> DiffReport {
    let sum = |wanted: fn(BlockState, BlockState) -> bool| -> ByteCount {
        let states = batch.source.iter().zip(batch.target);
        let blocks = limits.block.blocks(batch.range).zip(states);
        blocks
            .filter(|(_, (source, target))| wanted(**source, **target))
            .map(|(block, _)| ByteCount(block.len))
            .sum()
    };
    DiffReport {
        equal: sum(|source, target| source == target && source != BlockState::Zero),
        different: sum(|source, target| source != target),
        skipped: sum(|source, target| source == target && source == BlockState::Zero),
    }
}
