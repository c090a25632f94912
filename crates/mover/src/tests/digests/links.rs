//! Ends apart with kept digests: what travels and what is read.

use std::{os::unix::net::UnixStream, path::Path, sync::Arc, thread};

use disk::Disk;
use model::ByteCount;
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::{Call, Counting, MemDisk, random_image, scatter_changes};

use super::{believed, digests, leaves_of, runs::Moving, shape};
use crate::{
    Controls, Digests, Disbelieved, Meter, MoverError, NotKept, Note, Proof, Report, Scope, Side,
    Unreadable,
    remote::{FarError, Remote, serve_with_digests, sync_with_digests},
    tests::{BLOCK, assert_done, remote::WriteHalf},
};

pub(in crate::tests) type Synced = Result<(Report, ByteCount), MoverError>;

/// Joins both ends by a socket.
fn link(
    source: Arc<dyn Disk>,
    near: Option<&Digests>,
    target: Arc<dyn Disk>,
    far: Option<&Digests>,
    apply: bool,
) -> (Synced, Result<(), FarError>) {
    let task = Remote {
        source,
        scope: Scope::Whole,
        sample: None,
        block: blockmap::BlockSize::MIN,
        apply,
        proof: Proof::Cache,
        unreadable: Unreadable::Stop,
    };
    linked(&task, near, target, far, &Meter::default())
}

/// Joins both ends of a task by a socket.
pub(in crate::tests) fn linked(
    task: &Remote,
    near: Option<&Digests>,
    target: Arc<dyn Disk>,
    far: Option<&Digests>,
    meter: &Meter,
) -> (Synced, Result<(), FarError>) {
    let (here, there) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        let served = scope.spawn(move || {
            let open = |_, _| Ok((target, far.cloned()));
            let result = serve_with_digests(open, &there, &there);
            drop(there.shutdown(std::net::Shutdown::Both));
            result
        });
        let output = WriteHalf(here.try_clone().unwrap());
        let controls = Controls::default();
        let result = sync_with_digests(task, near, &here, output, &controls, meter);
        drop(here.shutdown(std::net::Shutdown::Both));
        (result, served.join().unwrap())
    })
}

fn assert_kept(folder: &Path, name: &str, stamp: &str, disk: &MemDisk) {
    let bytes = disk.bytes();
    let kept = believed(&digests(folder, name, stamp), shape(bytes.len() as u64));
    assert!(
        kept.leaves(0, u64::MAX).unwrap() == leaves_of(&bytes),
        "{name}"
    );
}

