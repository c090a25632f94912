//! The map of a disk against the disks themselves, block by block, and the file that keeps it.

use std::{io::ErrorKind, path::Path, sync::Arc};

use blockmap::{DiskMap, RangeSet};
use disk::{Disk, ExtentKind};
use model::{ByteCount, ByteRange, DiskCounters, MapState, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::{Call, FailAt, MemDisk, PowerLoss, Survivors, When, scatter_changes};

use super::{
    BLOCK, SIZES,
    digests::{digests, links::linked},
    pair,
    remote::{self, remote},
    task, with_journal,
};
use crate::{
    Controls, Digests, Meter, MoverError, Proof, Scope, Unreadable, keep_map, kept_map, run::run_in,
};

/// After a whole task the map says what the counters say.
pub(super) fn assert_map(meter: &Meter, counters: &DiskCounters) {
    let map = meter.map().expect("a map was drawn");
    let totals = map.totals();
    let rest = counters.different.saturating_sub(counters.written);
    for (state, counted) in [
        (MapState::Unread, ByteCount::ZERO),
        (MapState::Outside, counters.outside),
        (MapState::Hole, counters.skipped),
        (MapState::Equal, counters.equal),
        (MapState::Different, rest),
        (
            MapState::Sent,
            counters.written.saturating_sub(counters.verified),
        ),
        (MapState::Verified, counters.verified),
        (MapState::Unreadable, counters.unread),
    ] {
        assert_eq!(totals.of(state), counted, "{state:?} of {totals:?}");
    }
}

/// What a block must be on the map after a sync, from what the disks held before it.
fn wanted(source: &MemDisk, target: &MemDisk, written: MapState) -> Vec<MapState> {
    let holes = [source, target].map(|disk| {
        let all = disk.extents(ByteRange::new(0, disk.size().0)).unwrap();
        let zero = all.iter().filter(|it| it.kind == ExtentKind::Zero);
        RangeSet::from_ranges(zero.map(|it| it.range))
    });
    let size = usize::try_from(BLOCK).unwrap();
    let (ours, theirs) = (source.bytes(), target.bytes());
    let blocks = ours.chunks(size).zip(theirs.chunks(size)).enumerate();
    blocks
        .map(|(number, (ours, theirs))| {
            let block = ByteRange::new(number as u64 * BLOCK, ours.len() as u64);
            if holes.iter().all(|zero| zero.contains(block)) {
                MapState::Hole
            } else if ours == theirs {
                MapState::Equal
            } else {
                written
            }
        })
        .collect()
}

fn blocks_of(map: &DiskMap) -> Vec<MapState> {
    let blocks = blockmap::BlockSize::MIN.blocks(ByteRange::new(0, map.size().0));
    blocks
        .map(|block| map.shares(block).only().expect("blocks are not divided"))
        .collect()
}

/// Runs a remote synchronisation with a map; what the map is afterwards.
fn synced(
    source: Arc<dyn Disk>,
    near: Option<&Digests>,
    target: Arc<dyn Disk>,
    far: Option<&Digests>,
    apply: bool,
) -> (DiskMap, DiskCounters) {
    let mut task = remote(source, Proof::Device);
    task.apply = apply;
    let meter = Meter::mapped();
    let (result, served) = linked(&task, near, target, far, &meter);
    served.unwrap();
    let (report, _) = result.unwrap();
    if apply {
        assert_map(&meter, &report.counters);
    }
    (meter.map().unwrap(), report.counters)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_map_of_a_local_sync_is_what_the_disks_were(
        size in 1..1_500_000_u64,
        seed in any::<u32>(),
        zero_percent in 0..100_u64,
        proof in prop::sample::select(vec![Proof::Cache, Proof::Device, Proof::Nothing]),
        apply in any::<bool>(),
    ) {
        let (source, target) = remote::pair(size, u64::from(seed), zero_percent);
        let written = match (apply, proof) {
            (false, _) => MapState::Different,
            (true, Proof::Nothing) => MapState::Sent,
            (true, Proof::Cache | Proof::Device) => MapState::Verified,
        };
        let wanted = wanted(&source, &target, written);
        let mut task = task(source, target);
        (task.proof, task.apply) = (proof, apply);
        let meter = Meter::mapped();
        let report = run_in(&task, &Controls::default(), &meter, SIZES).unwrap();
        assert_map(&meter, &report.counters);
        prop_assert_eq!(blocks_of(&meter.map().unwrap()), wanted);
    }

    #[test]
    fn the_map_of_a_remote_sync_is_what_the_disks_were(
        size in 1..3_000_000_u64,
        seed in any::<u32>(),
        zero_percent in 0..100_u64,
        apply in any::<bool>(),
    ) {
        let (source, target) = remote::pair(size, u64::from(seed), zero_percent);
        let written = if apply { MapState::Verified } else { MapState::Different };
        let wanted = wanted(&source, &target, written);
        let (map, counters) = synced(source, None, target, None, apply);
        let found = blocks_of(&map);
        for (number, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            // The ends tell each other of holes by the request: one that holds data is read.
            let same = found == wanted || (*found, *wanted) == (MapState::Equal, MapState::Hole);
            prop_assert!(same, "block {}: {:?} for {:?}", number, found, wanted);
        }
        prop_assert_eq!(map.totals().of(MapState::Hole), counters.skipped);
    }

    #[test]
    fn what_kept_digests_prove_is_equal_on_the_map(
        size in 1..3_000_000_u64,
        seed in any::<u32>(),
        changes in 0..6_u64,
    ) {
        let folder = TempDir::new().unwrap();
        let (source, target) = remote::pair(size, u64::from(seed), 40);
        let side = |name, stamp| digests(folder.path(), name, stamp);
        let (near, far) = (side("source", "1"), side("target", "1"));
        synced(source.clone(), Some(&near), target.clone(), Some(&far), true);
        scatter_changes(&*target, u64::from(seed) ^ 6, changes, 30_000).unwrap();
        // The far end reads itself anew, then both know.
        let far = side("target", "2");
        let unchanged = source.bytes() == target.bytes();
        let (map, _) = synced(source.clone(), Some(&near), target.clone(), Some(&far), false);
        prop_assert_eq!(map.totals().of(MapState::Different) == ByteCount::ZERO, unchanged);
        let (map, counters) = synced(source, Some(&near), target, Some(&far), true);
        prop_assert_eq!(map.totals().of(MapState::Verified), counters.verified);
        prop_assert_eq!(map.totals().total(), ByteCount(size));
    }
}

#[test]
fn what_change_tracking_does_not_name_is_outside() {
    let (source, target) = pair(1_000_003, 9);
    let named =
        RangeSet::from_ranges([ByteRange::new(50_000, 100_000), ByteRange::new(900_000, 1)]);
    let mut task = task(source, target);
    task.scope = Scope::Ranges(named.clone());
    let meter = Meter::mapped();
    let report = run_in(&task, &Controls::default(), &meter, SIZES).unwrap();
    assert_map(&meter, &report.counters);
    let map = meter.map().unwrap();
    let scope = named.aligned_out(task.block, task.source.size());
    let blocks = task.block.blocks(ByteRange::new(0, 1_000_003));
    for (block, state) in blocks.zip(blocks_of(&map)) {
        assert_eq!(
            state == MapState::Outside,
            !scope.contains(block),
            "{block}"
        );
    }
}

#[test]
fn sectors_that_cannot_be_read_are_on_the_map_whether_the_task_goes_on_or_stops() {
    for skip in [Unreadable::Skip, Unreadable::Stop] {
        let (source, target) = pair(600_000, 31);
        source.allocate_all();
        let bad = ByteRange::new(123 * 512, 1024);
        let hurt = FailAt::new(source, Call::Read, When::Touching(bad), ErrorKind::Other);
        let mut task = task(Arc::new(hurt), target);
        task.unreadable = skip;
        let meter = Meter::mapped();
        let done = run_in(&task, &Controls::default(), &meter, SIZES);
        assert_eq!(done.is_ok(), skip == Unreadable::Skip);
        let map = meter.map().unwrap();
        assert_eq!(map.shares(bad).only(), Some(MapState::Unreadable));
        assert_eq!(map.totals().of(MapState::Unreadable), ByteCount(1024));
    }
}

/// After a crash the map shows what the journal has, then what is done beside it.
#[test]
fn a_later_try_draws_what_the_journal_proves() {
    let proved = (1..).map(crash_after).take_while(Option::is_some);
    let most = proved.flatten().max();
    assert!(most > Some(ByteCount::ZERO), "{most:?} proved at most");
}

/// Cuts the power after so many writes and flushes, and looks at the map of the next try; how much
/// the journal had. None when the task was done before.
fn crash_after(calls: u64) -> Option<ByteCount> {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(1_500_001, 77);
    let wanted = wanted(&source, &target, MapState::Verified);
    let power = Arc::new(PowerLoss::new(target.clone()));
    power.cut_after(calls);
    let first = with_journal(task(source.clone(), power.clone()), folder.path());
    let ended = run_in(&first, &Controls::default(), &Meter::mapped(), SIZES);
    power.lose(Survivors::None).unwrap();
    if ended.is_ok() {
        return None;
    }

    // One that is cancelled at once gets no further than the journal.
    let controls = Controls::default();
    controls.cancel();
    let meter = Meter::mapped();
    let task = with_journal(task(source, target), folder.path());
    let cancelled = run_in(&task, &controls, &meter, SIZES);
    assert!(matches!(cancelled, Err(MoverError::Cancelled)));
    let (map, counters) = (meter.map().unwrap(), meter.counters());
    assert_eq!(map.totals().of(MapState::Equal), counters.equal);
    assert_eq!(map.totals().of(MapState::Verified), counters.verified);
    for (found, wanted) in blocks_of(&map).into_iter().zip(&wanted) {
        let proved = found == *wanted || made_equal(found, *wanted);
        assert!(
            found == MapState::Unread || proved,
            "{found:?} for {wanted:?}"
        );
    }

    let meter = Meter::mapped();
    let report = run_in(&task, &Controls::default(), &meter, SIZES).unwrap();
    assert_map(&meter, &report.counters);
    let found = blocks_of(&meter.map().unwrap());
    for (found, wanted) in found.into_iter().zip(wanted) {
        let right = found == wanted || made_equal(found, wanted);
        assert!(right, "{found:?} for {wanted:?}");
    }
    Some(counters.resumed)
}

/// What the first try made durable and did not note is found equal, or a hole.
fn made_equal(found: MapState, wanted: MapState) -> bool {
    wanted == MapState::Verified && matches!(found, MapState::Equal | MapState::Hole)
}

#[test]
fn a_meter_without_a_map_draws_none() {
    let (source, target) = pair(100_000, 1);
    let meter = Meter::default();
    run_in(&task(source, target), &Controls::default(), &meter, SIZES).unwrap();
    assert_eq!(meter.map(), None);
    assert_eq!(Meter::mapped().map(), None);
}

fn kept(path: &Path) -> Option<DiskMap> {
    kept_map(path).unwrap().map(|kept| kept.map)
}

#[test]
fn a_kept_map_is_read_again_and_a_damaged_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session").join("disk-1.map");
    assert_eq!(kept(&path), None);
    let mut map = DiskMap::new(ByteCount(1 << 46));
    for number in 0..2000 {
        map.paint(ByteRange::new(number << 30, 5 << 20), MapState::Verified);
        if number % 1000 == 0 {
            keep_map(&path, &map, Timestamp(7)).unwrap();
        }
    }
    keep_map(&path, &map, Timestamp(8)).unwrap();
    let read = kept_map(&path).unwrap().unwrap();
    assert_eq!((&read.map, read.as_of), (&map, Timestamp(8)));

    let whole = std::fs::read(&path).unwrap();
    for at in [0, 9, 20, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(kept(&path), None, "byte {at}");
        std::fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(kept(&path), None, "cut at {at}");
    }
    // A folder in its place is no damage, but a failure with the path.
    let error = kept_map(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains(&folder.path().display().to_string()),
        "{error}"
    );
    std::fs::create_dir_all(folder.path().join("taken.map/in")).unwrap();
    let error = keep_map(&folder.path().join("taken.map"), &read.map, Timestamp(1)).unwrap_err();
    assert!(error.to_string().starts_with("keep the map"), "{error}");
}
