//! Digests that are carried over: from what ranges began with, and from an earlier try.

use std::{path::Path, sync::Arc};

use blockmap::{Node, RangeSet};
use model::ByteRange;
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::{Call, MemDisk, PowerLoss, Survivors, scatter_changes};

use super::{digests, leaves_of, root_of, shape};
use crate::{
    BothDigests, Digests, KnownTree, NotKept, Note, Proof, Sample, Scope, Side, Task, disown,
    known_tree,
    tests::{go, pair, task, with_journal},
};

/// The source's at an epoch, carried over from another; the target's at its write epoch.
fn kept(folder: &Path, epoch: u32, since: Option<u32>) -> BothDigests {
    let base = since.map(|since| format!("epoch {since}"));
    BothDigests {
        source: Some(Digests {
            base: base.clone(),
            ..digests(folder, "source", &format!("epoch {epoch}"))
        }),
        target: Some(Digests {
            base,
            ..digests(folder, "target", "write epoch 1")
        }),
    }
}

fn tree(of: &Digests, size: u64) -> Option<(Node, Vec<Node>)> {
    match known_tree(of, shape(size)).unwrap() {
        KnownTree::Known(tree) => Some((tree.root, tree.regions)),
        KnownTree::Unknown(_) => None,
    }
}

/// That both files say what the disks hold, by a tree of the whole disk.
fn assert_known(both: &BothDigests, source: &MemDisk, target: &MemDisk) {
    for (of, disk) in [(&both.source, source), (&both.target, target)] {
        let bytes = disk.bytes();
        let size = bytes.len() as u64;
        let (root, regions) = tree(of.as_ref().unwrap(), size).expect("believed");
        assert_eq!(root, root_of(shape(size), &leaves_of(&bytes)));
        assert_eq!(
            shape(size).root_of_regions::<crate::digests::Blake3>(&regions),
            root
        );
    }
}

fn whole(source: &Arc<MemDisk>, target: &Arc<MemDisk>, digests: BothDigests) -> Task {
    Task {
        digests,
        ..task(source.clone(), target.clone())
    }
}

fn ranges(task: Task, key: &str, ranges: Vec<ByteRange>) -> Task {
    Task {
        scope: Scope::Ranges(RangeSet::from_ranges(ranges)),
        task_key: key.to_owned(),
        ..task
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn passes_over_ranges_keep_both_roots_right(
        size in 1..4_000_000_u64,
        seed in any::<u32>(),
        passes in proptest::collection::vec((0..12_u64, any::<bool>()), 1..5),
    ) {
        let folder = TempDir::new().unwrap();
        let (source, target) = pair(size, u64::from(seed));
        let first = kept(folder.path(), 1, None);
        go(&whole(&source, &target, first.clone())).unwrap();
        assert_known(&first, &source, &target);
        let mut settled = 1;
        for (number, (changes, zeroed)) in (2_u32..).zip(passes) {
            let seed = u64::from(seed ^ number);
            let mut changed = scatter_changes(&*source, seed, changes, 30_000).unwrap();
            if zeroed {
                // What was data becomes a hole: nothing of it is read, and its digest changes.
                let hole = ByteRange::new(size / 3, size / 2);
                disk::Disk::write_zeroes(&*source, hole).unwrap();
                changed.push(hole);
            }
            let both = kept(folder.path(), number, Some(settled));
            let pass = ranges(whole(&source, &target, both.clone()), "pass", changed);
            let report = go(&pass).unwrap();
            prop_assert!(source.bytes() == target.bytes());
            prop_assert!(
                !report.notes.iter().any(|note| matches!(note, Note::DigestsNotMade { .. })),
                "{:?}", report.notes
            );
            assert_known(&both, &source, &target);
            settled = number;
        }
    }
}

#[test]
fn a_pass_that_is_taken_back_leaves_a_base_for_the_next() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 21);
    let hole = ByteRange::new(400_000, 800_000);
    for disk in [&source, &target] {
        disk::Disk::write_zeroes(&**disk, hole).unwrap();
    }
    go(&whole(&source, &target, kept(folder.path(), 1, None))).unwrap();
    let settled = target.bytes();
    let mut changed = scatter_changes(&*source, 22, 10, 30_000).unwrap();
    disk::Disk::write_at(&*source, hole.start, &[9; 300_000]).unwrap();
    changed.push(hole);
    let second = kept(folder.path(), 2, Some(1));
    go(&ranges(
        whole(&source, &target, second.clone()),
        "2",
        changed.clone(),
    ))
    .unwrap();
    // The layer is dropped: the target holds again what the first pass left.
    disk::Disk::write_at(&*target, 0, &settled).unwrap();
    disk::Disk::write_zeroes(&*target, hole).unwrap();
    disown(second.target.as_ref().unwrap(), "3").unwrap();
    assert!(
        tree(second.target.as_ref().unwrap(), 3_000_000).is_some(),
        "not its task"
    );
    disown(second.target.as_ref().unwrap(), "2").unwrap();
    // A hole on both sides again, of which the source's digests say otherwise.
    disk::Disk::write_zeroes(&*source, hole).unwrap();
    assert_eq!(tree(second.target.as_ref().unwrap(), 3_000_000), None);
    changed.extend(scatter_changes(&*source, 23, 10, 30_000).unwrap());
    let third = kept(folder.path(), 3, Some(1));
    go(&ranges(
        whole(&source, &target, third.clone()),
        "3",
        changed,
    ))
    .unwrap();
    assert!(source.bytes() == target.bytes());
    assert_known(&third, &source, &target);
}

