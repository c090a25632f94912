//! Tasks with kept digests.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use blockmap::RangeSet;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::{Call, Counting, FailAt, MemDisk, When, scatter_changes};

use super::{believed, digests, leaves_of, root_of, shape};
use crate::{
    BothDigests, Digests, Disbelieved, MoverError, NotKept, Note, Proof, Report, Scope, Side,
    Stamp, Task,
    tests::{assert_done, go, pair, task},
};

const BELIEVED: Note = Note::DigestsBelieved { side: Side::Target };

fn kept(folder: &Path, source: Option<&str>, target: Option<&str>) -> BothDigests {
    BothDigests {
        source: source.map(|stamp| digests(folder, "source", stamp)),
        target: target.map(|stamp| digests(folder, "target", stamp)),
    }
}

fn with(task: Task, digests: BothDigests) -> Task {
    Task { digests, ..task }
}

/// That the file of a side says what its disk holds.
fn assert_kept(folder: &Path, name: &str, stamp: &str, disk: &MemDisk) {
    let bytes = disk.bytes();
    let (shape, leaves) = (shape(bytes.len() as u64), leaves_of(&bytes));
    let kept = believed(&digests(folder, name, stamp), shape);
    assert!(kept.leaves(0, u64::MAX).unwrap() == leaves, "{name}");
    assert_eq!(kept.root(), Some(root_of(shape, &leaves)));
}

fn discarded(report: &Report) -> Vec<(Side, Disbelieved)> {
    let discarded = report.notes.iter().filter_map(|note| match note {
        Note::DigestsDiscarded { side, why } => Some((*side, *why)),
        Note::DigestsBelieved { .. }
        | Note::DigestsNotMade { .. }
        | Note::JournalDiscarded { .. }
        | Note::Widened { .. }
        | Note::JournalCut { .. }
        | Note::SeedDropped { .. }
        | Note::MoreRepaired { .. }
        | Note::UnreadWidened
        | Note::Reconnected { .. }
        | Note::ComparedAgain
        | Note::Repaired { .. } => None,
    });
    discarded.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn digests_are_made_used_and_kept_up_to_date(
        size in 1..4_000_000_u64,
        seed in any::<u32>(),
        device in any::<bool>(),
        sides in 1..4_u8,
        dry in any::<bool>(),
        changes in 0..12_u64,
    ) {
        let folder = TempDir::new().unwrap();
        let (source, target) = pair(size, u64::from(seed));
        let side = |bit: u8, stamp| (sides & bit != 0).then_some(stamp);
        let proof = if device { Proof::Device } else { Proof::Cache };
        let first = Task {
            proof,
            apply: !dry,
            ..with(
                task(source.clone(), target.clone()),
                kept(folder.path(), side(1, "1"), side(2, "1")),
            )
        };
        let before = target.bytes();
        let report = go(&first).unwrap();
        prop_assert!(report.notes.is_empty(), "{:?}", report.notes);
        if dry {
            prop_assert!(target.bytes() == before);
        } else {
            assert_done(&report.counters);
            prop_assert!(source.bytes() == target.bytes());
        }
        for (bit, name, disk) in [(1, "source", &source), (2, "target", &target)] {
            if sides & bit != 0 {
                assert_kept(folder.path(), name, "1", disk);
            }
        }

        // The source changes, and its digests with it are not believed any more.
        scatter_changes(&*source, u64::from(seed) ^ 77, changes, 30_000).unwrap();
        let counted = Arc::new(Counting::new(target.clone()));
        let second = Task {
            proof,
            ..with(
                task(source.clone(), counted.clone()),
                kept(folder.path(), side(1, "2"), side(2, "1")),
            )
        };
        let report = go(&second).unwrap();
        assert_done(&report.counters);
        prop_assert!(source.bytes() == target.bytes());
        let expected = if sides & 1 != 0 { vec![(Side::Source, Disbelieved::WrittenSince)] } else { vec![] };
        prop_assert_eq!(discarded(&report), expected);
        if sides & 2 != 0 {
            let noted = report.notes.contains(&BELIEVED);
            prop_assert!(noted);
            // It is read back, and for nothing else.
            prop_assert_eq!(counted.bytes(Call::Read), report.counters.verified);
            prop_assert_eq!(counted.calls(Call::Extents), 0);
            assert_kept(folder.path(), "target", "1", &target);
        }
        if sides & 1 != 0 {
            assert_kept(folder.path(), "source", "2", &source);
        }

        // Both are valid now: neither is read.
        let (source, target) = (Counting::new(source), Counting::new(target));
        let (source, target) = (Arc::new(source), Arc::new(target));
        let third = with(
            task(source.clone(), target.clone()),
            kept(folder.path(), side(1, "2"), side(2, "1")),
        );
        let report = go(&third).unwrap();
        prop_assert_eq!(report.counters.different, ByteCount::ZERO);
        assert_done(&report.counters);
        prop_assert!(sides & 1 == 0 || source.calls(Call::Read) == 0);
        prop_assert!(sides & 2 == 0 || target.calls(Call::Read) == 0);
    }

    #[test]
    fn a_source_known_by_its_digests_is_read_where_it_differs(
        size in 1..4_000_000_u64,
        seed in any::<u32>(),
        both in any::<bool>(),
    ) {
        let folder = TempDir::new().unwrap();
        let (source, target) = pair(size, u64::from(seed));
        let side = || both.then_some("1");
        let first = Task {
            apply: false,
            ..with(task(source.clone(), target.clone()), kept(folder.path(), Some("1"), side()))
        };
        let planned = go(&first).unwrap();
        let counted = Arc::new(Counting::new(source.clone()));
        let second = with(
            task(counted.clone(), target.clone()),
            kept(folder.path(), Some("1"), side()),
        );
        let report = go(&second).unwrap();
        assert_done(&report.counters);
        prop_assert!(source.bytes() == target.bytes());
        prop_assert_eq!(report.counters.different, planned.counters.different);
        prop_assert_eq!(counted.bytes(Call::Read), report.counters.sent);
    }
}

