//! Ends apart, and only ranges asked for: these become equal, the rest is neither read nor written,
//! and a sample tells when the ranges are not all that changed.

use std::{io, sync::Arc, thread};

use blockmap::{BlockSize, RangeSet, Wanted};
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{Call, Counting, MemDisk};

use super::{
    BLOCK, assert_done,
    map::assert_map,
    remote::{join, pair, remote},
};
use crate::{
    Controls, Digests, Meter, MoverError, NotKept, Note, Proof, Report, Sample, Scope, Side,
    remote::{Remote, serve_with_digests, sync_with_digests},
};

const GROUP: u64 = 512 * 1024;

fn part(source: Arc<dyn Disk>, ranges: &[ByteRange], sample: Option<Sample>) -> Remote {
    Remote {
        scope: Scope::Ranges(RangeSet::from_ranges(ranges.iter().copied())),
        sample,
        ..remote(source, Proof::Device)
    }
}

fn done(task: &Remote, target: Arc<dyn Disk>) -> (Report, ByteCount) {
    let (near, far) = join(task, target, |socket| socket);
    far.unwrap();
    near.unwrap()
}

/// All blocks of the rest.
fn census() -> Option<Sample> {
    let wanted = Wanted {
        confidence: 1.0,
        tolerated: 0.0,
    };
    Some(Sample { seed: 1, wanted })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn only_the_ranges_become_equal(
        size in 1..4_000_000_u64,
        seed in any::<u32>(),
        zero_percent in 0..100_u64,
        places in proptest::collection::vec((0..4_000_000_u64, 1..300_000_u64), 0..12),
    ) {
        let (source, target) = pair(size, u64::from(seed), zero_percent);
        let places = places.into_iter().map(|(start, len)| {
            let start = start % size;
            ByteRange::new(start, len.min(size - start))
        });
        let named: Vec<ByteRange> = places.collect();
        let blocks = RangeSet::from_ranges(named.clone()).aligned_out(BlockSize::MIN, ByteCount(size));
        let mut wanted = target.bytes();
        for range in blocks.iter() {
            let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end()).unwrap();
            wanted[place.clone()].copy_from_slice(&source.bytes()[place]);
        }

        let dry = Remote { apply: false, ..part(source.clone(), &named, None) };
        let before = target.bytes();
        let (planned, _) = done(&dry, target.clone());
        prop_assert!(target.bytes() == before);

        let counted = [source, target.clone()].map(|it| Arc::new(Counting::new(it)));
        let (report, _) = done(&part(counted[0].clone(), &named, None), counted[1].clone());
        prop_assert!(target.bytes() == wanted);
        assert_done(&report.counters);
        let counters = &report.counters;
        prop_assert_eq!(counters.scanned, blocks.total());
        prop_assert_eq!(counters.outside.0, size - blocks.total().0);
        prop_assert_eq!(counted[0].bytes(Call::Read), counters.read_source);
        prop_assert_eq!(
            counted[1].bytes(Call::Read),
            counters.read_target.saturating_add(counters.reread)
        );
        let hashed = [counters.read_source, counters.read_target, counters.reread, counters.sent];
        prop_assert_eq!(counters.hashed, hashed.into_iter().sum());
        prop_assert_eq!(counters.different, planned.counters.different);
        prop_assert_eq!(counters.sent, planned.to_send);
        prop_assert_eq!(report.sampled, None);
    }

    #[test]
    fn a_sample_that_finds_more_goes_on_with_the_rest(
        size in 1..4_000_000_u64,
        seed in any::<u32>(),
        zero_percent in 0..100_u64,
        start in 0..4_000_000_u64,
        len in 1..2_000_000_u64,
        apply in any::<bool>(),
    ) {
        let (source, target) = pair(size, u64::from(seed), zero_percent);
        let start = start % size;
        let named = [ByteRange::new(start, len.min(size - start))];
        let whole = Remote { apply: false, ..remote(source.clone(), Proof::Cache) };
        let (planned, _) = done(&whole, target.clone());
        let task = Remote { apply, ..part(source.clone(), &named, census()) };
        let inside = RangeSet::from_ranges(named).aligned_out(BlockSize::MIN, ByteCount(size));
        let (report, _) = done(&task, target.clone());
        prop_assert!(!apply || source.bytes() == target.bytes());
        let counters = &report.counters;
        prop_assert_eq!(counters.different, planned.counters.different);
        prop_assert_eq!(report.to_send, planned.to_send);
        prop_assert_eq!(counters.scanned.0, size);
        prop_assert_eq!(counters.outside, ByteCount::ZERO);
        prop_assert_eq!(counters.sampled.0, size - inside.total().0);
        if apply {
            assert_done(counters);
        }
    }
}

