//! The mover over disks in memory and their fault layers.

mod accounting;
mod controls;
mod digests;
mod dimensions;
mod faults;
mod journal;
mod left;
mod map;
mod oracle;
mod part;
mod remote;
mod resume;
mod sample;
mod seeds;
mod storm;
mod unreadable;
mod wire;

use std::{path::Path, sync::Arc};

use blockmap::BlockSize;
use disk::Disk;
use model::{ByteCount, DiskCounters, DiskPhase};
use testkit::{MemDisk, random_image, scatter_changes};

use crate::{
    BothDigests, Controls, Meter, MoverError, Proof, Report, Scope, Task, Unreadable,
    run::{Sizes, run_in},
};

/// Small sizes, so that a small disk has several of each.
const SIZES: Sizes = Sizes {
    window: 512 * 1024,
    together: 32 * 1024,
    stretch: 128 * 1024,
    settled: 64 * 1024,
    lanes: 3,
};
const BLOCK: u64 = 4096;

fn task(source: Arc<dyn Disk>, target: Arc<dyn Disk>) -> Task {
    Task {
        source,
        target,
        scope: Scope::Whole,
        block: BlockSize::MIN,
        journal: None,
        task_key: "pair at point 1".to_owned(),
        apply: true,
        proof: Proof::Device,
        digests: BothDigests::default(),
        sample: None,
        unreadable: Unreadable::Stop,
    }
}

fn with_journal(mut task: Task, folder: &Path) -> Task {
    task.journal = Some(folder.join("journal"));
    task
}

fn go(task: &Task) -> Result<Report, MoverError> {
    let meter = Meter::mapped();
    let report = run_in(task, &Controls::default(), &meter, SIZES)?;
    map::assert_map(&meter, &report.counters);
    Ok(report)
}

/// A source with holes and a copy of it with changes.
fn pair(size: u64, seed: u64) -> (Arc<MemDisk>, Arc<MemDisk>) {
    let source = MemDisk::new(ByteCount(size));
    random_image(&source, seed, 40).unwrap();
    let target = MemDisk::from_bytes(source.bytes());
    scatter_changes(&target, seed + 1, 12, 40_000).unwrap();
    (Arc::new(source), Arc::new(target))
}

fn assert_adds_up(counters: &DiskCounters) {
    let sum = |parts: &[ByteCount]| parts.iter().copied().sum::<ByteCount>();
    let not_read = [
        counters.skipped,
        counters.resumed,
        counters.proved,
        counters.unread,
    ];
    for (name, whole, parts) in [
        (
            "compared",
            counters.scanned,
            sum(&[
                counters.equal,
                counters.different,
                counters.skipped,
                counters.unread,
            ]),
        ),
        (
            "of the source",
            counters.scanned,
            sum(&[
                counters.read_source,
                counters.source_known,
                counters.source_zero,
                sum(&not_read),
            ]),
        ),
        (
            "of the target",
            counters.scanned,
            sum(&[
                counters.read_target,
                counters.target_known,
                counters.target_zero,
                sum(&not_read),
            ]),
        ),
        (
            "written",
            counters.written,
            sum(&[counters.sent, counters.seeded, counters.zeroed]),
        ),
    ] {
        assert_eq!(whole, parts, "{name}: {counters:?}");
    }
    assert!(counters.written <= counters.different, "{counters:?}");
    assert!(counters.packed <= counters.sent, "{counters:?}");
    assert!(counters.verified <= counters.written, "{counters:?}");
}

fn assert_done(counters: &DiskCounters) {
    assert_adds_up(counters);
    assert_eq!(counters.phase, DiskPhase::Done);
    assert_eq!(counters.scanned, counters.to_scan);
    assert_eq!(counters.verified, counters.written);
    assert_eq!(counters.written, counters.different);
}
