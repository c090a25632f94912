//! The size of a sample against the exact chance of missing what it is to find.

use model::ByteRange;
use proptest::prelude::*;

use crate::{BlockSize, RangeSet, Wanted, population, sample, sample_size};

const BLOCK: u64 = 4096;

/// The chance that `drawn` of `all` blocks miss all `changed` ones, draw by draw.
fn misses(all: u32, changed: u32, drawn: u32) -> f64 {
    (0..drawn)
        .map(|gone| {
            let left = f64::from(all - gone);
            ((left - f64::from(changed)) / left).max(0.0)
        })
        .product()
}

#[test]
fn known_sizes() {
    let wanted = |confidence, tolerated| Wanted {
        confidence,
        tolerated,
    };
    for (population, wanted, size) in [
        (1_000_000, Wanted::default(), 459),
        (1_000_000, wanted(0.95, 0.01), 299),
        (1_000_000, wanted(0.95, 0.05), 59),
        (100, Wanted::default(), 100),
        (0, Wanted::default(), 0),
        (500, wanted(1.0, 0.01), 500),
        (500, wanted(0.9, 0.0), 500),
        (500, wanted(0.9, 1.0), 1),
        (500, wanted(0.0, 0.5), 0),
        (500, wanted(f64::NAN, 0.5), 500),
        (500, wanted(0.5, f64::NAN), 500),
    ] {
        assert_eq!(sample_size(population, &wanted), size, "{wanted:?}");
    }
}

proptest! {
    #[test]
    fn what_is_not_tolerated_is_missed_no_more_often_than_wanted(
        all in 1..5000_u32,
        confidence in 0.01..0.9999_f64,
        tolerated in 0.0001..0.9999_f64,
        share in 0.0..1.0_f64,
    ) {
        let wanted = Wanted { confidence, tolerated };
        let size = sample_size(u64::from(all), &wanted);
        prop_assert!(size <= u64::from(all));
        let drawn = u32::try_from(size).unwrap();
        // The fewest changed blocks that are not tolerated, or more.
        let least = (1..=all).find(|it| f64::from(*it) >= tolerated * f64::from(all));
        let least = least.unwrap_or(all);
        let more = (least..=all).find(|it| f64::from(*it) >= share * f64::from(all));
        for changed in [least, more.unwrap_or(all)] {
            let chance = misses(all, changed, drawn);
            prop_assert!(chance <= 1.0 - confidence + 1e-9, "{chance} of {changed}");
        }
    }

    #[test]
    fn a_larger_wish_takes_no_smaller_sample(
        all in 0..100_000_u64,
        confidence in 0.01..0.99_f64,
        tolerated in 0.001..0.99_f64,
        by in 0.0..1.0_f64,
    ) {
        let size = |confidence, tolerated| sample_size(all, &Wanted { confidence, tolerated });
        let plain = size(confidence, tolerated);
        prop_assert!(size(confidence + (1.0 - confidence) * by, tolerated) >= plain);
        prop_assert!(size(confidence, tolerated * (1.0 - by)) >= plain);
        let of_more = sample_size(all + 1, &Wanted { confidence, tolerated });
        prop_assert!(of_more >= plain);
    }

    #[test]
    fn a_sample_is_different_whole_blocks_of_the_set_and_the_same_for_one_seed(
        ranges in proptest::collection::vec((0..300_u64, 1..40_u64), 0..8),
        short in 1..BLOCK,
        count in 0..500_u64,
        seed in any::<u64>(),
    ) {
        let end = 400 * BLOCK;
        let mut set: RangeSet = ranges
            .into_iter()
            .map(|(at, len)| ByteRange::new(at * BLOCK, len * BLOCK))
            .collect();
        // A disk's last, short block.
        set.insert(ByteRange::new(end, short));
        let all = population(&set, BlockSize::MIN);
        let drawn = sample(&set, BlockSize::MIN, count, seed);
        prop_assert_eq!(drawn.len() as u64, count.min(all));
        prop_assert_eq!(&drawn, &sample(&set, BlockSize::MIN, count, seed));
        for pair in drawn.windows(2) {
            prop_assert!(pair[0].end() <= pair[1].start);
        }
        for block in drawn {
            prop_assert!(block.start % BLOCK == 0 && set.contains(block));
            prop_assert_eq!(block.len, if block.start == end { short } else { BLOCK });
        }
    }
}

#[test]
fn each_block_is_drawn_about_as_often_as_any_other() {
    let set: RangeSet = [
        ByteRange::new(0, 10 * BLOCK),
        ByteRange::new(64 * BLOCK, 30 * BLOCK),
    ]
    .into_iter()
    .collect();
    let mut times = std::collections::BTreeMap::new();
    for seed in 0..4000 {
        for block in sample(&set, BlockSize::MIN, 10, seed) {
            *times.entry(block.start).or_insert(0) += 1;
        }
    }
    assert_eq!(times.len(), 40);
    // 1000 each, with a deviation of some 27.
    assert!(
        times.values().all(|count| (850..1150).contains(count)),
        "{times:?}"
    );
}
