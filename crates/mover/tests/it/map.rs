//! The map of a sparse image of 64 TiB: bounded, and quick to draw and to look at.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use blockmap::{DiskMap, Mix, RUNS};
use disk::{Access, Disk, Locator, open};
use model::{ByteCount, ByteRange, DiskFormat, MapState, Timestamp};
use mover::{Controls, Meter, Unreadable, keep_map, kept_map, run};
use tempfile::TempDir;

use crate::unreadable::task;

const SIZE: u64 = 64 << 40;
const BLOCK: u64 = 64 * 1024;

fn image(folder: &TempDir, name: &str) -> Arc<dyn Disk> {
    let path = folder.path().join(name);
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .arg(&path)
        .arg("64T")
        .status();
    assert!(made.expect("qemu-img is there").success());
    let format = DiskFormat::Qcow2;
    open(&Locator::File { path, format }, Access::Write).expect("opened")
}

/// Where there is data: a block here and there, up to the disk's last.
fn places() -> impl Iterator<Item = (u64, u64)> {
    let step = SIZE / 300 / BLOCK * BLOCK;
    let last = SIZE - BLOCK;
    (0..300)
        .map(move |number| number * step)
        .chain([last])
        .enumerate()
        .map(|(number, at)| (number as u64, at))
}

#[test]
fn a_sparse_disk_of_64_tib_has_a_small_map_that_is_quick_at_every_zoom() {
    let folder = TempDir::new().expect("a folder");
    let (source, target) = (
        image(&folder, "source.qcow2"),
        image(&folder, "target.qcow2"),
    );
    for (number, at) in places() {
        let data = vec![u8::try_from(number % 251 + 1).expect("small"); 65_536];
        source.write_at(at, &data).expect("written");
        // Every third is the same on both sides.
        if number % 3 == 0 {
            target.write_at(at, &data).expect("written");
        }
    }
    let task = task(source, target, Unreadable::Stop);
    let begun = Instant::now();
    let meter = Meter::mapped();
    let counters = run(&task, &Controls::default(), &meter)
        .expect("moved")
        .counters;
    let map = meter.map().expect("a map was drawn");

    assert_eq!(map.size(), ByteCount(SIZE));
    assert_eq!(map.totals().of(MapState::Hole), counters.skipped);
    assert_eq!(map.totals().of(MapState::Equal), counters.equal);
    assert_eq!(map.totals().of(MapState::Verified), counters.verified);
    assert_eq!((map.grain(), map.runs()), (ByteCount(1), 2 * 301 - 1));
    assert!(map.runs() <= RUNS);
    for (number, at) in places() {
        let wanted = if number % 3 == 0 {
            MapState::Equal
        } else {
            MapState::Verified
        };
        assert_eq!(
            map.shares(ByteRange::new(at, BLOCK)).only(),
            Some(wanted),
            "{number}"
        );
        zoom(&map, at);
    }
    let path = folder.path().join("kept.map");
    keep_map(&path, &map, Timestamp(1)).expect("kept");
    assert!(std::fs::metadata(&path).expect("there").len() < 16 * 1024);
    assert_eq!(
        kept_map(&path).expect("read").map(|kept| kept.map),
        Some(map)
    );
    // Generous: it is some ten seconds without optimisation, nearly all of it asking for holes.
    assert!(
        begun.elapsed() < Duration::from_secs(300),
        "{:?}",
        begun.elapsed()
    );
}

/// From the whole disk down to a block.
fn zoom(map: &DiskMap, at: u64) {
    let mut len = SIZE;
    while len >= BLOCK {
        let start = (at / len * len).min(SIZE - len);
        let cut = map.cells(ByteRange::new(start, len), 1024);
        assert!(cut.cells.len() <= 1024);
        let sum: ByteCount = cut.cells.iter().map(Mix::total).sum();
        assert_eq!(sum.0, cut.range.len);
        let here = usize::try_from((at - cut.range.start) / cut.cell.0).expect("few");
        let found = &cut.cells[here];
        assert!(found.only() != Some(MapState::Hole), "{at} at {len}");
        assert!(map.rows(cut.range, 100).rows.len() <= 100);
        len /= 16;
    }
}
