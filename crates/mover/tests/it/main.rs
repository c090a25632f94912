//! Real images moved by the mover, judged by `qemu-img compare`.

mod lost;
mod map;
mod nbdkit;
mod unreadable;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use blockmap::{BlockSize, RangeSet};
use disk::{Access, Disk, Locator, create_overlay, create_qcow2, create_raw, open};
use model::{ByteCount, ByteRange, DiskFormat};
use mover::{BothDigests, Controls, Meter, Proof, Report, Scope, Task, Unreadable, run};
use tempfile::TempDir;
use testkit::{random_image, scatter_changes};

/// Two batches and a piece, and no multiple of a block.
const SIZE: u64 = (70 << 20) + 512;

struct Image {
    path: PathBuf,
    format: DiskFormat,
}

impl Image {
    fn new(folder: &TempDir, name: &str, format: DiskFormat) -> Self {
        let path = folder.path().join(name);
        match format {
            DiskFormat::Raw => create_raw(&path, ByteCount(SIZE)),
            DiskFormat::Qcow2 => create_qcow2(&path, ByteCount(SIZE)),
        }
        .expect("created");
        Self { path, format }
    }

    fn overlay(&self, folder: &TempDir, name: &str) -> Self {
        let path = folder.path().join(name);
        create_overlay(&path, (&self.path, self.format), ByteCount(SIZE)).expect("created");
        let format = DiskFormat::Qcow2;
        Self { path, format }
    }

    fn open(&self, access: Access) -> Arc<dyn Disk> {
        let locator = Locator::File {
            path: self.path.clone(),
            format: self.format,
        };
        open(&locator, access).expect("opened")
    }

    fn filled(self, seed: u64) -> Self {
        let disk = self.open(Access::Write);
        random_image(&*disk, seed, 70).expect("filled");
        disk.flush().expect("flushed");
        self
    }

    fn changed(self, seed: u64) -> Self {
        let disk = self.open(Access::Write);
        scatter_changes(&*disk, seed, 40, 200_000).expect("changed");
        disk.flush().expect("flushed");
        self
    }

    const fn word(&self) -> &'static str {
        match self.format {
            DiskFormat::Raw => "raw",
            DiskFormat::Qcow2 => "qcow2",
        }
    }
}

fn qemu_img(args: &[&str], files: &[&Path]) -> bool {
    let mut command = Command::new("qemu-img");
    let done = command.args(args).args(files).output();
    done.expect("qemu-img is there").status.success()
}

fn equal(a: &Image, b: &Image) -> bool {
    let formats = ["compare", "-f", a.word(), "-F", b.word()];
    qemu_img(&formats, &[&a.path, &b.path])
}

fn transfer(source: &Image, target: &Image, scope: Scope, journal: Option<PathBuf>) -> Report {
    let task = Task {
        source: source.open(Access::Read),
        target: target.open(Access::Write),
        scope,
        block: BlockSize::default(),
        journal,
        task_key: "disk".to_owned(),
        apply: true,
        proof: Proof::Device,
        digests: BothDigests::default(),
        sample: None,
        unreadable: Unreadable::Stop,
    };
    run(&task, &Controls::default(), &Meter::default()).expect("moved")
}

fn check(source: &Image, target: &Image) {
    assert!(!equal(source, target), "nothing to do");
    let counters = transfer(source, target, Scope::Whole, None).counters;
    assert!(equal(source, target));
    assert_eq!(counters.scanned, ByteCount(SIZE));
    assert_eq!(counters.verified, counters.different);
    for image in [source, target] {
        assert!(image.word() == "raw" || qemu_img(&["check", "-f", "qcow2"], &[&image.path]));
    }
    let again = transfer(source, target, Scope::Whole, None).counters;
    assert_eq!(again.different, ByteCount::ZERO);
}

#[test]
fn an_empty_target_of_either_format_becomes_equal() {
    for (from, to) in [
        (DiskFormat::Raw, DiskFormat::Qcow2),
        (DiskFormat::Qcow2, DiskFormat::Raw),
    ] {
        let folder = TempDir::new().expect("a folder");
        let source = Image::new(&folder, "source", from).filled(11);
        check(&source, &Image::new(&folder, "target", to));
    }
}

#[test]
fn a_changed_overlay_is_made_equal_through_its_chain() {
    let folder = TempDir::new().expect("a folder");
    let base = Image::new(&folder, "base", DiskFormat::Qcow2).filled(21);
    let source = base.overlay(&folder, "source").changed(22);
    let target = base.overlay(&folder, "target").changed(23);
    check(&source, &target);
}

#[test]
fn ranges_limit_what_is_compared_and_a_journal_what_is_read_again() {
    let folder = TempDir::new().expect("a folder");
    let source = Image::new(&folder, "source", DiskFormat::Raw).filled(31);
    let target = Image::new(&folder, "target", DiskFormat::Qcow2);
    transfer(&source, &target, Scope::Whole, None);
    let disk = source.open(Access::Write);
    let changed = scatter_changes(&*disk, 32, 30, 100_000).expect("changed");
    disk.flush().expect("flushed");
    drop(disk);
    // One byte more than needed, so that the scope has a block that is equal.
    let scope = RangeSet::from_ranges(changed.into_iter().chain([ByteRange::new(SIZE - 1, 1)]));
    let journal = Some(folder.path().join("journal"));
    let scoped = || Scope::Ranges(scope.clone());
    let first = transfer(&source, &target, scoped(), journal.clone()).counters;
    assert!(equal(&source, &target));
    assert!(first.to_scan < ByteCount(SIZE / 4));
    let second = transfer(&source, &target, scoped(), journal).counters;
    assert_eq!(second.resumed, first.to_scan.saturating_sub(second.skipped));
    assert_eq!(second.different, first.different);
}
