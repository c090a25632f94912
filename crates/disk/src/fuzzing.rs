//! Entry points for fuzzing: each takes any bytes and may fail, but must not panic, hang, ask for
//! absurd memory, or contradict itself.

mod nbd;

use std::{
    fs::File,
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
    panic,
    path::PathBuf,
    sync::{Arc, Once},
};

use model::{ByteRange, DiskFormat};
use rustix::fs::{MemfdFlags, memfd_create};

pub use self::nbd::{nbd_client, nbd_replies, nbd_server, nbd_uri};
use crate::{Access, Disk, ExtentKind, Locator, open, own_extents, set_backing};

/// No more than this of a disk is looked at, at each of a few places.
const WINDOW: u64 = 256 * 1024;

/// A qcow2 image of these bytes.
pub fn qcow2(data: &[u8]) {
    // The fuzzer's own hook would end the process at panics that are turned into errors.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| drop(panic::take_hook()));
    if names_another_file(data) {
        return;
    }
    for access in [Access::Read, Access::Write] {
        let (_file, path) = memory(data);
        let locator = Locator::File {
            path: path.clone(),
            format: DiskFormat::Qcow2,
        };
        if let Ok(disk) = open(&locator, access) {
            exercise(&*disk, access);
        }
    }
    let (_file, path) = memory(data);
    // Every extent of an image may be as small as a cluster: only small images are mapped whole.
    if data.get(24..32).is_some_and(|size| size[..4] == [0; 4]) {
        drop(own_extents(&path));
    }
    drop(set_backing(&path, &PathBuf::from("base"), DiskFormat::Raw));
}

/// A raw image that is written and punched as these bytes say, against bytes in memory.
///
/// # Panics
/// When the image has other content, or calls zero what is not.
pub fn raw(data: &[u8]) {
    const SIZE: usize = 1 << 17;
    let mut oracle = vec![0; SIZE];
    let (_file, disk) = empty(SIZE);
    for step in data.as_chunks::<6>().0.iter().take(64) {
        let [op, fill, a, b, c, d] = *step;
        let from = usize::from(u16::from_le_bytes([a, b])) * 2;
        let to = (from + usize::from(u16::from_le_bytes([c, d]))).min(SIZE);
        let part = &mut oracle[from..to];
        let (start, len) = (from as u64, part.len() as u64);
        if op % 2 == 0 {
            part.fill(fill);
            disk.write_at(start, part).expect("written");
        } else {
            part.fill(0);
            let range = ByteRange::new(start, len);
            disk.write_zeroes(range).expect("zeroed");
        }
    }
    let mut found = vec![0; SIZE];
    disk.read_at(0, &mut found).expect("read");
    assert!(found == oracle, "the image has other content");
    exercise(&*disk, Access::Read);
}

/// Images that name others could make the fuzzer open any file of this machine.
fn names_another_file(data: &[u8]) -> bool {
    const EXTERNAL_DATA: u8 = 1 << 2;
    let backing = data.get(8..16).is_some_and(|offset| offset != [0; 8]);
    let external = data.get(79).is_some_and(|bits| bits & EXTERNAL_DATA != 0);
    backing || external
}

/// A file that exists only in memory, and a path that opens it.
fn memory(data: &[u8]) -> (File, PathBuf) {
    let file = memfd_create("fuzzed", MemfdFlags::CLOEXEC).expect("a file in memory");
    let file = File::from(file);
    file.write_all_at(data, 0).expect("written");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    (file, PathBuf::from(path))
}

/// A raw image in memory of so many zeroes.
fn empty(size: usize) -> (File, Arc<dyn Disk>) {
    let (file, path) = memory(&vec![0; size]);
    let format = DiskFormat::Raw;
    let locator = Locator::File { path, format };
    let disk = open(&locator, Access::Write).expect("a file in memory opens");
    (file, disk)
}

/// Maps, reads and, where that is allowed, writes a few places.
fn exercise(disk: &dyn Disk, access: Access) {
    let size = disk.size().0;
    let mut buffer = Vec::new();
    for start in [0, size / 2 / 512 * 512, size.saturating_sub(WINDOW)] {
        let range = ByteRange::new(start, WINDOW.min(size - start));
        buffer.resize(usize::try_from(range.len).unwrap_or(0), 0);
        let read = disk.read_at(range.start, &mut buffer).is_ok();
        if let Ok(extents) = disk.extents(range) {
            let mut at = range.start;
            for extent in &extents {
                assert!(extent.range.start == at && extent.range.len > 0, "a gap");
                let skip = usize::try_from(at - range.start).unwrap_or(0);
                let len = usize::try_from(extent.range.len).unwrap_or(0);
                at = extent.range.end();
                let zero = extent.kind == ExtentKind::Zero;
                let holds = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
                // A server may say one thing and answer another: only files are held to it.
                let file = access == Access::Read && disk.requests() == 2;
                assert!(!(file && read && zero && holds(&buffer[skip..skip + len])));
            }
            assert!(at == range.end(), "the map ends before the range");
        }
    }
    if access == Access::Write {
        let sector = 512.min(size);
        let data = vec![0x5a; usize::try_from(sector).unwrap_or(0)];
        for start in [0, size / 2 / 512 * 512, size - sector] {
            drop(disk.write_at(
                start,
                &data[..data.len().min(usize::try_from(size - start).unwrap_or(0))],
            ));
            drop(disk.write_zeroes(ByteRange::new(start, WINDOW.min(size - start))));
        }
        drop(disk.flush());
    }
}

#[cfg(test)]
mod tests;