/// A disk of three groups of data, and a copy with a change in each.
fn three_groups() -> (Arc<MemDisk>, Arc<MemDisk>) {
    let source = MemDisk::from_bytes(vec![5; 3 * 512 * 1024]);
    let target = MemDisk::from_bytes(source.bytes());
    for group in 0..3 {
        target.write_at(group * GROUP + 2 * BLOCK, &[6; 3]).unwrap();
    }
    (Arc::new(source), Arc::new(target))
}

#[test]
fn one_block_of_the_sample_that_differs_widens_to_the_whole_disk() {
    let (source, target) = three_groups();
    let few = Sample {
        seed: 3,
        wanted: Wanted::default(),
    };
    let task = part(
        source.clone(),
        &[ByteRange::new(0, GROUP)],
        Some(Sample {
            wanted: Wanted {
                confidence: 0.5,
                tolerated: 0.5,
            },
            ..few
        }),
    );
    // One block of 256 is drawn, and is equal: the rest is believed.
    let (report, wire) = done(&task, target.clone());
    let sampled = report.sampled.unwrap();
    assert_eq!(
        (sampled.population, sampled.compared, sampled.widened),
        (256, 1, None)
    );
    assert_eq!(report.counters.sent, ByteCount(BLOCK));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert!(wire.0 < 4 * BLOCK, "{wire}");
    assert!(source.bytes() != target.bytes());

    let task = part(source.clone(), &[ByteRange::new(0, GROUP)], Some(few));
    let (report, _) = done(&task, target.clone());
    let sampled = report.sampled.unwrap();
    let block = sampled.widened.unwrap();
    assert_eq!(report.notes, [Note::Widened { block }]);
    assert!(source.bytes() == target.bytes());
}

/// So many ranges that they do not fit into a pipe.
#[test]
fn a_far_end_that_refuses_early_is_heard() {
    let source = Arc::new(MemDisk::new(ByteCount(1 << 30)));
    let target = Arc::new(MemDisk::new(ByteCount(1 << 20)));
    let ranges: Vec<_> = (0..100_000)
        .map(|at| ByteRange::new(at * 2 * BLOCK, 1))
        .collect();
    let (near, far) = join(&part(source, &ranges, None), target, |socket| socket);
    far.unwrap_err();
    let error = near.unwrap_err();
    assert!(matches!(error, MoverError::FarEnd { .. }), "{error}");
}

#[test]
fn the_map_shows_what_was_not_looked_at() {
    let (source, target) = three_groups();
    let task = part(source, &[ByteRange::new(GROUP, GROUP)], None);
    let (near_in, far_out) = io::pipe().unwrap();
    let (far_in, near_out) = io::pipe().unwrap();
    let meter = Meter::mapped();
    let report = thread::scope(|scope| {
        let open = |_, _| Ok((target as Arc<dyn Disk>, None));
        let far = scope.spawn(move || serve_with_digests(open, far_in, far_out));
        let controls = Controls::default();
        let done = sync_with_digests(&task, None, near_in, near_out, &controls, &meter);
        far.join().unwrap().unwrap();
        done.unwrap().0
    });
    assert_map(&meter, &report.counters);
    assert_eq!(report.counters.outside, ByteCount(2 * GROUP));
    assert_eq!(report.counters.verified, ByteCount(BLOCK));
}

#[test]
fn digests_are_of_whole_disks() {
    let folder = tempfile::tempdir().unwrap();
    let digests = |name: &str| Digests {
        path: folder.path().join(name),
        identity: name.to_owned(),
        stamp: Arc::new("1".to_owned()),
        base: None,
    };
    let run = |near: Option<&Digests>, far: Option<Digests>| {
        let (source, target) = three_groups();
        let task = part(source, &[ByteRange::new(0, GROUP)], None);
        let (near_in, far_out) = io::pipe().unwrap();
        let (far_in, near_out) = io::pipe().unwrap();
        thread::scope(|scope| {
            let open = move |_, _| Ok((target as Arc<dyn Disk>, far));
            let served = scope.spawn(move || serve_with_digests(open, far_in, far_out));
            let (controls, meter) = (Controls::default(), Meter::default());
            let done = sync_with_digests(&task, near, near_in, near_out, &controls, &meter);
            drop(served.join().unwrap());
            done
        })
    };
    let (report, _) = run(Some(&digests("near")), None).unwrap();
    let note = Note::DigestsNotMade {
        side: Side::Source,
        why: NotKept::PartOnly,
    };
    assert_eq!(report.notes, [note]);
    let refused = run(None, Some(digests("far"))).unwrap_err();
    assert!(matches!(refused, MoverError::FarEnd { .. }), "{refused}");
    assert!(refused.to_string().contains("whole disks"), "{refused}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}
