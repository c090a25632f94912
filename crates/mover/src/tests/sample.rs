//! The sampled check of change tracking.

use std::sync::Arc;

use blockmap::{RangeSet, Wanted};
use disk::Disk;
use model::{ByteCount, ByteRange};
use testkit::{Call, Counting, FailAt, MemDisk, When, random_image};

use super::{BLOCK, assert_done, go, task, with_journal};
use crate::{Note, Sample, Scope, Task, Unreadable};

const BLOCKS: u64 = 500;
const SIZE: u64 = BLOCKS * BLOCK + 100;

/// A source and its copy with these blocks changed.
fn pair(changed: &[u64]) -> (Arc<MemDisk>, Arc<MemDisk>) {
    let source = MemDisk::new(ByteCount(SIZE));
    random_image(&source, 3, 20).unwrap();
    let target = MemDisk::from_bytes(source.bytes());
    for block in changed {
        target.write_at(block * BLOCK + 9, &[0x55, 0xaa]).unwrap();
    }
    (Arc::new(source), Arc::new(target))
}

/// A task of the blocks that change tracking names, checked by so sure a sample.
fn named(source: Arc<dyn Disk>, target: Arc<dyn Disk>, blocks: &[u64], confidence: f64) -> Task {
    let mut task = task(source, target);
    let ranges = blocks.iter().map(|it| ByteRange::new(it * BLOCK, 1));
    task.scope = Scope::Ranges(RangeSet::from_ranges(ranges));
    task.sample = Some(Sample {
        seed: 7,
        wanted: Wanted {
            confidence,
            tolerated: 0.01,
        },
    });
    task
}

#[test]
fn ranges_that_name_all_are_believed_and_the_sample_is_stated() {
    let (source, target) = pair(&[3, 400]);
    let reads = Arc::new(Counting::new(source.clone()));
    let task = named(reads.clone(), target.clone(), &[3, 400], 0.9);
    let report = go(&task).unwrap();
    assert!(source.bytes() == target.bytes());
    assert_done(&report.counters);
    let sampled = report.sampled.unwrap();
    // ln(0.1) / ln(0.99)
    assert_eq!(
        (sampled.population, sampled.compared),
        (BLOCKS + 1 - 2, 230)
    );
    assert_eq!((sampled.sample.seed, sampled.widened), (7, None));
    assert_eq!(report.notes, []);
    let counters = report.counters;
    assert_eq!(counters.to_scan, ByteCount(2 * BLOCK));
    assert_eq!(counters.outside, ByteCount(SIZE - 2 * BLOCK));
    let most = 230 * BLOCK;
    assert!((most - BLOCK..=most).contains(&counters.sampled.0));
    let read = reads.bytes(Call::Read);
    assert!(read <= counters.sampled.saturating_add(counters.read_source));
}

#[test]
fn one_block_that_change_tracking_kept_silent_about_widens_to_the_whole_disk() {
    for silent in [0, 77, 123, BLOCKS - 1] {
        let (source, target) = pair(&[3, silent, 400]);
        // All are looked at, so this one is.
        let task = named(source.clone(), target.clone(), &[3, 400], 1.0);
        let report = go(&task).unwrap();
        assert!(source.bytes() == target.bytes());
        assert_done(&report.counters);
        let block = ByteRange::new(silent * BLOCK, BLOCK);
        assert_eq!(report.sampled.unwrap().widened, Some(block));
        assert_eq!(report.notes, [Note::Widened { block }]);
        assert_eq!(report.counters.to_scan, ByteCount(SIZE));
        assert_eq!(report.counters.outside, ByteCount::ZERO);
        assert_eq!(report.counters.different, ByteCount(3 * BLOCK));
    }
}

#[test]
fn a_sample_finds_what_is_not_tolerated_as_often_as_it_says() {
    // 2 % of the blocks are changed and not named; 99 % sure to find 1 %.
    let silent: Vec<u64> = (0..BLOCKS).step_by(50).map(|it| it + 7).collect();
    let mut found = 0;
    for seed in 0..60 {
        let (source, target) = pair(&silent);
        let mut task = named(source, target, &[3], 0.99);
        task.apply = false;
        let wanted = Wanted::default();
        task.sample = Some(Sample { seed, wanted });
        found += u32::from(go(&task).unwrap().sampled.unwrap().widened.is_some());
    }
    assert!(found >= 58, "{found} of 60");
}

#[test]
fn without_a_sample_ranges_are_believed_and_a_whole_disk_needs_none() {
    let (source, target) = pair(&[3, 123]);
    let mut task = named(source.clone(), target.clone(), &[3], 1.0);
    task.sample = None;
    let report = go(&task).unwrap();
    assert_eq!(
        (report.sampled, report.counters.sampled),
        (None, ByteCount::ZERO)
    );
    assert!(source.bytes() != target.bytes());
    task.sample = Some(Sample::named("a pass"));
    task.scope = Scope::Whole;
    assert_eq!(go(&task).unwrap().sampled, None);
    assert!(source.bytes() == target.bytes());
}

/// The first try repairs the very block that told it, and ends: the second must not believe the
/// ranges because of that.
#[test]
fn a_later_try_does_not_forget_that_the_ranges_lied() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(&[3, 10, 480]);
    let bad = When::Touching(ByteRange::new(480 * BLOCK, BLOCK));
    let failing = Arc::new(FailAt::new(
        target.clone(),
        Call::Write,
        bad,
        std::io::ErrorKind::Other,
    ));
    let mut task = named(source.clone(), failing, &[3, 480], 1.0);
    task = with_journal(task, folder.path());
    go(&task).unwrap_err();
    target
        .write_at(10 * BLOCK, &source.bytes()[40_960..45_056])
        .unwrap();
    task.target = target.clone();
    let report = go(&task).unwrap();
    let block = ByteRange::new(10 * BLOCK, BLOCK);
    assert_eq!(report.notes, [Note::Widened { block }]);
    assert_eq!(report.counters.to_scan, ByteCount(SIZE));
    assert!(source.bytes() == target.bytes());
}

#[test]
fn a_sampled_block_that_cannot_be_read_stops_or_widens() {
    let (source, target) = pair(&[3]);
    let bad = ByteRange::new(200 * BLOCK + 512, 512);
    let failing = FailAt::new(
        source,
        Call::Read,
        When::Touching(bad),
        std::io::ErrorKind::Other,
    );
    let mut task = named(Arc::new(failing), target, &[3], 1.0);
    let error = go(&task).unwrap_err().to_string();
    assert!(error.contains(&bad.to_string()), "{error}");
    task.unreadable = Unreadable::Skip;
    let report = go(&task).unwrap();
    assert_eq!(report.unread, RangeSet::from_ranges([bad]));
    assert_eq!(report.counters.to_scan, ByteCount(SIZE));
}
