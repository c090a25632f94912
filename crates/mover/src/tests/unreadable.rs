//! Sectors of the source that cannot be read: exact ranges, further tries, and what the operator
//! chose.

use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use blockmap::RangeSet;
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{Call, Counting, FailAt, MemDisk, When, random_image};

use super::{BLOCK, assert_adds_up, go, task, with_journal};
use crate::{Controls, Meter, MoverError, Proof, Side, Unreadable, run};

const SECTOR: u64 = 512;

/// Random disks that differ nearly everywhere.
pub(super) fn pair(size: u64) -> (Arc<MemDisk>, Arc<MemDisk>) {
    let disk = |seed| {
        let disk = MemDisk::new(ByteCount(size));
        random_image(&disk, seed, 20).unwrap();
        disk.allocate_all();
        Arc::new(disk)
    };
    (disk(11), disk(12))
}

pub(super) fn failing(inner: Arc<dyn Disk>, when: When, kind: ErrorKind) -> Arc<dyn Disk> {
    Arc::new(FailAt::new(inner, Call::Read, when, kind))
}

pub(super) fn sector_of(offset: u64, size: u64) -> ByteRange {
    let start = offset / SECTOR * SECTOR;
    ByteRange::new(start, SECTOR.min(size - start))
}

/// What the target must hold: the source, except in `bad`.
pub(super) fn expected(source: &[u8], before: &[u8], bad: &RangeSet) -> Vec<u8> {
    let mut wanted = source.to_vec();
    for range in bad.iter() {
        let at = |offset| usize::try_from(offset).unwrap();
        let part = at(range.start)..at(range.end());
        wanted[part.clone()].copy_from_slice(&before[part]);
    }
    wanted
}

#[test]
fn each_sector_in_turn_stops_the_task_with_exactly_its_range() {
    // Two blocks and a short sector.
    let size = 2 * BLOCK + 100;
    for number in 0..size.div_ceil(SECTOR) {
        let bad = sector_of(number * SECTOR, size);
        let (source, target) = pair(size);
        let hurt = ByteRange::new(bad.start + 7, 1);
        let source = failing(source, When::Touching(hurt), ErrorKind::Other);
        let error = go(&task(source, target)).unwrap_err();
        assert!(!error.is_temporary());
        assert!(error.to_string().starts_with(&bad.to_string()), "{error}");
        assert!(
            matches!(&error, MoverError::Unreadable { ranges, .. } if *ranges == [bad]),
            "{error:?}"
        );
    }
}

