//! What a second try does after the first was cut off.

use std::{path::Path, sync::Arc};

use blockmap::{BlockSize, RangeSet};
use disk::Disk;
use model::{ByteCount, ByteRange};
use testkit::{Call, Counting, MemDisk, PowerLoss, Survivors};

use super::{assert_done, go, pair, task, with_journal};
use crate::{
    Discarded, Note, Proof,
    journal::{Header, Journal},
};

const SIZE: u64 = 1_500_001;

/// What the journal at `folder` says is proved.
fn proved(folder: &Path) -> RangeSet {
    let header = Header {
        task_key: "pair at point 1",
        size: ByteCount(SIZE),
        block: BlockSize::MIN,
        proof: Proof::Device,
    };
    let (_, known) = Journal::open(&folder.join("journal"), &header).unwrap();
    known.proved
}

fn bytes_in(disk: &MemDisk, range: ByteRange) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(range.len).unwrap()];
    disk.read_at(range.start, &mut bytes).unwrap();
    bytes
}

/// Cuts the power after `calls` writes and flushes; false when the task was done before.
fn cut_after(calls: u64, survivors: Survivors) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(SIZE, 77);
    let power = Arc::new(PowerLoss::new(target.clone()));
    let counted = Arc::new(Counting::new(source.clone()));
    power.cut_after(calls);
    let task = with_journal(task(counted.clone(), power.clone()), folder.path());
    let first = go(&task);
    power.lose(survivors).unwrap();

    let proved = proved(folder.path());
    for range in proved.iter() {
        assert!(
            bytes_in(&source, range) == bytes_in(&target, range),
            "{range} is in the journal and not on the target"
        );
    }

    let read_before = counted.calls(Call::Read);
    let second = go(&task).unwrap();
    assert!(source.bytes() == target.bytes());
    assert_done(&second.counters);
    assert_eq!(second.counters.resumed, proved.total());
    let by_this_try = second
        .counters
        .sent
        .saturating_sub(second.counters.sent_before);
    assert_eq!(by_this_try, second.to_send);
    assert_eq!(second.notes, []);
    let read: RangeSet = counted
        .ranges(Call::Read)
        .into_iter()
        .skip(read_before)
        .collect();
    assert!(read.intersect(&proved).is_empty(), "read again: {read:?}");
    first.is_err()
}

#[test]
fn power_loss_at_every_write_and_flush_is_resumed() {
    for survivors in [Survivors::None, Survivors::Seeded(3)] {
        let mut calls = 0;
        while cut_after(calls, survivors) {
            calls += 1;
        }
        assert!(calls > 12, "only {calls} writes and flushes");
    }
}

#[test]
fn a_finished_task_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(SIZE, 3);
    let counting = Arc::new(Counting::new(source));
    let task = with_journal(task(counting.clone(), target), folder.path());
    let first = go(&task).unwrap().counters;
    let reads = counting.calls(Call::Read);
    let second = go(&task).unwrap().counters;
    assert_eq!(counting.calls(Call::Read), reads);
    assert_done(&second);
    assert_eq!(
        (first.different, first.sent, first.zeroed, first.skipped),
        (second.different, second.sent, second.zeroed, second.skipped)
    );
    assert_eq!(
        second.resumed.saturating_add(second.skipped),
        second.scanned
    );
}

#[test]
fn a_journal_of_another_task_is_discarded_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(SIZE, 4);
    let mut task = with_journal(task(source, target), folder.path());
    go(&task).unwrap();
    task.task_key = "pair at point 2".to_owned();
    let report = go(&task).unwrap();
    let why = Discarded::OtherTask;
    assert_eq!(report.notes, [Note::JournalDiscarded { why }]);
    assert_eq!(report.counters.resumed, ByteCount::ZERO);
}

/// Found in review: a try that died before its flush left writes that a second try read as equal
/// and noted, though a power cut could still take them.
#[test]
fn what_an_earlier_try_left_unflushed_is_durable_before_it_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(SIZE, 78);
    let power = Arc::new(PowerLoss::new(target.clone()));
    let mut buffer = vec![0; usize::try_from(SIZE).unwrap()];
    source.read_at(0, &mut buffer).unwrap();
    power.write_at(0, &buffer).unwrap();
    let task = with_journal(task(source.clone(), power.clone()), folder.path());
    go(&task).unwrap();
    power.lose(Survivors::None).unwrap();
    assert_eq!(source.bytes(), target.bytes());
}
