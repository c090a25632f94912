//! The guest on a real image: its sequence goes on after a stop and after a shutdown.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use disk::{Access, Disk, Locator};
use model::{ByteCount, DiskFormat};

use super::*;

const QUICK: GuestSettings = GuestSettings {
    tick: Duration::from_millis(2),
    shutdown_delay: Duration::from_millis(10),
};

fn open(path: &Path) -> Arc<dyn Disk> {
    let locator = Locator::File {
        path: path.to_owned(),
        format: DiskFormat::Raw,
    };
    disk::open(&locator, Access::Write).expect("open")
}

fn prepared(path: &Path) {
    disk::create_raw(path, ByteCount(24 << 20)).expect("create");
    let disk = open(path);
    guestfs::format(&disk, 7).expect("format");
    let volume = guestfs::mount(disk).expect("mount");
    volume
        .write_file(JOURNAL, &vec![0; JOURNAL_LEN])
        .expect("journal");
    volume
        .write_file(STATUS, &vec![b' '; STATUS_LEN])
        .expect("status");
    volume.unmount().expect("unmount");
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn records(path: &Path) -> Records {
    read_records(open(path)).expect("records")
}

#[test]
fn the_sequence_goes_on_after_stop_and_after_shutdown() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("disk.raw");
    prepared(&path);

    let guest = spawn(
        "one",
        Some(open(&path)),
        QUICK,
        false,
        Box::new(|| panic!("stopped, not shut down")),
    );
    wait_until("records", || records(&path).last >= 20);
    guest.stop();
    assert!(!guest.is_running());
    let stopped = records(&path);
    assert!(stopped.is_whole(), "{stopped:?}");
    assert!(
        guestfs::mount(open(&path))
            .expect("mount")
            .is_dirty()
            .expect("flags")
    );

    let exited = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&exited);
    let guest = spawn(
        "two",
        Some(open(&path)),
        QUICK,
        false,
        Box::new(move || seen.store(true, Ordering::SeqCst)),
    );
    wait_until("more records", || records(&path).last > stopped.last + 5);
    guest.request_shutdown();
    wait_until("exit", || exited.load(Ordering::SeqCst));
    assert!(!guest.is_running());
    let after = records(&path);
    assert!(
        after.is_whole() && after.first == 1 && after.count == after.last,
        "{after:?}"
    );
}

#[test]
fn a_deaf_guest_never_shuts_down() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("disk.raw");
    prepared(&path);
    let guest = spawn(
        "deaf",
        Some(open(&path)),
        QUICK,
        true,
        Box::new(|| panic!("deaf")),
    );
    guest.request_shutdown();
    thread::sleep(Duration::from_millis(100));
    assert!(guest.is_running());
    guest.stop();
    assert!(records(&path).is_whole());
}

#[test]
fn a_damaged_record_is_counted() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("disk.raw");
    prepared(&path);
    let volume = guestfs::mount(open(&path)).expect("mount");
    for sequence in [1, 2, 3, 5] {
        let record = record_at(sequence, clock::now_micros());
        volume
            .overwrite(JOURNAL, slot_offset(sequence), &record)
            .expect("write");
    }
    volume.overwrite(JOURNAL, 600, b"x").expect("damage");
    volume.unmount().expect("unmount");
    let found = records(&path);
    assert_eq!(
        (found.count, found.bad, found.last, found.gaps),
        (3, 1, 5, 2)
    );
}
