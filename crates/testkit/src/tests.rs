//! The tools themselves: each fault strikes where it was asked to and nowhere else.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::{UnixDatagram, UnixListener},
    sync::Arc,
    time::Duration,
};

use disk::{Disk, DiskError, ExtentKind};
use model::{ByteCount, ByteRange, Timestamp};

use crate::{
    BitFlip, Call, Chopped, Counting, FailAt, Lasts, ManualClock, MemDisk, Mishap, Mishaps,
    PowerLoss, Spoiled, StreamFault, Survivors, When, listens, random_image, scatter_changes,
    until_listening,
};

const SIZE: u64 = 100_000;

fn memory() -> Arc<MemDisk> {
    Arc::new(MemDisk::new(ByteCount(SIZE)))
}

fn kinds(disk: &dyn Disk) -> Vec<(u64, ExtentKind)> {
    let extents = disk.extents(ByteRange::new(0, SIZE)).unwrap();
    extents.iter().map(|e| (e.range.len, e.kind)).collect()
}

#[test]
fn memory_knows_its_holes() {
    let disk = memory();
    assert_eq!(kinds(&*disk), [(SIZE, ExtentKind::Zero)]);
    disk.write_at(4095, &[1, 2]).unwrap();
    let rest = (SIZE - 8192, ExtentKind::Zero);
    assert_eq!(kinds(&*disk), [(8192, ExtentKind::Data), rest]);
    disk.write_zeroes(ByteRange::new(1, 8191)).unwrap();
    assert_eq!(kinds(&*disk)[0], (4096, ExtentKind::Data));
    assert!(disk.bytes().iter().all(|byte| *byte == 0));
}

#[test]
fn memory_refuses_what_is_past_its_end() {
    let disk = memory();
    let far = ByteRange::new(u64::MAX, 2);
    let results = [
        disk.write_at(SIZE - 1, &[0, 0]),
        disk.read_at(SIZE, &mut [0]),
        disk.write_zeroes(far),
        disk.extents(far).map(drop),
    ];
    for result in results {
        assert!(matches!(result, Err(DiskError::PastEnd { .. })));
    }
}

#[test]
fn faults_strike_the_call_they_are_for() {
    let disk = FailAt::new(memory(), Call::Write, When::Nth(1), ErrorKind::TimedOut);
    disk.write_at(0, &[1]).unwrap();
    disk.read_at(0, &mut [0]).unwrap();
    let error = disk.write_at(7, &[1, 2]).unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.to_string(), "write bytes 7 to 9");
    disk.write_at(7, &[1, 2]).unwrap();
}

#[test]
fn a_flipped_bit_is_below_the_writer() {
    let inner = memory();
    let disk = BitFlip::new(inner.clone(), 5, 1);
    disk.write_at(6, &[1]).unwrap();
    assert_eq!(inner.bytes()[5], 0);
    disk.write_at(0, &[0; 10]).unwrap();
    assert_ne!(inner.bytes()[5], 0);
    disk.write_at(0, &[0; 10]).unwrap();
    assert_eq!(inner.bytes()[5], 0);
}

#[test]
fn power_loss_drops_what_was_not_flushed() {
    let inner = memory();
    let disk = PowerLoss::new(inner.clone());
    disk.write_at(0, &[1; 100]).unwrap();
    disk.flush().unwrap();
    disk.write_at(50, &[2; 100]).unwrap();
    disk.write_zeroes(ByteRange::new(0, 10)).unwrap();
    let mut seen = [9; 200];
    disk.read_at(0, &mut seen).unwrap();
    assert_eq!((seen[5], seen[20], seen[60], seen[160]), (0, 1, 2, 0));
    disk.lose(Survivors::None).unwrap();
    disk.read_at(0, &mut seen).unwrap();
    assert_eq!((seen[5], seen[20], seen[60], seen[160]), (1, 1, 1, 0));
}

#[test]
fn without_power_every_call_fails_until_it_is_back() {
    let disk = PowerLoss::new(memory());
    disk.cut_after(1);
    disk.write_at(0, &[1]).unwrap();
    assert!(disk.flush().is_err() && disk.read_at(0, &mut [0]).is_err());
    assert!(disk.extents(ByteRange::new(0, 1)).is_err());
    assert_eq!(disk.calls(), 1);
    disk.lose(Survivors::None).unwrap();
    disk.flush().unwrap();
}

#[test]
fn seeded_survivors_are_the_same_each_time() {
    let after = |seed| {
        let inner = memory();
        let disk = PowerLoss::new(inner.clone());
        random_image(&disk, 1, 0).unwrap();
        disk.lose(Survivors::Seeded(seed)).unwrap();
        inner.bytes()
    };
    assert!(after(4) == after(4));
    assert!(after(4) != after(6));
}