#[test]
fn each_sector_in_turn_is_left_alone_and_named_and_the_rest_is_equal() {
    let size = 2 * BLOCK + 100;
    for (number, proof) in
        (0..size.div_ceil(SECTOR)).zip([Proof::Cache, Proof::Device].into_iter().cycle())
    {
        let bad = sector_of(number * SECTOR, size);
        let (source, target) = pair(size);
        let before = target.bytes();
        let writes = Arc::new(Counting::new(target.clone()));
        let mut task = task(
            failing(source.clone(), When::Touching(bad), ErrorKind::Other),
            writes.clone(),
        );
        task.unreadable = Unreadable::Skip;
        task.proof = proof;
        let report = go(&task).unwrap();
        let bad = RangeSet::from_ranges([bad]);
        assert_eq!(report.unread, bad);
        assert_eq!(report.counters.unread, bad.total());
        assert!(target.bytes() == expected(&source.bytes(), &before, &bad));
        for call in [Call::Write, Call::Zero] {
            let touched: RangeSet = writes.ranges(call).into_iter().collect();
            assert!(touched.intersect(&bad).is_empty(), "{touched:?}");
        }
        assert_adds_up(&report.counters);
        assert_eq!(report.counters.verified, report.counters.written);
        assert_eq!(report.counters.scanned, ByteCount(size));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_sectors_are_left_alone_and_a_later_try_looks_at_their_blocks_again(
        size in 1..600_000_u64,
        offsets in proptest::collection::vec((0..600_000_u64, 1..9000_u64), 1..5),
        device in any::<bool>(),
    ) {
        let (source, target) = pair(size);
        let before = target.bytes();
        let mut hurt: Arc<dyn Disk> = source.clone();
        let mut bad = RangeSet::new();
        for (offset, len) in offsets {
            if offset >= size {
                continue;
            }
            let range = ByteRange::new(offset, len.min(size - offset));
            hurt = failing(hurt, When::Touching(range), ErrorKind::Other);
            let first = sector_of(range.start, size);
            let last = sector_of(range.end() - 1, size);
            bad.insert(ByteRange::new(first.start, last.end() - first.start));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut task = with_journal(task(hurt, target.clone()), folder.path());
        task.unreadable = Unreadable::Skip;
        task.proof = if device { Proof::Device } else { Proof::Cache };
        let report = go(&task).unwrap();
        prop_assert_eq!(&report.unread, &bad);
        prop_assert!(target.bytes() == expected(&source.bytes(), &before, &bad));
        assert_adds_up(&report.counters);

        // The medium is well again.
        let counted = Arc::new(Counting::new(source.clone()));
        task.source = counted.clone();
        let again = go(&task).unwrap();
        prop_assert!(again.unread.is_empty());
        prop_assert!(source.bytes() == target.bytes());
        let read: RangeSet = counted.ranges(Call::Read).into_iter().collect();
        prop_assert_eq!(read, bad.aligned_out(task.block, ByteCount(size)));
    }
}

#[test]
fn a_temporary_error_is_waited_out() {
    for side in [Side::Source, Side::Target] {
        let (source, target) = pair(200_000);
        let bad = When::TouchingTimes(ByteRange::new(70_000, 1), 3);
        let hurt = |disk: Arc<MemDisk>| failing(disk, bad, ErrorKind::TimedOut);
        let task = match side {
            Side::Source => task(hurt(source.clone()), target.clone()),
            Side::Target => task(source.clone(), hurt(target.clone())),
        };
        let report = go(&task).unwrap();
        assert!(source.bytes() == target.bytes());
        assert!(report.unread.is_empty() && report.notes.is_empty());
    }
}

/// What may be readable later is not given up, also by who would skip what is lost.
#[test]
fn an_error_that_stays_temporary_stops_the_task_and_is_called_temporary() {
    let (source, target) = pair(200_000);
    let bad = When::Touching(ByteRange::new(70_000, 1));
    let mut task = task(failing(source, bad, ErrorKind::TimedOut), target);
    task.unreadable = Unreadable::Skip;
    let error = go(&task).unwrap_err();
    assert!(error.is_temporary());
    let block = ByteRange::new(70_000 / BLOCK * BLOCK, BLOCK);
    assert!(
        matches!(error, MoverError::Read { side: Side::Source, range, .. } if range == block),
        "{error:?}"
    );
}

#[test]
fn a_connection_that_is_gone_is_no_unreadable_sector() {
    let (source, target) = pair(200_000);
    let before = target.bytes();
    let mut task = task(
        failing(source, When::From(0), ErrorKind::BrokenPipe),
        target.clone(),
    );
    task.unreadable = Unreadable::Skip;
    let error = go(&task).unwrap_err();
    assert!(matches!(error, MoverError::Read { .. }), "{error:?}");
    assert!(target.bytes() == before);
}

#[test]
fn cancel_does_not_wait_for_a_further_try() {
    let (source, target) = pair(200_000);
    let source = failing(source, When::From(0), ErrorKind::TimedOut);
    let task = task(source, target);
    let controls = Controls::default();
    let running = {
        let controls = controls.clone();
        std::thread::spawn(move || run(&task, &controls, &Meter::default()))
    };
    std::thread::sleep(Duration::from_millis(120));
    let begun = Instant::now();
    controls.cancel();
    let result = running.join().unwrap();
    assert!(matches!(result, Err(MoverError::Cancelled)), "{result:?}");
    assert!(begun.elapsed() < Duration::from_millis(100));
}
