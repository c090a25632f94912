//! Journals that are cut off, damaged, or of another transfer.

use std::{fs, path::Path};

use blockmap::{BlockSize, RangeSet};
use model::{ByteCount, ByteRange};

use crate::{
    Discarded, Proof,
    journal::{Header, Journal, Known, Mark},
};

const HEADER: Header<'static> = Header {
    task_key: "disk 0 at point 7",
    size: ByteCount(1 << 30),
    block: BlockSize::MIN,
    proof: Proof::Device,
};

fn range(number: u64) -> ByteRange {
    ByteRange::new(number * 8192, 4096)
}

fn open(path: &Path) -> (Journal, Known) {
    Journal::open(path, &HEADER).unwrap()
}

fn two_records(path: &Path) {
    let (mut journal, known) = open(path);
    assert!(known.discarded.is_none());
    journal.append(Mark::Equal, &[range(0), range(1)]).unwrap();
    journal.append(Mark::Copied, &[range(2)]).unwrap();
    journal.sync().unwrap();
}

#[test]
fn ranges_come_back_by_their_marks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    two_records(&path);
    let (mut journal, _) = open(&path);
    journal.append(Mark::Zeroed, &[range(4)]).unwrap();
    let (mut journal, known) = open(&path);
    let set = |numbers: &[u64]| -> RangeSet { numbers.iter().map(|n| range(*n)).collect() };
    assert_eq!(known.proved, set(&[0, 1, 2, 4]));
    let mut tally = |within: &[u64]| {
        let tally = journal.tally(HEADER.size, &set(within), |_, _| {}).unwrap();
        (tally.copied.0 / 4096, tally.zeroed.0 / 4096)
    };
    assert_eq!(tally(&[0, 1, 2, 4]), (1, 1));
    assert_eq!(tally(&[0, 4]), (0, 1));
    // It goes on where it ended.
    journal.append(Mark::Copied, &[range(5)]).unwrap();
    assert_eq!(open(&path).1.proved, set(&[0, 1, 2, 4, 5]));
}

/// Found in review: all records were in memory at once, and as sets of their marks.
#[test]
fn a_journal_of_two_million_records_is_one_range_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let header = Header {
        size: ByteCount(1 << 40),
        ..HEADER
    };
    let (mut journal, _) = Journal::open(&path, &header).unwrap();
    let marks = [Mark::Equal, Mark::Copied, Mark::Equal, Mark::Zeroed];
    for record in 0..2_000_000_u64 / 500 {
        // Blocks by turns, so that no two of one mark touch.
        for (mark, first) in marks.into_iter().zip(0_u64..) {
            let blocks = (0..125).map(|block| record * 500 + block * 4 + first);
            let ranges: Vec<_> = blocks.map(|it| ByteRange::new(it * 4096, 4096)).collect();
            journal.append(mark, &ranges).unwrap();
        }
    }
    let (mut journal, known) = Journal::open(&path, &header).unwrap();
    let all = ByteRange::new(0, 2_000_000 * 4096);
    assert_eq!(known.proved.iter().collect::<Vec<_>>(), [all]);
    assert_eq!(known.forgotten, ByteCount::ZERO);
    let tally = journal
        .tally(header.size, &known.proved, |_, _| {})
        .unwrap();
    let quarter = ByteCount(all.len / 4);
    assert_eq!((tally.copied, tally.zeroed), (quarter, quarter));
}

#[test]
fn a_journal_cut_anywhere_keeps_whole_records_and_takes_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    two_records(&path);
    let whole = fs::read(&path).unwrap();
    let mut kept = Vec::new();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut journal, known) = open(&path);
        kept.push(known.proved.total().0 / 4096);
        journal.append(Mark::Zeroed, &[range(9)]).unwrap();
        drop(journal);
        let (_, again) = open(&path);
        let mut both = known.proved;
        both.insert(range(9));
        assert_eq!(again.proved, both, "cut at {cut}");
    }
    assert!(kept.is_sorted());
    kept.dedup();
    assert_eq!(kept, [0, 2, 3]);
}

#[test]
fn a_damaged_byte_drops_its_record_and_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    two_records(&path);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        let (_, known) = open(&path);
        // The last byte belongs to the second record: nothing damaged is ever believed.
        let expected = RangeSet::from_ranges([range(0), range(1)]);
        let right = known.proved.is_empty() || known.proved == expected;
        assert!(right, "damaged at {at}");
    }
}

#[test]
fn a_journal_of_another_transfer_is_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    for other in [
        Header {
            task_key: "disk 1 at point 7",
            ..HEADER
        },
        Header {
            size: ByteCount(1 << 31),
            ..HEADER
        },
        Header {
            block: BlockSize::MAX,
            ..HEADER
        },
        // Found in review: what the cache had shown counted as verified from the device.
        Header {
            proof: Proof::Cache,
            ..HEADER
        },
    ] {
        drop(fs::remove_file(&path));
        two_records(&path);
        let (_, known) = Journal::open(&path, &other).unwrap();
        assert_eq!(known.discarded, Some(Discarded::OtherTask));
        assert!(known.proved.is_empty());
    }
    fs::write(&path, b"something else").unwrap();
    let (_, known) = open(&path);
    assert_eq!(known.discarded, Some(Discarded::Damaged));
}