#[test]
fn images_and_changes_follow_their_seed() {
    let image = |seed| {
        let disk = memory();
        random_image(&*disk, seed, 50).unwrap();
        let counting = Counting::new(disk.clone());
        let changed = scatter_changes(&counting, seed, 10, 500).unwrap();
        assert_eq!(changed.len(), 10);
        assert_eq!(
            changed.iter().map(|range| range.len).sum::<u64>(),
            counting.bytes(Call::Write).0 + counting.bytes(Call::Zero).0
        );
        disk.bytes()
    };
    assert!(image(1) == image(1));
    assert!(image(1) != image(2));
}

#[test]
fn clocks_move_when_told() {
    let clock = ManualClock::new(Timestamp(5));
    let same = clock.clone();
    clock.advance_seconds(2);
    assert_eq!(same.now(), Timestamp(2_000_005));
}

/// A disk of ones of which the second write is struck, and what a write of twos leaves there.
fn after(mishap: Mishap) -> (bool, usize, usize) {
    let disk = memory();
    disk.write_at(0, &[1; 1000]).unwrap();
    let bad = Mishaps::new(disk.clone(), mishap, 1, Lasts::Once);
    bad.write_at(2000, &[9]).unwrap();
    let said = bad.write_at(0, &[2; 1000]).is_ok();
    let place = usize::try_from(bad.struck().unwrap().place).unwrap();
    let bytes = disk.bytes();
    let new = bytes[..1000].iter().filter(|byte| **byte == 2).count();
    // Once is once.
    bad.write_at(0, &[2; 1000]).unwrap();
    assert_eq!(disk.bytes()[..1000], [2; 1000]);
    (said, new, place)
}

#[test]
fn mishaps_of_writes_leave_what_they_say() {
    let (said, new, _) = after(Mishap::Error);
    assert_eq!((said, new), (false, 0));
    let (said, new, _) = after(Mishap::Late);
    assert_eq!((said, new), (false, 1000));
    let (said, new, place) = after(Mishap::Torn);
    assert_eq!((said, new), (false, place));
    assert!(place > 0 && place < 1000);
    let (said, new, place) = after(Mishap::TornSilently);
    assert_eq!((said, new), (true, place));
    let (said, new, _) = after(Mishap::FlipAtRest);
    assert_eq!((said, new), (true, 999));
}

#[test]
fn mishaps_of_reads_leave_what_they_say_and_a_bad_place_stays_bad() {
    let disk = memory();
    disk.write_at(0, &[1; 1000]).unwrap();
    let bad = Mishaps::new(disk.clone(), Mishap::Short, 0, Lasts::Always);
    // No read: not counted.
    bad.write_at(0, &[1; 1000]).unwrap();
    let mut buffer = [0; 1000];
    assert!(bad.read_at(0, &mut buffer).is_err());
    let place = bad.struck().unwrap().place;
    let filled = usize::try_from(place).unwrap();
    assert!(buffer[..filled].iter().all(|byte| *byte == 1));
    assert!(buffer[filled..].iter().all(|byte| *byte == 0));
    assert!(bad.read_at(place, &mut [0]).is_err());
    bad.read_at(place + 1, &mut [0]).unwrap();

    let bad = Mishaps::new(disk, Mishap::FlipInFlight, 0, Lasts::Once);
    bad.read_at(0, &mut buffer).unwrap();
    assert_eq!(buffer.iter().filter(|byte| **byte != 1).count(), 1);
    bad.read_at(0, &mut buffer).unwrap();
    assert_eq!(buffer, [1; 1000]);
}

#[test]
fn streams_go_wrong_at_their_byte_in_both_directions() {
    let text = *b"0123456789";
    for (fault, left) in [
        (StreamFault::Flip, &b"01234567<9"[..]),
        (StreamFault::Cut, b"01234567"),
    ] {
        let mut got = Vec::new();
        let chopped = Chopped::new(&text[..], 3);
        Spoiled::new(chopped, fault, |byte| byte == b'8')
            .read_to_end(&mut got)
            .unwrap();
        assert_eq!(got, left, "{fault:?}");
        let mut to = Vec::new();
        let spoiled = Spoiled::new(&mut to, fault, |byte| byte == b'8');
        let written = Chopped::new(spoiled, 3).write_all(&text);
        assert_eq!(to, left, "{fault:?}");
        assert_eq!(written.is_err(), fault == StreamFault::Cut);
    }
}

#[test]
fn a_socket_that_is_there_is_not_yet_one_that_listens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sock");
    assert!(!listens(&path));
    let bound = UnixDatagram::bind(&path).unwrap();
    assert!(path.exists() && !listens(&path));
    drop(bound);
    std::fs::remove_file(&path).unwrap();
    let _listener = UnixListener::bind(&path).unwrap();
    until_listening(&path, Duration::from_secs(1));
    assert!(listens(&path));
}
