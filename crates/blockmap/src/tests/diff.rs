//! The planner against a byte-by-byte oracle, and the checker against broken plans.

use model::{ByteCount, ByteRange};
use proptest::prelude::*;

use crate::{
    Batch, BlockSize, BlockState, DiffPlan, DiffReport, Digest, Estimate, Limits, Malformed,
    Problem, check_plan, estimate, plan,
};

const BLOCK: u64 = 4_096;

fn limits(max: u64) -> Limits {
    Limits {
        block: BlockSize::MIN,
        max_request: ByteCount(max),
    }
}

fn state(value: u8) -> BlockState {
    match value {
        0 => BlockState::Zero,
        other => BlockState::Digest(Digest(u128::from(other))),
    }
}

fn states(values: &[u8]) -> Vec<BlockState> {
    values.iter().map(|value| state(*value)).collect()
}

fn range_of(blocks: usize, cut: u64) -> ByteRange {
    ByteRange::new(8 * BLOCK, (blocks as u64 * BLOCK).saturating_sub(cut))
}

/// Which of the batch's bytes lie in `ranges`, in units of one byte: slow and plain.
fn bytes_of(ranges: &[ByteRange], batch: ByteRange) -> Vec<bool> {
    let inside = |at: u64| ranges.iter().any(|r| r.start <= at && at < r.end());
    (batch.start..batch.end()).map(inside).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn plans_agree_with_a_byte_oracle(
        pairs in proptest::collection::vec((0..3_u8, 0..3_u8), 1..12),
        cut in 0..BLOCK,
        max in 1..5_u64,
    ) {
        let (source, target): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
        let range = range_of(source.len(), cut);
        let (a, b) = (states(&source), states(&target));
        let batch = Batch { range, source: &a, target: &b };
        let limits = limits(max * BLOCK);
        let (plan, report) = plan(&batch, &limits).unwrap();
        prop_assert_eq!(check_plan(&batch, &limits, &plan, &report), []);

        let (copied, zeroed) = (bytes_of(&plan.copy, range), bytes_of(&plan.zero, range));
        for (at, (copied, zeroed)) in copied.into_iter().zip(zeroed).enumerate() {
            let (from, to) = (source[at / 4_096], target[at / 4_096]);
            prop_assert_eq!(copied, from != to && from != 0);
            prop_assert_eq!(zeroed, from != to && from == 0);
        }
        prop_assert_eq!(report.equal.0 + report.different.0 + report.skipped.0, range.len);
        prop_assert!(plan.copy.iter().chain(&plan.zero).all(|r| r.len <= max * BLOCK));
    }

    #[test]
    fn batches_together_are_the_plan_of_the_whole(
        pairs in proptest::collection::vec((0..3_u8, 0..3_u8), 2..20),
        split in 1..19_usize,
    ) {
        let (source, target): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
        let split = split.min(source.len() - 1);
        let (a, b) = (states(&source), states(&target));
        let limits = limits(BLOCK);
        let whole = plan(&Batch { range: range_of(a.len(), 7), source: &a, target: &b }, &limits).unwrap().0;
        let first = ByteRange::new(8 * BLOCK, split as u64 * BLOCK);
        let rest = ByteRange::new(first.end(), range_of(a.len(), 7).len - first.len);
        let mut joined = DiffPlan::default();
        for batch in [
            Batch { range: first, source: &a[..split], target: &b[..split] },
            Batch { range: rest, source: &a[split..], target: &b[split..] },
        ] {
            let part = plan(&batch, &limits).unwrap().0;
            joined.copy.extend(part.copy);
            joined.zero.extend(part.zero);
        }
        prop_assert_eq!(joined, whole);
    }
}

#[test]
fn the_last_block_is_as_long_as_the_disk_has_left() {
    let (source, target) = (states(&[1, 2]), states(&[1, 3]));
    let batch = Batch {
        range: range_of(2, 4_000),
        source: &source,
        target: &target,
    };
    let (plan, report) = plan(&batch, &limits(1 << 20)).unwrap();
    assert_eq!(plan.copy, [ByteRange::new(9 * BLOCK, 96)]);
    let expected = DiffReport {
        equal: ByteCount(BLOCK),
        different: ByteCount(96),
        skipped: ByteCount::ZERO,
    };
    assert_eq!(report, expected);
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let one = states(&[1]);
    let two = states(&[1, 1]);
    let unaligned = Batch {
        range: ByteRange::new(1, 10),
        source: &one,
        target: &one,
    };
    let uneven = Batch {
        range: range_of(2, 0),
        source: &two,
        target: &one,
    };
    assert_eq!(plan(&unaligned, &limits(BLOCK)), Err(Malformed::Unaligned));
    assert_eq!(plan(&uneven, &limits(BLOCK)), Err(Malformed::WrongCount));
}

/// The first problem of a plan for blocks 0 and 1 of the batch.
fn check(source: &[u8], target: &[u8], copy: &[ByteRange], zero: &[ByteRange], found: Problem) {
    let (source, target) = (states(source), states(target));
    let batch = Batch {
        range: range_of(source.len(), 0),
        source: &source,
        target: &target,
    };
    let limits = limits(BLOCK);
    let (_, report) = plan(&batch, &limits).unwrap();
    let plan = DiffPlan {
        copy: copy.to_vec(),
        zero: zero.to_vec(),
    };
    assert!(check_plan(&batch, &limits, &plan, &report).contains(&found));
}

#[test]
fn the_checker_finds_each_kind_of_mistake() {
    let block = ByteRange::new(8 * BLOCK, BLOCK);
    let half = ByteRange::new(8 * BLOCK, 100);
    let long = ByteRange::new(8 * BLOCK, 2 * BLOCK);
    check(&[1], &[2], &[], &[], Problem::LeftDifferent(block));
    check(&[1], &[1], &[block], &[], Problem::WrittenNeedlessly(block));
    check(&[0], &[0], &[], &[block], Problem::WrittenNeedlessly(block));
    check(&[0], &[1], &[block], &[], Problem::SentZeroes(block));
    check(&[2], &[1], &[], &[block], Problem::ZeroedData(block));
    check(&[1], &[2], &[half], &[], Problem::SplitBlock(block));
    check(&[1], &[2], &[block], &[block], Problem::SplitBlock(block));
    check(&[1, 1], &[2, 2], &[long], &[], Problem::BadRange(long));
    check(&[1], &[2], &[block, block], &[], Problem::BadRange(block));
}

#[test]
fn a_wrong_report_is_found() {
    let (source, target) = (states(&[1]), states(&[1]));
    let batch = Batch {
        range: range_of(1, 0),
        source: &source,
        target: &target,
    };
    let found = check_plan(
        &batch,
        &limits(BLOCK),
        &DiffPlan::default(),
        &DiffReport::default(),
    );
    assert_eq!(found, [Problem::WrongReport]);
}

#[test]
fn estimates_never_exceed_the_disk() {
    let found = estimate(ByteCount(100), ByteCount(130), ByteCount(20));
    let expected = Estimate {
        source: ByteCount(100),
        target: ByteCount(20),
    };
    assert_eq!((found, found.total()), (expected, ByteCount(120)));
}
