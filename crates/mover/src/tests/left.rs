//! Ends apart, and sectors of the source that cannot be read: the same as in one process.

use std::{io::ErrorKind, sync::Arc};

use blockmap::RangeSet;
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{BitFlip, MemDisk, When};

use super::{
    assert_adds_up,
    digests::{digests, links::linked},
    remote::{join_with, remote},
    unreadable::{expected, failing, pair, sector_of},
};
use crate::{
    Meter, MoverError, Note, Proof, Report, Unreadable,
    remote::{FarError, FarFault, Remote},
};

type Joined = (
    Result<(Report, ByteCount), MoverError>,
    Result<(), FarError>,
);

fn join(task: &Remote, target: Arc<dyn Disk>) -> Joined {
    join_with(task, target, &[], |socket| socket)
}

/// A task over a link with the source hurt at ranges of bytes, and the sectors that are lost.
fn hurt(source: &Arc<MemDisk>, ranges: &[ByteRange]) -> (Arc<dyn Disk>, RangeSet) {
    let size = source.size().0;
    let mut disk: Arc<dyn Disk> = source.clone();
    let mut bad = RangeSet::new();
    for range in ranges {
        disk = failing(disk, When::Touching(*range), ErrorKind::Other);
        let first = sector_of(range.start, size);
        let last = sector_of(range.end() - 1, size);
        bad.insert(ByteRange::new(first.start, last.end() - first.start));
    }
    (disk, bad)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_sectors_stop_it_by_name_or_are_left_alone(
        size in 1..3_500_000_u64,
        offsets in proptest::collection::vec((0..3_500_000_u64, 1..9000_u64), 1..9),
        device in any::<bool>(),
        hole in any::<bool>(),
    ) {
        let (source, mut target) = pair(size);
        if hole {
            target = Arc::new(MemDisk::new(ByteCount(size)));
        }
        let ranges: Vec<ByteRange> = offsets
            .into_iter()
            .filter(|(offset, _)| *offset < size)
            .map(|(offset, len)| ByteRange::new(offset, len.min(size - offset)))
            .collect();
        prop_assume!(!ranges.is_empty());
        let (disk, bad) = hurt(&source, &ranges);
        let before = target.bytes();
        let proof = if device { Proof::Device } else { Proof::Cache };
        let mut task = remote(disk, proof);
        let (stopped, _) = join(&task, target.clone());
        let named = |ranges: &[ByteRange]| {
            RangeSet::from_ranges(ranges.iter().copied()).subtract(&bad).is_empty()
        };
        prop_assert!(
            matches!(&stopped, Err(MoverError::Unreadable { ranges, .. }) if named(ranges)),
            "{:?}", stopped
        );

        let target = Arc::new(MemDisk::from_bytes(before.clone()));
        task.unreadable = Unreadable::Skip;
        task.apply = false;
        let (planned, far) = join(&task, target.clone());
        prop_assert!(far.is_ok(), "{:?}", far);
        prop_assert_eq!(&planned.unwrap().0.unread, &bad);
        prop_assert!(target.bytes() == before);

        task.apply = true;
        let (done, far) = join(&task, target.clone());
        prop_assert!(far.is_ok(), "{:?}", far);
        let (report, _) = done.unwrap();
        prop_assert_eq!(&report.unread, &bad);
        prop_assert!(target.bytes() == expected(&source.bytes(), &before, &bad));
        assert_adds_up(&report.counters);
        prop_assert_eq!(report.counters.unread, bad.total());
        prop_assert_eq!(report.counters.verified, report.counters.written);

        // The medium is well again: nothing of the block is taken for known.
        task.source = source.clone();
        let (again, _) = join(&task, target.clone());
        prop_assert!(again.unwrap().0.unread.is_empty());
        prop_assert!(source.bytes() == target.bytes());
    }
}

#[test]
fn a_read_that_fails_for_now_is_tried_again_at_either_end() {
    let bad = When::TouchingTimes(ByteRange::new(70_000, 1), 3);
    for near in [true, false] {
        let (source, target) = pair(200_000);
        let (mut from, mut to): (Arc<dyn Disk>, Arc<dyn Disk>) = (source.clone(), target.clone());
        let hurt = if near { &mut from } else { &mut to };
        *hurt = failing(Arc::clone(hurt), bad, ErrorKind::TimedOut);
        let (done, far) = join(&remote(from, Proof::Cache), to);
        let (report, _) = done.unwrap();
        assert!(far.is_ok(), "{far:?}");
        assert!(source.bytes() == target.bytes());
        assert!(report.unread.is_empty() && report.notes.is_empty());
    }
}

#[test]
fn a_part_that_reads_back_wrong_is_written_again_once() {
    let lost = ByteRange::new(8192, 512);
    for (times, right) in [(1, true), (2, false)] {
        let (source, target) = pair(200_000);
        let (disk, bad) = hurt(&source, &[lost]);
        let mut task = remote(disk, Proof::Cache);
        task.unreadable = Unreadable::Skip;
        let before = target.bytes();
        let flipped = Arc::new(BitFlip::new(target.clone(), 9000, times));
        let (done, far) = join(&task, flipped);
        if right {
            let (report, _) = done.unwrap();
            assert!(target.bytes() == expected(&source.bytes(), &before, &bad));
            let rest = ByteRange::new(8704, 4096 - 512);
            assert!(
                report.notes.iter().any(|note| matches!(
                    note,
                    Note::Repaired { range } if *range == rest
                )) || report.counters.repaired.0 == rest.len,
                "{:?}",
                report.notes
            );
        } else {
            assert!(matches!(far, Err(FarError::Mismatch { .. })), "{far:?}");
            assert!(done.is_err());
        }
    }
}

/// Digests say that something was proved, and what was left out was not.
#[test]
fn where_the_far_end_keeps_digests_nothing_can_be_left_out() {
    let (source, target) = pair(200_000);
    let (disk, _) = hurt(&source, &[ByteRange::new(8192, 512)]);
    let mut task = remote(disk, Proof::Cache);
    task.unreadable = Unreadable::Skip;
    let folder = tempfile::tempdir().unwrap();
    let kept = digests(folder.path(), "far", "1");
    let (result, served) = linked(&task, None, target, Some(&kept), &Meter::default());
    assert!(matches!(served, Err(FarError::LeftWithDigests)));
    let error = result.unwrap_err();
    assert!(
        matches!(&error, MoverError::FarEnd { failure } if failure.fault == FarFault::Digests),
        "{error:?}"
    );
}

/// Found in review: what two workers sent of two blocks crossed on the way.
#[test]
fn blocks_that_are_lost_in_many_groups_at_once_are_all_left() {
    let (source, target) = pair(8 << 20);
    let lost = (0..64).map(|number| ByteRange::new(number * 131_072 + 600, 1));
    let (disk, bad) = hurt(&source, &lost.collect::<Vec<_>>());
    let before = target.bytes();
    let mut task = remote(disk, Proof::Cache);
    task.unreadable = Unreadable::Skip;
    for _ in 0..3 {
        let target = Arc::new(MemDisk::from_bytes(before.clone()));
        let (done, far) = join(&task, target.clone());
        assert!(far.is_ok(), "{far:?}");
        assert_eq!(done.unwrap().0.unread, bad);
        assert!(target.bytes() == expected(&source.bytes(), &before, &bad));
    }
}
