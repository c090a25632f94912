//! The queue by hand, and against a naive oracle that lets sessions begin one at a time.

use model::{
    BatchId,
    Stand::{self, AtWork, Queued, Resting},
};
use proptest::prelude::*;

use super::{
    Place,
    Turn::{Begins, Begun, Waits},
    of_batch, turns,
};

#[test]
fn as_many_begin_as_there_are_places_in_order() {
    let found = of_batch(&[Queued, AtWork, Queued, Queued, Queued], Some(2));
    assert_eq!(found[..2], [Begins, Begun]);
    let words = ["it is next", "1 is before it", "2 are before it"];
    for (turn, says) in found[2..].iter().zip(words) {
        let Waits(why) = turn else {
            panic!("{turn:?}");
        };
        assert!(why.contains("2 may run at once"), "{why}");
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn one_that_rests_gives_its_place_away_and_no_limit_holds_nobody() {
    assert_eq!(of_batch(&[Resting, Queued], Some(1)), [Begun, Begins]);
    assert_eq!(of_batch(&[Queued, Queued], None), [Begins, Begins]);
    // More at work than may be, for instance when one that rested goes on.
    let crowded = of_batch(&[AtWork, AtWork, Queued], Some(1));
    assert!(matches!(crowded[2], Waits(_)), "{crowded:?}");
}

#[test]
fn each_batch_has_its_own_queue_whatever_the_order_of_the_list() {
    let place = |batch: &str, position, stand| Place {
        batch: BatchId::new(batch),
        position,
        at_once: Some(1),
        stand,
    };
    let found = turns(&[
        place("a", 1, Queued),
        place("b", 0, Resting),
        place("a", 0, Queued),
        place("b", 1, Queued),
    ]);
    assert!(matches!(found[0], Waits(_)), "{found:?}");
    assert_eq!(found[1..], [Begun, Begins, Begins]);
    assert_eq!(turns(&[]), []);
}

fn stand() -> impl Strategy<Value = Stand> {
    prop::sample::select(vec![Queued, AtWork, Resting])
}

/// Lets the first that is queued begin as long as there is a place.
fn begin_one_at_a_time(stands: &[Stand], at_once: Option<u32>) -> Vec<bool> {
    let mut now = stands.to_vec();
    loop {
        let at_work = now.iter().filter(|it| **it == AtWork).count();
        let full = at_once.is_some_and(|most| at_work >= most as usize);
        match now.iter_mut().find(|it| **it == Queued) {
            Some(first) if !full => *first = AtWork,
            Some(_) | None => break,
        }
    }
    let began = stands.iter().zip(&now).map(|(old, new)| old != new);
    began.collect()
}

proptest! {
    #[test]
    fn the_same_begin_as_one_at_a_time(
        stands in prop::collection::vec(stand(), 0..12),
        at_once in prop::option::of(1_u32..5),
    ) {
        let found: Vec<bool> = of_batch(&stands, at_once)
            .iter()
            .map(|turn| *turn == Begins)
            .collect();
        prop_assert_eq!(found, begin_one_at_a_time(&stands, at_once));
    }
}