fn pair(size: u64, seed: u64, changes: u64) -> (Arc<MemDisk>, Arc<MemDisk>) {
    let source = MemDisk::new(ByteCount(size));
    random_image(&source, seed, 40).unwrap();
    let target = MemDisk::from_bytes(source.bytes());
    scatter_changes(&target, seed ^ 1, changes, 40_000).unwrap();
    (Arc::new(source), Arc::new(target))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_end_whose_digests_are_kept_is_not_read(
        size in prop_oneof![1..8192_u64, 1..6_000_000_u64],
        seed in any::<u32>(),
        sides in 1..4_u8,
        dry in any::<bool>(),
        changes in 0..8_u64,
    ) {
        let folder = TempDir::new().unwrap();
        let (source, target) = pair(size, u64::from(seed), 12);
        let side = |bit: u8, name, stamp| (sides & bit != 0).then(|| digests(folder.path(), name, stamp));
        let (near, far) = (side(1, "source", "1"), side(2, "target", "1"));
        let before = target.bytes();
        // Made.
        let (done, served) = link(source.clone(), near.as_ref(), target.clone(), far.as_ref(), !dry);
        prop_assert!(served.is_ok(), "{:?}", served);
        let (first, _) = done.unwrap();
        prop_assert!(first.notes.is_empty(), "{:?}", first.notes);
        prop_assert!(!dry || target.bytes() == before);
        if sides & 1 != 0 {
            assert_kept(folder.path(), "source", "1", &source);
        }
        if sides & 2 != 0 {
            assert_kept(folder.path(), "target", "1", &target);
        }

        // Used, after the source changed.
        scatter_changes(&*source, u64::from(seed) ^ 5, changes, 30_000).unwrap();
        let near = side(1, "source", "2");
        let counted = Arc::new(Counting::new(target.clone()));
        let (done, served) = link(source.clone(), near.as_ref(), counted.clone(), far.as_ref(), true);
        prop_assert!(served.is_ok(), "{:?}", served);
        let (report, _) = done.unwrap();
        assert_done(&report.counters);
        prop_assert!(source.bytes() == target.bytes());
        if sides & 2 != 0 {
            prop_assert_eq!(counted.bytes(Call::Read), report.counters.verified);
            assert_kept(folder.path(), "target", "1", &target);
        }
        if sides & 1 != 0 {
            let (side, why) = (Side::Source, Disbelieved::WrittenSince);
            let said = report.notes.contains(&Note::DigestsDiscarded { side, why });
            prop_assert!(said);
            assert_kept(folder.path(), "source", "2", &source);
        }

        // The target changes, and a source that is known is read where it differs.
        scatter_changes(&*target, u64::from(seed) ^ 6, changes, 30_000).unwrap();
        let far = side(2, "target", "2");
        let counted = Arc::new(Counting::new(source.clone()));
        let (done, served) = link(counted.clone(), near.as_ref(), target.clone(), far.as_ref(), true);
        prop_assert!(served.is_ok(), "{:?}", served);
        let (report, _) = done.unwrap();
        assert_done(&report.counters);
        prop_assert!(source.bytes() == target.bytes());
        if sides & 1 != 0 {
            prop_assert_eq!(counted.bytes(Call::Read), report.counters.sent);
        }
        if sides & 2 != 0 {
            let (side, why) = (Side::Target, Disbelieved::WrittenSince);
            let said = report.notes.contains(&Note::DigestsDiscarded { side, why });
            prop_assert!(said);
        }

        if sides == 3 {
            // Equal roots: nothing is read, and next to nothing travels.
            let (source, target) = (Arc::new(Counting::new(source)), Arc::new(Counting::new(target)));
            let (done, served) = link(source.clone(), near.as_ref(), target.clone(), far.as_ref(), true);
            prop_assert!(served.is_ok(), "{:?}", served);
            let (report, wire) = done.unwrap();
            assert_done(&report.counters);
            prop_assert_eq!(report.counters.proved, ByteCount(size));
            prop_assert!(wire.0 <= 400, "{}", wire);
            prop_assert_eq!((source.calls(Call::Read), target.calls(Call::Read)), (0, 0));
            prop_assert_eq!((source.calls(Call::Extents), target.calls(Call::Extents)), (0, 0));
        }
    }
}

/// Both ends know their disks; they differ in a few blocks of many.
fn both_known(folder: &Path, size: u64) -> (Arc<MemDisk>, Arc<MemDisk>, Digests, Digests) {
    let (source, target) = pair(size, 4, 0);
    let (near, far) = (
        digests(folder, "source", "1"),
        digests(folder, "target", "1"),
    );
    link(
        source.clone(),
        Some(&near),
        target.clone(),
        Some(&far),
        true,
    )
    .0
    .unwrap();
    (source, target, near, far)
}

#[test]
fn only_rows_that_differ_travel_where_both_ends_are_known() {
    let folder = TempDir::new().unwrap();
    let size = 64 << 20;
    let (source, target, _, far) = both_known(folder.path(), size);
    for at in [3 << 20, (3 << 20) + BLOCK, 40 << 20] {
        source.write_at(at, &[9; 512]).unwrap();
    }
    let near = digests(folder.path(), "source", "2");
    link(
        source.clone(),
        Some(&near),
        Arc::new(MemDisk::from_bytes(target.bytes())),
        None,
        false,
    )
    .0
    .unwrap();
    let counted = Arc::new(Counting::new(source.clone()));
    let (done, served) = link(
        counted.clone(),
        Some(&near),
        target.clone(),
        Some(&far),
        true,
    );
    served.unwrap();
    let (report, wire) = done.unwrap();
    assert_done(&report.counters);
    assert!(source.bytes() == target.bytes());
    assert_eq!(report.counters.different, ByteCount(3 * BLOCK));
    assert_eq!(counted.bytes(Call::Read), ByteCount(3 * BLOCK));
    // The three blocks, a row of 64 nodes, and two rows of leaves with half their digests.
    let rows = 64 * 16 + 2 * (256 * 16 + 64);
    assert!(wire.0 < 3 * BLOCK + rows + 1000, "{wire}");
    assert!(report.counters.proved.0 > size - (3 << 20), "{report:?}");
    assert_kept(folder.path(), "target", "1", &target);
}

