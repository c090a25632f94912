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
    let blocks = usize::try_from(one.size().0).expect("size") / BLOCK;
    differing(one, other).len() * 1_000 / blocks
}

/// The blocks that differ.
fn differing(one: &dyn Disk, other: &dyn Disk) -> Vec<usize> {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    let blocks = usize::try_from(one.size().0).expect("size") / BLOCK;
    let differs = |block: &usize| {
        let offset = (block * BLOCK) as u64;
        one.read_at(offset, &mut left).expect("read");
        other.read_at(offset, &mut right).expect("read");
        left != right
    };
    (0..blocks).filter(differs).collect()
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
    create(dir.path(), Scale::Tiny, 0).expect("create");
    let took = start.elapsed();
    // A loaded machine is slower; a test suite still must not wait for its estates.
    assert!(took.as_secs() < 10, "{took:?}");
    check_estate(dir.path());
}

#[test]
fn making_it_again_begins_anew_with_the_same_ids() {
    let dir = tempfile::tempdir().expect("directory");
    create(dir.path(), Scale::Tiny, 0).expect("create");
    let first = meta::load_estate(dir.path()).expect("estate");
    let stray = meta::lab_dir(dir.path()).join("dr/stray");
    fs::write(&stray, b"x").expect("stray");
    create(dir.path(), Scale::Tiny, 0).expect("again");
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
    create(dir.path(), Scale::Sample, 0).expect("create");
    let took = start.elapsed();
    assert!(took.as_secs() < 30, "{took:?}");
    check_estate(dir.path());
}

#[test]
fn failing_over_again_and_again_never_fills_a_disk() {
    let dir = tempfile::tempdir().expect("directory");
    create(dir.path(), Scale::Tiny, 0).expect("create");
    let estate = meta::load_estate(dir.path()).expect("estate");
    let replica = meta::load_vm(dir.path(), &estate.replicas[1].vm).expect("replica");
    let (path, format) = image(dir.path(), &replica.vm, &replica.disks[0]);
    let locator = Locator::File { path, format };
    for seed in 0..60 {
        let disk = disk::open(&locator, Access::Write).expect("open");
        diverge_after_failover(disk, seed).expect("diverge");
    }
}

/// Blocks that differ between a generated VM and its replica.
fn changed(data_dir: &Path, replica: &ReplicaFile) -> Vec<usize> {
    let production = meta::load_vm(data_dir, &replica.original).expect("original");
    let kept = meta::load_vm(data_dir, &replica.vm).expect("replica");
    let one = read(data_dir, &production.vm, &production.disks[0]);
    let other = read(data_dir, &kept.vm, &kept.disks[0]);
    differing(one.as_ref(), other.as_ref())
}

#[test]
fn vms_beyond_the_scale_are_generated_small_and_sound() {
    let dir = tempfile::tempdir().expect("directory");
    create(dir.path(), Scale::Tiny, 300).expect("create");
    let estate = meta::load_estate(dir.path()).expect("estate");
    assert_eq!(estate.replicas.len(), 300);
    let names: std::collections::BTreeSet<_> =
        estate.replicas.iter().map(|it| &it.original).collect();
    assert_eq!(names.len(), 300);
    let (tiny, generated) = estate.replicas.split_at(3);
    assert_eq!(tiny[0].original.platform_id, "tiny-a");
    let ready = generated
        .iter()
        .filter(|it| it.state == ReplicaState::Ready);
    assert_eq!(ready.count(), 29);
    // Every job keeps some of them, and the backup names all.
    let jobs: Vec<usize> = estate.jobs.iter().map(|job| job.vms.len()).collect();
    assert_eq!(jobs, [3, 0, 250, 47, 300]);
    for replica in generated.iter().step_by(59) {
        let kept = meta::load_vm(dir.path(), &replica.vm).expect("replica");
        check_image(&image(dir.path(), &kept.vm, &kept.disks[0]));
        assert_eq!(changed(dir.path(), replica), [7], "{}", kept.name);
        let folder = meta::vm_dir(dir.path(), &kept.vm);
        let info = super::super::chain::disk_info(&folder, &kept.disks[0]).expect("info");
        // A page for each of some ten clusters, not the clusters.
        assert!(info.allocated.0 <= 160 << 10, "{:?}", info.allocated);
        let record =
            super::super::tracking::union(&folder, &kept.disks[0].key, kept.disks[0].size, 1..2);
        let ranges = record.expect("a whole record").ranges();
        assert_eq!(ranges.len(), 1);
        assert_eq!(ranges[0].start, 7 * BLOCK as u64);
    }
}
