//! Entry points for fuzzing: each takes any bytes and may fail, but must not panic, hang, ask for
//! absurd memory, or call equal what is not.
//!
//! Checks would keep a fuzzer from ever getting past them, so its bytes are packed into frames with
//! right ones: a kind, a length of two bytes, and a payload, again and again.

mod digests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use blockmap::{BlockSize, RangeSet};
use disk::Disk;
use model::{ByteCount, ByteRange};

pub use self::digests::digests;
use crate::{
    Controls, Meter, Proof, Scope, Unreadable,
    journal::{self, Header, Journal, Known},
    remote::{self, Remote, serve, sync},
};

/// Of the disks that play a part: two groups of the smallest blocks, and no multiple of one.
const SIZE: usize = (1 << 20) + 70_001;

/// What the disk at whichever end is ours holds before: some data, some zeroes, and an odd end.
#[must_use]
pub fn content() -> Vec<u8> {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(make_content).clone()
}

/// Some ranges of the disk, over its groups.
#[must_use]
pub fn part() -> RangeSet {
    let size = SIZE as u64;
    RangeSet::from_ranges([
        ByteRange::new(8192, 90_000),
        ByteRange::new(size - 5000, 5000),
    ])
}

fn make_content() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let block = index / 4096;
        if block % 5 < 2 && !(30..200).contains(&block) {
            *byte = u8::try_from((index + block) % 251).unwrap_or(0);
        }
    }
    bytes
}

/// Frames of these bytes, and these bytes as they are. What is understood reads the same again.
///
/// # Panics
/// When it does not.
pub fn frames(data: &[u8]) {
    remote::fuzzing::read_all(data);
    remote::fuzzing::read_all(&remote::fuzzing::sealed(data));
}

/// A near end that says these bytes.
pub fn far_end(data: &[u8], target: Arc<dyn Disk>) {
    let wire = remote::fuzzing::sealed(data);
    let size = target.size();
    let open = |wanted, _| {
        if ByteCount(wanted) == size {
            Ok(target)
        } else {
            Err("another size".to_owned())
        }
    };
    drop(serve(open, &*wire, io::sink()));
}

/// A far end that says these bytes.
pub fn near_end(data: &[u8], source: Arc<dyn Disk>) {
    let wire = remote::fuzzing::sealed(data);
    let task = Remote {
        source,
        scope: match data.get(1) {
            Some(byte) if byte % 2 == 0 => Scope::Ranges(part()),
            _ => Scope::Whole,
        },
        sample: None,
        block: BlockSize::MIN,
        apply: data.first().is_some_and(|byte| byte % 2 == 0),
        proof: Proof::Cache,
        unreadable: Unreadable::Stop,
    };
    let (controls, meter) = (Controls::default(), Meter::default());
    drop(sync(&task, &*wire, io::sink(), &controls, &meter));
}

/// A journal of these bytes, as they are and as frames with right checks after a right beginning.
/// What it knows lies on the disk, and it knows the same when it is opened again.
///
/// # Panics
/// When it does not, or when there is no folder for it.
pub fn journal(data: &[u8]) {
    let path = scratch("journal");
    let header = Header {
        task_key: "fuzzed",
        size: ByteCount(1 << 30),
        block: BlockSize::MIN,
        proof: Proof::Device,
    };
    for bytes in [data.to_vec(), journal::fuzzing::sealed(&header, data)] {
        std::fs::write(&path, bytes).expect("written");
        let first = reopen(&path, &header);
        let second = reopen(&path, &header);
        assert!(first.proved == second.proved, "a journal changed its mind");
        let mut ranges = first.proved.iter();
        assert!(ranges.all(|range| range.end() <= header.size.0));
    }
    drop(std::fs::remove_file(&path));
}

/// A file of this process, in memory where that can be had: what is tried out makes it durable.
fn scratch(what: &str) -> PathBuf {
    let name = format!("landfall-fuzz-{what}-{}", std::process::id());
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(name)
}

fn reopen(path: &Path, header: &Header<'_>) -> Known {
    Journal::open(path, header).map_or_else(|_| Known::default(), |(_, known)| known)
}

/// The next kind and payload of a fuzzer's bytes.
pub(crate) fn next<'a>(data: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (head, rest) = data.split_first_chunk::<3>()?;
    let len = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let (payload, rest) = rest.split_at(len.min(rest.len()));
    *data = rest;
    Some((head[0], payload))
}

#[cfg(test)]
mod tests;
