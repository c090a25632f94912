//! What of a read image stays in the page cache.

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
    assert_eq!(resident(&path), Some(before));
}

#[test]
fn a_region_is_judged_once_enough_of_it_was_read() {
    let file = tempfile::tempfile().expect("a file");
    let manners = Manners::new(SIZE);
    assert_eq!(manners.find(0), Found::Unknown);
    manners.learn(&file, 0, SAMPLE / 2, SAMPLE / 2);
    assert_eq!(manners.find(0), Found::Unknown);
    manners.learn(&file, SAMPLE, SAMPLE / 2, 0);
    assert_eq!(manners.find(0), Found::Cold);
    manners.learn(&file, REGION, SAMPLE, 0);
    assert_eq!(
        manners.find(REGION),
        Found::Unknown,
        "read-ahead may have brought it in"
    );
    manners.learn(&file, REGION, SAMPLE_AFTER_COLD, 0);
    assert_eq!(manners.find(REGION), Found::Warm);
    manners.learn(&file, 2 * REGION, SAMPLE, SAMPLE / 8);
    assert_eq!(manners.find(2 * REGION), Found::Warm);
    assert_eq!(manners.find(SIZE + REGION), Found::Warm);
}
