//! What is left in the page cache of real files, and how regions are judged.

use std::{fs, path::Path, process::Command};

use super::*;
use crate::{Access, Disk as _, raw::RawDisk};

const SIZE: u64 = 3 * REGION + (1 << 20);

/// Bytes of a file that are in the page cache, as `fincore` tells; none where there is none.
fn resident(path: &Path) -> Option<u64> {
    let mut fincore = Command::new("fincore");
    let out = fincore.args(["-b", "-n", "-o", "RES"]).arg(path).output();
    String::from_utf8(out.ok()?.stdout)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// A file of which nothing is in the cache; none where that cannot be had or told.
fn cold_file() -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("disk");
    let content = vec![7; usize::try_from(SIZE).expect("a size")];
    fs::write(&path, content).expect("written");
    let file = File::open(&path).expect("opened");
    file.sync_all().expect("durable");
    forget(&file, ByteRange::new(0, SIZE));
    let counts = fetched().is_some();
    (counts && resident(&path) == Some(0)).then_some((dir, path))
}

fn read_all(path: &Path) {
    let disk = RawDisk::open(path, Access::Read).expect("a disk");
    let mut buffer = vec![0; 256 * 1024];
    for at in (0..SIZE).step_by(buffer.len()) {
        disk.read_at(at, &mut buffer).expect("read");
        assert!(buffer.iter().all(|byte| *byte == 7));
    }
}

#[test]
fn what_was_not_cached_is_not_cached_after_the_disk_was_read() {
    let Some((_dir, path)) = cold_file() else {
        return;
    };
    read_all(&path);
    let left = resident(&path).expect("told before");
    assert!(left <= 4 << 20, "{left} bytes are left");
}

#[test]
fn what_was_cached_stays() {
    let Some((_dir, path)) = cold_file() else {
        return;
    };
    let mut file = File::open(&path).expect("opened");
    std::io::copy(&mut file, &mut std::io::sink()).expect("read");
    let before = resident(&path).expect("told before");
    assert!(before >= SIZE / 2, "{before}");
    read_all(&path);
    // The host itself may take a little back meanwhile.
    let after = resident(&path).expect("told before");
    assert!(after + REGION / 2 >= before, "{after} of {before}");
}

#[test]
fn a_region_is_judged_once_enough_of_it_was_read() {
    let file = tempfile::tempfile().expect("a file");
    let manners = Manners::new(SIZE);
    let learn = |region: u64, read, fetched| manners.learn(&file, region * REGION, read, fetched);
    let find = |region: u64| manners.find(region * REGION);
    assert_eq!(find(0), Found::Unknown);
    // A piece that the host lost is not enough to call a region cold.
    learn(0, SAMPLE, SAMPLE);
    assert_eq!(find(0), Found::Unknown);
    learn(0, LONG_SAMPLE - SAMPLE, 0);
    assert_eq!(find(0), Found::Warm);
    learn(1, SAMPLE, SAMPLE);
    learn(1, LONG_SAMPLE - SAMPLE, LONG_SAMPLE / 2);
    assert_eq!(find(1), Found::Cold);
    // What read-ahead brought in looks as if it had been there.
    learn(2, SAMPLE, 0);
    assert_eq!(find(2), Found::Unknown);
    learn(2, LONG_SAMPLE - SAMPLE, LONG_SAMPLE);
    assert_eq!(find(2), Found::Cold);
    assert_eq!(find(9), Found::Warm);
}

#[test]
fn next_to_nothing_fetched_is_soon_called_warm() {
    let file = tempfile::tempfile().expect("a file");
    let manners = Manners::new(SIZE);
    manners.learn(&file, 0, SAMPLE, 0);
    assert_eq!(manners.find(0), Found::Warm);
    manners.learn(&file, REGION, SAMPLE, SAMPLE / 9);
    assert_eq!(manners.find(REGION), Found::Warm);
}
