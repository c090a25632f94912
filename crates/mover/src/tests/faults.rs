//! Errors with their places, and content that changes after it was written.

use std::{io::ErrorKind, sync::Arc};

use disk::Disk;
use model::{ByteCount, ByteRange};
use testkit::{BitFlip, Call, FailAt, MemDisk, When, random_image};

use super::{BLOCK, assert_done, go, pair, task};
use crate::{MoverError, Note, Side};

const SIZE: u64 = 600_000;

fn full_pair() -> (Arc<MemDisk>, Arc<MemDisk>) {
    let disk = |seed| {
        let disk = MemDisk::new(ByteCount(SIZE));
        random_image(&disk, seed, 0).unwrap();
        Arc::new(disk)
    };
    (disk(1), disk(2))
}

fn broken(inner: Arc<MemDisk>, call: Call, when: When, kind: ErrorKind) -> Arc<dyn Disk> {
    Arc::new(FailAt::new(inner, call, when, kind))
}

#[test]
fn a_read_error_names_the_side_and_the_block() {
    let bad = ByteRange::new(300_100, 10);
    let block = ByteRange::new(300_100 / BLOCK * BLOCK, BLOCK);
    let (source, target) = full_pair();
    let failing = broken(
        target.clone(),
        Call::Read,
        When::Touching(bad),
        ErrorKind::Other,
    );
    let error = go(&task(source.clone(), failing)).unwrap_err();
    assert!(!error.is_temporary());
    assert!(
        matches!(error, MoverError::Read { side: Side::Target, range, .. } if range == block),
        "{error:?}"
    );

    let failing = broken(target, Call::Read, When::Touching(bad), ErrorKind::TimedOut);
    let error = go(&task(source, failing)).unwrap_err();
    assert!(error.is_temporary());
    assert!(
        matches!(error, MoverError::Read { side: Side::Target, range, .. } if range == block),
        "{error:?}"
    );
}

#[test]
fn each_failing_call_on_the_target_is_its_own_error() {
    for (call, name) in [
        (Call::Write, "write bytes"),
        (Call::Flush, "flush the target"),
        (Call::Extents, "map bytes"),
    ] {
        let (source, target) = full_pair();
        let failing = broken(target, call, When::Nth(1), ErrorKind::Other);
        let error = go(&task(source, failing)).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
    let (source, target) = full_pair();
    let whole = ByteRange::new(0, SIZE);
    source.write_zeroes(whole).unwrap();
    let failing = broken(target, Call::Zero, When::From(0), ErrorKind::Other);
    let error = go(&task(source, failing)).unwrap_err().to_string();
    assert!(error.starts_with("zero bytes "), "{error}");
}

#[test]
fn one_flipped_bit_is_repaired_and_noted() {
    let (source, target) = full_pair();
    let flipping = Arc::new(BitFlip::new(target.clone(), 300_100, 1));
    let report = go(&task(source.clone(), flipping)).unwrap();
    let range = ByteRange::new(300_100 / BLOCK * BLOCK, BLOCK);
    assert_eq!(report.notes, [Note::Repaired { range }]);
    assert!(source.bytes() == target.bytes());
    assert_done(&report.counters);
}

#[test]
fn a_bit_that_flips_in_a_zeroed_range_is_repaired() {
    let (source, target) = full_pair();
    source.write_zeroes(ByteRange::new(0, SIZE)).unwrap();
    let flipping = Arc::new(BitFlip::new(target.clone(), 300_100, 1));
    let report = go(&task(source.clone(), flipping)).unwrap();
    assert_eq!(report.notes.len(), 1);
    assert!(source.bytes() == target.bytes());
    assert_done(&report.counters);
}

#[test]
fn a_bit_that_flips_again_is_a_mismatch() {
    let (source, target) = full_pair();
    let flipping = Arc::new(BitFlip::new(target, 300_100, 2));
    let error = go(&task(source, flipping)).unwrap_err();
    let block = ByteRange::new(300_100 / BLOCK * BLOCK, BLOCK);
    assert!(
        matches!(error, MoverError::Mismatch { range } if range == block),
        "{error:?}"
    );
}

#[test]
fn a_last_short_block_is_repaired_too() {
    let (source, target) = pair(100_001, 9);
    target.write_at(100_000, &[1]).unwrap();
    source.write_at(100_000, &[2]).unwrap();
    let flipping = Arc::new(BitFlip::new(target.clone(), 100_000, 1));
    let report = go(&task(source.clone(), flipping)).unwrap();
    assert_eq!(report.notes.len(), 1);
    assert!(source.bytes() == target.bytes());
}
