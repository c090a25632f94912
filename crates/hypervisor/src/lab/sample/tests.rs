//! The estates: made in time, sound, and diverged as promised.

use std::{path::PathBuf, process::Command, time::Instant};

use disk::{Access, Locator};
use model::{DiskFormat, ReplicaState, VmRef};

use super::*;

const BLOCK: usize = 65_536;

fn image(data_dir: &Path, vm: &VmRef, disk: &meta::DiskFile) -> (PathBuf, DiskFormat) {
    let dir = meta::vm_dir(data_dir, vm);
    disk.layers.last().map_or_else(
        || (dir.join(&disk.base), disk.format),
        |layer| (dir.join(&layer.file), DiskFormat::Qcow2),
    )
}

fn read(data_dir: &Path, vm: &VmRef, disk: &meta::DiskFile) -> Arc<dyn Disk> {
    let (path, format) = image(data_dir, vm, disk);
    disk::open(&Locator::File { path, format }, Access::Read).expect("open")
}

/// How many of the blocks differ, in tenths of a percent.
fn different(one: &dyn Disk, other: &dyn Disk) -> usize {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    let blocks = usize::try_from(one.size().0).expect("size") / BLOCK;
    let differs = |block: &usize| {
        let offset = (block * BLOCK) as u64;
        one.read_at(offset, &mut left).expect("read");
        other.read_at(offset, &mut right).expect("read");
        left != right
    };
    (0..blocks).filter(differs).count() * 1_000 / blocks
}

fn check_estate(data_dir: &Path) {
    for replica in meta::load_estate(data_dir).expect("estate").replicas {
        let original = meta::load_vm(data_dir, &replica.original).expect("original");
        let there = meta::load_vm(data_dir, &replica.vm).expect("replica");
        for (vm, disk) in original.disks.iter().map(|disk| (&original.vm, disk)) {
            let Some(paired) = there.disks.iter().find(|paired| paired.key == disk.key) else {
                panic!("{} has no pair", disk.name);
            };
            check_image(&image(data_dir, &there.vm, paired));
            if paired.size == disk.size && replica.state == ReplicaState::Failover {
                let one = read(data_dir, vm, disk);
                let other = read(data_dir, &there.vm, paired);
                let share = different(&*one, &*other);
                assert!(
                    (10..=200).contains(&share),
                    "{} {}: {share}",
                    original.name,
                    disk.name
                );
            }
        }
    }
}

/// Sound in the eyes of qemu-img, where it is installed.
fn check_image((path, format): &(PathBuf, DiskFormat)) {
    if *format == DiskFormat::Raw {
        return;
    }
    if let Ok(output) = Command::new("qemu-img")
        .args(["check", "-f", "qcow2"])
        .arg(path)
        .output()
    {
        assert!(output.status.success(), "{}: {output:?}", path.display());
    }
}

#[test]
fn the_tiny_estate_is_made_in_time_and_diverged() {
    let dir = tempfile::tempdir().expect("directory");
    let start = Instant::now();
    create(dir.path(), Scale::Tiny).expect("create");
    let took = start.elapsed();
    // A loaded machine is slower; a test suite still must not wait for its estates.
    assert!(took.as_secs() < 10, "{took:?}");
    check_estate(dir.path());
}

#[test]
fn making_it_again_begins_anew_with_the_same_ids() {
    let dir = tempfile::tempdir().expect("directory");
    create(dir.path(), Scale::Tiny).expect("create");
    let first = meta::load_estate(dir.path()).expect("estate");
    let stray = meta::lab_dir(dir.path()).join("dr/stray");
    fs::write(&stray, b"x").expect("stray");
    create(dir.path(), Scale::Tiny).expect("again");
    assert!(!stray.exists());
    let second = meta::load_estate(dir.path()).expect("estate");
    let ids = |estate: &EstateFile| -> Vec<_> {
        estate
            .replicas
            .iter()
            .map(|replica| replica.id.clone())
            .collect()
    };
    assert_eq!(ids(&first), ids(&second));
}

#[test]
#[ignore = "writes a GiB"]
fn the_sample_estate() {
    let dir = tempfile::tempdir().expect("directory");
    let start = Instant::now();
    create(dir.path(), Scale::Sample).expect("create");
    let took = start.elapsed();
    assert!(took.as_secs() < 30, "{took:?}");
    check_estate(dir.path());
}

#[test]
fn failing_over_again_and_again_never_fills_a_disk() {
    let dir = tempfile::tempdir().expect("directory");
    create(dir.path(), Scale::Tiny).expect("create");
    let estate = meta::load_estate(dir.path()).expect("estate");
    let replica = meta::load_vm(dir.path(), &estate.replicas[1].vm).expect("replica");
    let (path, format) = image(dir.path(), &replica.vm, &replica.disks[0]);
    let locator = Locator::File { path, format };
    for seed in 0..60 {
        let disk = disk::open(&locator, Access::Write).expect("open");
        diverge_after_failover(disk, seed).expect("diverge");
    }
}