#[test]
fn ranges_update_what_is_kept_and_make_nothing() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 5);
    let digests = || kept(folder.path(), None, Some("1"));
    let scoped = |ranges: Vec<ByteRange>| Task {
        scope: Scope::Ranges(RangeSet::from_ranges(ranges)),
        ..with(task(source.clone(), target.clone()), digests())
    };
    let report = go(&scoped(vec![ByteRange::new(0, 100_000)])).unwrap();
    let (side, why) = (Side::Target, NotKept::PartOnly);
    assert_eq!(report.notes, [Note::DigestsNotMade { side, why }]);
    go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    let changed = scatter_changes(&*source, 9, 10, 30_000).unwrap();
    let report = go(&scoped(changed)).unwrap();
    assert_eq!(report.notes, [Note::DigestsBelieved { side }]);
    assert!(source.bytes() == target.bytes());
    assert_kept(folder.path(), "target", "1", &target);
}

#[test]
fn a_failed_run_leaves_no_belief_and_the_next_one_says_so() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 6);
    let digests = || kept(folder.path(), None, Some("1"));
    go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    scatter_changes(&*source, 10, 20, 30_000).unwrap();
    // All later ones too: other workers would otherwise leave the second run nothing to write.
    for from in [3, 0] {
        let failing = FailAt::new(
            target.clone(),
            Call::Write,
            When::From(from),
            io::ErrorKind::Other,
        );
        let failed = with(task(source.clone(), Arc::new(failing)), digests());
        assert!(matches!(go(&failed), Err(MoverError::Write { .. })));
    }
    let report = go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    let expected = (Side::Target, Disbelieved::NotFinished);
    assert_eq!(discarded(&report), [expected]);
    assert!(source.bytes() == target.bytes());
    assert_kept(folder.path(), "target", "1", &target);
}

#[test]
fn damage_found_in_the_middle_is_said_and_everything_is_read() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 7);
    let digests = || kept(folder.path(), None, Some("1"));
    go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    let path = folder.path().join("target");
    let mut bytes = std::fs::read(&path).unwrap();
    // In the second row of leaves.
    bytes[8192 + 8192 + 100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    scatter_changes(&*source, 11, 20, 30_000).unwrap();
    let report = go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    assert_eq!(discarded(&report), [(Side::Target, Disbelieved::Damaged)]);
    assert!(source.bytes() == target.bytes());
    assert_kept(folder.path(), "target", "1", &target);
}

/// Found in review: the damaged file stayed, clean by its header, beside the one begun anew.
#[test]
fn damaged_digests_are_disowned_before_the_target_is_written() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 9);
    let digests = || kept(folder.path(), None, Some("1"));
    go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    let path = folder.path().join("target");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192 + 8192 + 100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    scatter_changes(&*source, 13, 20, 30_000).unwrap();
    let failing = FailAt::new(
        target.clone(),
        Call::Write,
        When::From(3),
        io::ErrorKind::Other,
    );
    let failed = with(task(source.clone(), Arc::new(failing)), digests());
    assert!(matches!(go(&failed), Err(MoverError::Write { .. })));
    let report = go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    let expected = (Side::Target, Disbelieved::NotFinished);
    assert_eq!(discarded(&report), [expected], "it has been written over");
    assert!(source.bytes() == target.bytes());
}

#[test]
fn a_source_that_is_not_what_its_digests_say_is_an_error_once() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 8);
    let digests = || kept(folder.path(), Some("1"), None);
    let dry = Task {
        apply: false,
        ..with(task(source.clone(), target.clone()), digests())
    };
    go(&dry).unwrap();
    // Written behind the back of its stamp.
    scatter_changes(&*source, 12, 200, 30_000).unwrap();
    let wrong = go(&with(task(source.clone(), target.clone()), digests()));
    assert!(
        matches!(wrong, Err(MoverError::DigestsWrong { .. })),
        "{wrong:?}"
    );
    let report = go(&with(task(source.clone(), target.clone()), digests())).unwrap();
    assert_eq!(
        discarded(&report),
        [(Side::Source, Disbelieved::NotFinished)]
    );
    assert!(source.bytes() == target.bytes());
    assert_kept(folder.path(), "source", "1", &source);
}

/// A stamp that moves under a run.
#[derive(Debug, Default)]
pub(super) struct Moving(AtomicU32);

impl Stamp for Moving {
    fn now(&self) -> io::Result<String> {
        Ok(self.0.fetch_add(1, Ordering::SeqCst).to_string())
    }
}

#[test]
fn digests_of_a_disk_that_somebody_else_wrote_meanwhile_are_not_kept() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 13);
    let moving = Digests {
        stamp: Arc::new(Moving::default()),
        ..digests(folder.path(), "target", "")
    };
    for apply in [false, true] {
        let both = BothDigests {
            source: None,
            target: Some(moving.clone()),
        };
        let task = Task {
            apply,
            ..with(task(source.clone(), target.clone()), both)
        };
        let (side, why) = (Side::Target, NotKept::NotAlone);
        let report = go(&task).unwrap();
        assert_eq!(report.notes, [Note::DigestsNotMade { side, why }]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
