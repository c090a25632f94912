//! Every byte is accounted for: the counters against the calls that the disks saw.

use std::sync::Arc;

use blockmap::RangeSet;
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{Call, Counting, MemDisk, random_image, scatter_changes};

use super::{assert_done, go, task};
use crate::{Proof, Scope};

/// A disk of random content with holes; allocated all over where asked, so that one side may have
/// holes that the other has not.
fn image(size: u64, seed: u64, zero_percent: u64, allocate: bool) -> MemDisk {
    let disk = MemDisk::new(ByteCount(size));
    random_image(&disk, seed, zero_percent).unwrap();
    if allocate {
        disk.allocate_all();
    }
    disk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_counters_are_what_the_disks_were_asked(
        size in 1..1_500_000_u64,
        seed in any::<u32>(),
        zero_percent in 0..100_u64,
        allocate in any::<[bool; 2]>(),
        holes in proptest::collection::vec((0..1_500_000_u64, 0..200_000_u64), 0..4),
        ranges in proptest::option::of(
            proptest::collection::vec((0..1_500_000_u64, 0..90_000_u64), 0..5)
        ),
        device in any::<bool>(),
    ) {
        let range = |(start, len): (u64, u64)| ByteRange::new(start, len);
        let source = image(size, u64::from(seed), zero_percent, allocate[0]);
        let target = MemDisk::from_bytes(source.bytes());
        scatter_changes(&target, u64::from(seed) ^ 1, 10, 30_000).unwrap();
        if allocate[1] {
            target.allocate_all();
        }
        for hole in holes.into_iter().map(range) {
            let hole = ByteRange::new(hole.start.min(size), hole.len.min(size - hole.start.min(size)));
            target.write_zeroes(hole).unwrap();
        }
        let (source, target) = (
            Arc::new(Counting::new(Arc::new(source))),
            Arc::new(Counting::new(Arc::new(target))),
        );
        let mut task = task(source.clone(), target.clone());
        task.proof = if device { Proof::Device } else { Proof::Cache };
        if let Some(ranges) = ranges {
            task.scope = Scope::Ranges(RangeSet::from_ranges(ranges.into_iter().map(range)));
        }
        let counters = go(&task).unwrap().counters;
        assert_done(&counters);
        prop_assert_eq!(counters.to_scan.saturating_add(counters.outside), ByteCount(size));
        prop_assert_eq!(source.bytes(Call::Read), counters.read_source);
        prop_assert_eq!(
            target.bytes(Call::Read),
            counters.read_target.saturating_add(counters.reread)
        );
        prop_assert_eq!(target.bytes(Call::Write), counters.sent);
        prop_assert_eq!(target.bytes(Call::Zero), counters.zeroed);
        prop_assert_eq!(counters.reread, counters.written);
        let digested = if device { 2 * counters.sent.0 } else { 0 };
        prop_assert_eq!(counters.hashed, ByteCount(digested));
        prop_assert_eq!((counters.packed, counters.seeded, counters.unread, counters.repaired),
            Default::default());
    }
}

/// Without proof nothing may be believed later: neither a journal nor digests say anything.
#[test]
fn what_proves_nothing_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = super::pair(1_500_001, 21);
    let counted = Arc::new(Counting::new(target.clone()));
    let kept = crate::Digests {
        path: folder.path().join("kept"),
        identity: "disk 0".to_owned(),
        stamp: Arc::new("now".to_owned()),
        base: None,
    };
    let mut task = super::with_journal(task(source.clone(), counted), folder.path());
    task.proof = Proof::Nothing;
    task.digests.target = Some(kept);
    let report = go(&task).unwrap();
    assert_eq!(target.bytes(), source.bytes());
    assert!(report.counters.written > ByteCount::ZERO);
    assert_eq!(report.counters.verified, ByteCount::ZERO);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
