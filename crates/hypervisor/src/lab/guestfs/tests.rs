//! The file system on real images, raw and qcow2.

use std::path::Path;

use disk::{Access, Locator};
use model::{ByteCount, DiskFormat};

use super::*;

fn open(path: &Path, format: DiskFormat) -> Arc<dyn Disk> {
    disk::open(
        &Locator::File {
            path: path.to_owned(),
            format,
        },
        Access::Write,
    )
    .expect("open")
}

fn round_trip(path: &Path, kind: DiskFormat) {
    let disk = open(path, kind);
    format(&disk, 1).expect("format");
    let mut random = Random::new(2);
    let (big, text) = (random.bytes(3_000_001), text_like(&mut random, 70_000));
    let volume = mount(Arc::clone(&disk)).expect("mount");
    volume.write_file("big.dat", &big).expect("write");
    volume.write_file("a long name.log", &text).expect("write");
    volume.write_file("gone.txt", b"gone").expect("write");
    volume.remove("gone.txt").expect("remove");
    volume
        .overwrite("big.dat", 1_000, b"other")
        .expect("overwrite");
    volume
        .overwrite("big.dat", 3_000_000, b"too long")
        .expect_err("past the end");
    volume.unmount().expect("unmount");
    drop(disk);

    let volume = mount(open(path, kind)).expect("mount again");
    assert!(!volume.is_dirty().expect("flags"));
    let names: Vec<_> = volume
        .list()
        .expect("list")
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["big.dat", "a long name.log"]);
    let found = volume.read_file("big.dat").expect("read");
    assert_eq!(&found[1_000..1_005], b"other");
    assert!(found[..1_000] == big[..1_000] && found[1_005..] == big[1_005..]);
    assert_eq!(volume.read_file("a long name.log").expect("read"), text);
}

#[test]
fn files_come_back_from_raw_and_qcow2() {
    let dir = tempfile::tempdir().expect("directory");
    for mib in [16, 256, 1_024, 2_048] {
        let path = dir.path().join("disk.raw");
        disk::create_raw(&path, ByteCount(mib << 20)).expect("create");
        round_trip(&path, DiskFormat::Raw);
        let path = dir.path().join("disk.qcow2");
        disk::create_qcow2(&path, ByteCount(mib << 20)).expect("create");
        round_trip(&path, DiskFormat::Qcow2);
    }
}

#[test]
fn what_was_not_synced_is_gone() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("disk.raw");
    disk::create_raw(&path, ByteCount(16 << 20)).expect("create");
    format(&open(&path, DiskFormat::Raw), 1).expect("format");
    let volume = mount(open(&path, DiskFormat::Raw)).expect("mount");
    volume.write_file("kept.txt", b"kept").expect("write");
    volume.sync().expect("sync");
    volume.write_file("lost.txt", b"lost").expect("write");
    drop(volume);
    let volume = mount(open(&path, DiskFormat::Raw)).expect("mount");
    assert!(volume.is_dirty().expect("flags"));
    assert_eq!(volume.list().expect("list").len(), 1);
}

#[test]
fn a_disk_without_a_table_is_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("disk.raw");
    disk::create_raw(&path, ByteCount(16 << 20)).expect("create");
    mount(open(&path, DiskFormat::Raw)).expect_err("no table");
}