#[test]
fn nothing_is_carried_over_from_another_base() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 24);
    go(&whole(&source, &target, kept(folder.path(), 1, None))).unwrap();
    let changed = scatter_changes(&*source, 25, 10, 30_000).unwrap();
    for since in [None, Some(7)] {
        let both = kept(folder.path(), 8, since);
        let pass = ranges(whole(&source, &target, both.clone()), "8", changed.clone());
        let report = go(&pass).unwrap();
        let (side, why) = (Side::Source, NotKept::PartOnly);
        assert!(report.notes.contains(&Note::DigestsNotMade { side, why }));
        assert_eq!(tree(both.source.as_ref().unwrap(), 3_000_000), None);
    }
}

#[test]
fn a_widened_pass_is_right_and_no_base_once_it_is_taken_back() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 26);
    go(&whole(&source, &target, kept(folder.path(), 1, None))).unwrap();
    let settled = target.bytes();
    // Change tracking lies: everything changed, and it names next to nothing.
    scatter_changes(&*source, 27, 400, 30_000).unwrap();
    let told = vec![ByteRange::new(0, 4096)];
    let second = kept(folder.path(), 2, Some(1));
    let pass = Task {
        sample: Some(Sample::named("widened")),
        ..ranges(whole(&source, &target, second.clone()), "2", told.clone())
    };
    let report = go(&pass).unwrap();
    assert!(report.sampled.unwrap().widened.is_some());
    assert_known(&second, &source, &target);
    disk::Disk::write_at(&*target, 0, &settled).unwrap();
    disown(second.target.as_ref().unwrap(), "2").unwrap();
    let third = kept(folder.path(), 3, Some(1));
    go(&ranges(whole(&source, &target, third.clone()), "3", told)).unwrap();
    for of in [third.source, third.target] {
        assert_eq!(
            tree(&of.unwrap(), 3_000_000),
            None,
            "leaves of another content"
        );
    }
}

/// Cuts the power after `calls` writes and flushes, and lets a second try end it; false when the
/// task was done before.
fn cut_and_resumed(calls: u64, by_ranges: bool) -> bool {
    const SIZE: u64 = 1_500_001;
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(SIZE, 31);
    let mut both = kept(folder.path(), 1, None);
    let mut scope = Scope::Whole;
    if by_ranges {
        go(&whole(&source, &target, both.clone())).unwrap();
        let changed = scatter_changes(&*source, 32, 25, 60_000).unwrap();
        scope = Scope::Ranges(RangeSet::from_ranges(changed));
        both = kept(folder.path(), 2, Some(1));
    }
    let power = Arc::new(PowerLoss::new(target.clone()));
    power.cut_after(calls);
    let cut = Task {
        digests: both.clone(),
        proof: Proof::Device,
        scope,
        ..with_journal(task(source.clone(), power.clone()), folder.path())
    };
    let first = go(&cut);
    power.lose(Survivors::None).unwrap();
    let report = go(&cut).unwrap();
    assert!(source.bytes() == target.bytes());
    assert!(
        !report
            .notes
            .iter()
            .any(|note| matches!(note, Note::DigestsNotMade { .. })),
        "after {calls}: {:?}",
        report.notes
    );
    assert_known(&both, &source, &target);
    first.is_err()
}

#[test]
fn a_try_that_is_gone_on_with_keeps_both_roots_whenever_the_power_was_cut() {
    for by_ranges in [false, true] {
        let mut calls = 0;
        while cut_and_resumed(calls, by_ranges) {
            calls += 1;
        }
        assert!(calls > 8, "only {calls} writes and flushes");
    }
}

#[test]
fn what_an_earlier_try_proved_is_not_read_for_its_digests() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(1_500_001, 33);
    let power = Arc::new(PowerLoss::new(target.clone()));
    power.cut_after(20);
    let counted = Arc::new(testkit::Counting::new(source.clone()));
    let cut = Task {
        digests: kept(folder.path(), 1, None),
        proof: Proof::Device,
        ..with_journal(task(counted.clone(), power.clone()), folder.path())
    };
    go(&cut).unwrap_err();
    power.lose(Survivors::None).unwrap();
    let before = counted.bytes(Call::Read);
    let report = go(&cut).unwrap();
    let resumed = report.counters.resumed;
    assert!(resumed.0 > 0, "nothing was proved");
    assert!(counted.bytes(Call::Read).0 - before.0 <= 1_500_001 - resumed.0);
}
