//! Random disks and scopes against what a loop over bytes would do.

use std::sync::Arc;

use blockmap::RangeSet;
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{Call, Counting, MemDisk, random_image, scatter_changes};

use super::{BLOCK, assert_done, go, pair, task};
use crate::{Controls, Meter, MoverError, Scope, run};

#[derive(Clone, Debug)]
struct Case {
    size: u64,
    seed: u64,
    zero_percent: u64,
    allocate: bool,
    scope: Option<Vec<ByteRange>>,
}

fn case() -> impl Strategy<Value = Case> {
    let range = (0..1_200_000_u64, 0..60_000_u64);
    let range = range.prop_map(|(start, len)| ByteRange::new(start, len));
    let scope = proptest::option::of(proptest::collection::vec(range, 0..6));
    (
        1..1_000_000_u64,
        any::<u32>(),
        0..100_u64,
        any::<bool>(),
        scope,
    )
        .prop_map(|(size, seed, zero_percent, allocate, scope)| Case {
            size,
            seed: u64::from(seed),
            zero_percent,
            allocate,
            scope,
        })
}

/// What the target must hold afterwards: the source in every block that the scope touches.
fn expected(source: &[u8], target: &[u8], scope: Option<&[ByteRange]>) -> Vec<u8> {
    let block = usize::try_from(BLOCK).unwrap();
    let touched = |number: usize| {
        let (start, end) = (number as u64 * BLOCK, (number as u64 + 1) * BLOCK);
        let end = end.min(source.len() as u64);
        scope.is_none_or(|ranges| {
            ranges
                .iter()
                .any(|r| r.len > 0 && r.start < end && start < r.end())
        })
    };
    let blocks = source.chunks(block).zip(target.chunks(block)).enumerate();
    blocks
        .flat_map(|(number, (from, to))| if touched(number) { from } else { to })
        .copied()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn the_target_becomes_what_a_byte_loop_would_make_it(case in case()) {
        let source = Arc::new(MemDisk::new(ByteCount(case.size)));
        random_image(&*source, case.seed, case.zero_percent).unwrap();
        let target = Arc::new(MemDisk::from_bytes(source.bytes()));
        scatter_changes(&*target, case.seed ^ 1, 10, 30_000).unwrap();
        if case.allocate {
            target.allocate_all();
        }
        let before = target.bytes();
        let wanted = expected(&source.bytes(), &before, case.scope.as_deref());

        let mut task = task(source, target.clone());
        if let Some(ranges) = case.scope {
            task.scope = Scope::Ranges(RangeSet::from_ranges(ranges));
        }
        let report = go(&task).unwrap();
        prop_assert!(target.bytes() == wanted);
        assert_done(&report.counters);
        prop_assert_eq!(report.notes, []);

        let again = go(&task).unwrap().counters;
        prop_assert_eq!(again.different, ByteCount::ZERO);
        prop_assert_eq!(again.scanned, report.counters.scanned);
    }
}

#[test]
fn a_dry_run_counts_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = pair(1_000_003, 5);
    let before = target.bytes();
    let counting = Arc::new(Counting::new(target.clone()));
    let mut task = super::with_journal(task(source, counting.clone()), folder.path());
    task.apply = false;
    let dry = go(&task).unwrap().counters;
    assert!(target.bytes() == before);
    let changing = [Call::Write, Call::Zero, Call::Flush];
    assert_eq!(changing.map(|call| counting.calls(call)), [0, 0, 0]);
    assert!(!folder.path().join("journal").exists());

    task.apply = true;
    let real = go(&task).unwrap().counters;
    assert_eq!(
        (dry.scanned, dry.different, dry.equal, dry.skipped),
        (real.scanned, real.different, real.equal, real.skipped)
    );
    assert_eq!(dry.written, ByteCount::ZERO);
}

#[test]
fn holes_on_both_sides_are_not_read_and_a_hole_on_one_side_is_not_read_there() {
    let mut bytes = vec![0; 1 << 20];
    bytes[..8192].fill(7);
    let source = Arc::new(Counting::new(Arc::new(MemDisk::from_bytes(bytes))));
    let mut bytes = vec![0; 1 << 20];
    bytes[8192..16_384].fill(9);
    let inner = Arc::new(MemDisk::from_bytes(bytes));
    let target = Arc::new(Counting::new(inner.clone()));
    let counters = go(&task(source.clone(), target.clone())).unwrap().counters;
    assert_eq!(source.ranges(Call::Read), [ByteRange::new(0, 8192)]);
    // The target's data, then the two proofs.
    assert_eq!(target.bytes(Call::Read), ByteCount(3 * 8192));
    assert_eq!(counters.skipped, ByteCount((1 << 20) - 16_384));
    assert_eq!(
        (counters.sent, counters.zeroed),
        (ByteCount(8192), ByteCount(8192))
    );
    assert_eq!(target.ranges(Call::Zero), [ByteRange::new(8192, 8192)]);
    let map = inner.extents(ByteRange::new(8192, 8192)).unwrap();
    assert_eq!(map[0].kind, disk::ExtentKind::Zero);
}

#[test]
fn disks_of_different_sizes_are_refused() {
    let source = Arc::new(MemDisk::new(ByteCount(8192)));
    let target = Arc::new(MemDisk::new(ByteCount(4096)));
    let result = run(
        &task(source, target),
        &Controls::default(),
        &Meter::default(),
    );
    assert!(matches!(result, Err(MoverError::SizeDiffers { .. })));
}
