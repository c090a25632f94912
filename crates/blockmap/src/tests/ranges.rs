//! Range sets against an array of booleans.

use model::{ByteCount, ByteRange};
use proptest::prelude::*;

use crate::{BlockSize, RangeSet};

const WIDTH: u64 = 64;

fn set(ranges: &[(u64, u64)]) -> RangeSet {
    ranges
        .iter()
        .map(|(start, len)| ByteRange::new(*start, *len))
        .collect()
}

fn bits(set: &RangeSet) -> Vec<bool> {
    let inside = |at: u64| {
        set.iter()
            .any(|range| range.start <= at && at < range.end())
    };
    (0..WIDTH).map(inside).collect()
}

fn both(a: &RangeSet, b: &RangeSet, join: fn(bool, bool) -> bool) -> Vec<bool> {
    let pairs = bits(a).into_iter().zip(bits(b));
    pairs.map(|(a, b)| join(a, b)).collect()
}

fn well_formed(set: &RangeSet) -> bool {
    let ranges: Vec<ByteRange> = set.iter().collect();
    let apart = ranges.windows(2).all(|two| two[0].end() < two[1].start);
    apart && ranges.iter().all(|range| range.len > 0)
}

fn any_range() -> impl Strategy<Value = ByteRange> {
    (0..WIDTH, 0..12_u64).prop_map(|(start, len)| ByteRange::new(start, len.min(WIDTH - start)))
}

fn any_set() -> impl Strategy<Value = RangeSet> {
    proptest::collection::vec(any_range(), 0..8).prop_map(RangeSet::from_ranges)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn operations_agree_with_booleans(a in any_set(), b in any_set(), range in any_range()) {
        let one = RangeSet::from_ranges([range]);
        let (mut more, mut less) = (a.clone(), a.clone());
        more.insert(range);
        less.remove(range);
        for (found, expected) in [
            (a.union(&b), both(&a, &b, |a, b| a || b)),
            (a.intersect(&b), both(&a, &b, |a, b| a && b)),
            (a.subtract(&b), both(&a, &b, |a, b| a && !b)),
            (more, both(&a, &one, |a, b| a || b)),
            (less, both(&a, &one, |a, b| a && !b)),
            (a.within(range), both(&a, &one, |a, b| a && b)),
        ] {
            prop_assert!(well_formed(&found), "{found:?}");
            prop_assert_eq!(bits(&found), expected);
        }
        prop_assert_eq!(a.contains(range), one.subtract(&a).is_empty());
        prop_assert_eq!(a.total().0, bits(&a).iter().filter(|bit| **bit).count() as u64);
    }

    #[test]
    fn aligning_covers_with_whole_blocks(ranges in proptest::collection::vec((0..400_u64, 0..50_u64), 0..6), size in 0..350_u64) {
        // In units of 100 bytes, so that block edges are hit and missed.
        let (block, size) = (BlockSize::MIN, ByteCount(size * 100));
        let whole = set(&ranges.iter().map(|(start, len)| (start * 100, len * 100)).collect::<Vec<_>>());
        let aligned = whole.aligned_out(block, size);
        prop_assert!(well_formed(&aligned));
        for number in 0..size.0.div_ceil(block.bytes()) {
            let start = number * block.bytes();
            let one = ByteRange::new(start, block.bytes().min(size.0 - start));
            prop_assert_eq!(aligned.contains(one), !whole.within(one).is_empty());
        }
        prop_assert!(aligned.iter().all(|range| range.end() <= size.0));
    }
}

#[test]
fn touching_ranges_become_one() {
    let mut ranges = set(&[(10, 5), (20, 5)]);
    ranges.insert(ByteRange::new(15, 5));
    assert_eq!(ranges, set(&[(10, 15)]));
    ranges.remove(ByteRange::new(12, 2));
    assert_eq!(ranges, set(&[(10, 2), (14, 11)]));
}

#[test]
fn the_end_of_the_number_line_does_not_overflow() {
    let mut ranges = set(&[(u64::MAX - 1, 10)]);
    ranges.insert(ByteRange::new(5, u64::MAX));
    assert_eq!(ranges.total(), ByteCount(u64::MAX - 5));
    let aligned = ranges.aligned_out(BlockSize::MIN, ByteCount(5_000));
    assert_eq!(aligned, set(&[(0, 5_000)]));
}

#[test]
fn only_powers_of_two_between_the_bounds_are_block_sizes() {
    for (bytes, allowed) in [
        (0, false),
        (2_048, false),
        (4_096, true),
        (65_536, true),
        (65_537, false),
        (1_048_576, true),
        (2_097_152, false),
    ] {
        assert_eq!(BlockSize::new(bytes).is_some(), allowed, "{bytes}");
    }
    assert_eq!(BlockSize::default().to_string(), "64 KiB");
}