#[test]
fn digests_that_are_wrong_at_either_end_are_found_by_the_roots_or_the_content() {
    let folder = TempDir::new().unwrap();
    let (source, target, near, far) = both_known(folder.path(), 4 << 20);
    // Behind the back of its stamp: the roots stay equal, as both ends vouch for them.
    source.write_at(1 << 20, &[9; 512]).unwrap();
    let (done, _) = link(source.clone(), Some(&near), target.clone(), None, true);
    // The block is not looked at here: the target, which is read, equals what is kept.
    done.unwrap();
    target.write_at(1 << 20, &[8; 512]).unwrap();
    let (done, _) = link(source.clone(), Some(&near), target.clone(), None, true);
    assert!(
        matches!(done, Err(MoverError::DigestsWrong { .. })),
        "{done:?}"
    );
    let (done, _) = link(
        source.clone(),
        Some(&near),
        target.clone(),
        Some(&far),
        true,
    );
    let (report, _) = done.unwrap();
    let (side, why) = (Side::Source, Disbelieved::NotFinished);
    assert!(report.notes.contains(&Note::DigestsDiscarded { side, why }));
}

#[test]
fn damage_at_the_far_end_ends_the_run_and_is_not_believed_again() {
    let folder = TempDir::new().unwrap();
    let (source, target, _, far) = both_known(folder.path(), 4 << 20);
    let mut bytes = std::fs::read(&far.path).unwrap();
    bytes[8192 + 8192 + 100] ^= 1;
    std::fs::write(&far.path, bytes).unwrap();
    let (done, served) = link(source.clone(), None, target.clone(), Some(&far), true);
    let error = done.unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
    assert!(served.is_err());
    target.write_at(1 << 20, &[8; 512]).unwrap();
    let (done, served) = link(source.clone(), None, target.clone(), Some(&far), true);
    served.unwrap();
    let (side, why) = (Side::Target, Disbelieved::NotFinished);
    let notes = done.unwrap().0.notes;
    assert_eq!(notes, [Note::DigestsDiscarded { side, why }]);
    assert!(source.bytes() == target.bytes());
}

/// Found in review: a synchronisation that was done and proved ended with an error because the
/// digests that it made could not be kept.
#[test]
fn digests_that_cannot_be_kept_at_the_far_end_are_a_note_and_no_failure() {
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 31, 9);
    let moving = Digests {
        stamp: Arc::new(Moving::default()),
        ..digests(folder.path(), "target", "")
    };
    let (near, far) = link(source.clone(), None, target.clone(), Some(&moving), true);
    far.unwrap();
    let (report, _) = near.unwrap();
    assert!(source.bytes() == target.bytes());
    assert_done(&report.counters);
    let (side, why) = (Side::Target, NotKept::NotAlone);
    assert_eq!(report.notes, [Note::DigestsNotMade { side, why }]);
    assert!(!moving.path.exists());
}

/// A stamp that stands still until it is told.
#[derive(Debug, Default)]
struct Held(std::sync::Mutex<u32>);

impl crate::Stamp for Held {
    fn now(&self) -> std::io::Result<String> {
        Ok(self.0.lock().unwrap().to_string())
    }
}

/// What was not read because of digests is not proved once somebody else wrote it.
#[test]
fn digests_that_were_believed_and_are_not_alone_fail_the_run_for_now() {
    #[derive(Debug)]
    struct Writes(Arc<Held>);
    impl testkit::Hook for Writes {
        fn before(&self, call: Call, _: model::ByteRange) -> Result<(), disk::DiskError> {
            if call == Call::Write {
                *self.0.0.lock().unwrap() += 1;
            }
            Ok(())
        }
    }
    let folder = TempDir::new().unwrap();
    let (source, target) = pair(3_000_000, 32, 9);
    let held = Arc::new(Held::default());
    let kept = Digests {
        stamp: held.clone(),
        ..digests(folder.path(), "target", "")
    };
    let (made, _) = link(source.clone(), None, target.clone(), Some(&kept), true);
    made.unwrap();
    scatter_changes(&*source, 33, 5, 9000).unwrap();
    let written = Arc::new(testkit::Layer::around(target, Writes(held)));
    let (near, _) = link(source, None, written, Some(&kept), true);
    let error = near.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    let MoverError::FarEnd { failure } = error else {
        panic!("{error}");
    };
    assert_eq!(failure.fault, crate::remote::FarFault::Digests);
    assert_eq!(failure.fault.side(), Some(Side::Target));
    assert!(failure.words.contains("somebody else"), "{failure:?}");
}
