//! Every kind of change under every size of block, both proofs, with and without a journal and
//! ranges, in one process and in two: the target becomes what a loop over bytes would make it.

use std::{os::unix::net::UnixStream, sync::Arc, thread};

use blockmap::{BlockSize, RangeSet};
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::{prelude::*, sample::select};
use testkit::{MemDisk, Pattern, random_image};

use super::{SIZES, assert_done, task, with_journal};
use crate::{
    Controls, Meter, MoverError, Proof, Report, Scope, Task, Unreadable,
    remote::{Remote, serve, sync},
    run::{Sizes, run_in},
};

#[derive(Clone, Debug)]
struct Case {
    size: u64,
    seed: u64,
    zero_percent: u64,
    allocate: bool,
    block: BlockSize,
    pattern: Pattern,
    proof: Proof,
}

fn case() -> impl Strategy<Value = Case> {
    let odd = 1..2_500_000_u64;
    let whole = (1..600_u64).prop_map(|sectors| sectors * 4096);
    (
        prop_oneof![odd, whole],
        any::<u32>(),
        select(vec![0, 30, 70, 100_u64]),
        any::<bool>(),
        (12..=20_u32).prop_map(|bits| BlockSize::new(1 << bits).expect("allowed")),
        select(Pattern::ALL.to_vec()),
        select(vec![Proof::Cache, Proof::Device]),
    )
        .prop_map(
            |(size, seed, zero_percent, allocate, block, pattern, proof)| Case {
                size,
                seed: u64::from(seed),
                zero_percent,
                allocate,
                block,
                pattern,
                proof,
            },
        )
}

impl Case {
    fn disks(&self) -> (Arc<MemDisk>, Arc<MemDisk>) {
        let source = MemDisk::new(ByteCount(self.size));
        random_image(&source, self.seed, self.zero_percent).unwrap();
        let target = MemDisk::from_bytes(source.bytes());
        self.pattern.apply(&target, self.seed ^ 1).unwrap();
        if self.allocate {
            target.allocate_all();
        }
        (Arc::new(source), Arc::new(target))
    }

    /// The target with the source's content in every block that a range touches.
    fn expected(&self, source: &[u8], target: &[u8], ranges: Option<&[ByteRange]>) -> Vec<u8> {
        let mut wanted = target.to_vec();
        let len = usize::try_from(self.block.bytes()).unwrap();
        let blocks = wanted.chunks_mut(len).zip(source.chunks(len));
        for ((to, from), start) in blocks.zip((0..).step_by(len)) {
            let end = start + from.len() as u64;
            let touched =
                |range: &ByteRange| range.len > 0 && range.start < end && start < range.end();
            if ranges.is_none_or(|ranges| ranges.iter().any(touched)) {
                to.copy_from_slice(from);
            }
        }
        wanted
    }

    /// With small sizes that are multiples of the block's, so that there are several of each.
    fn go(&self, task: &Task) -> Result<Report, MoverError> {
        let block = self.block.bytes();
        let sizes = Sizes {
            window: SIZES.window.max(2 * block),
            together: SIZES.together.max(block),
            stretch: SIZES.stretch.max(block),
            ..SIZES
        };
        run_in(task, &Controls::default(), &Meter::default(), sizes)
    }

    /// Bytes of blocks that differ.
    fn different(&self, source: &[u8], target: &[u8]) -> ByteCount {
        let len = usize::try_from(self.block.bytes()).unwrap();
        let blocks = source.chunks(len).zip(target.chunks(len));
        let differ = blocks.filter(|(ours, theirs)| ours != theirs);
        ByteCount(differ.map(|(ours, _)| ours.len() as u64).sum())
    }
}

fn ranges() -> impl Strategy<Value = Option<Vec<ByteRange>>> {
    let range = (0..2_500_000_u64, 0..300_000_u64);
    let range = range.prop_map(|(start, len)| ByteRange::new(start, len));
    proptest::option::of(proptest::collection::vec(range, 0..6))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn in_one_process(case in case(), ranges in ranges(), journal in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = case.disks();
        let before = target.bytes();
        let wanted = case.expected(&source.bytes(), &before, ranges.as_deref());
        let mut task = task(source.clone(), target.clone());
        (task.block, task.proof) = (case.block, case.proof);
        if let Some(ranges) = &ranges {
            task.scope = Scope::Ranges(RangeSet::from_ranges(ranges.iter().copied()));
        }
        if journal {
            task = with_journal(task, folder.path());
        }
        let counters = case.go(&task).unwrap().counters;
        prop_assert!(target.bytes() == wanted);
        assert_done(&counters);
        prop_assert_eq!(counters.different, case.different(&before, &wanted));
        // What is proved is not read again, and what is equal is not written again.
        let again = case.go(&task).unwrap().counters;
        prop_assert!(target.bytes() == wanted);
        if journal {
            prop_assert_eq!(again.resumed.saturating_add(again.skipped), again.scanned);
        } else {
            prop_assert_eq!(again.different, ByteCount::ZERO);
        }
    }

    #[test]
    fn in_two(case in case()) {
        let (source, target) = case.disks();
        let before = target.bytes();
        let task = Remote {
            source: source.clone(),
            scope: Scope::Whole,
            sample: None,
            block: case.block,
            apply: true,
            proof: case.proof,
            unreadable: Unreadable::Stop,
        };
        let (near, far) = UnixStream::pair().unwrap();
        let (report, _) = thread::scope(|scope| {
            let target: Arc<dyn Disk> = target.clone();
            scope.spawn(move || serve(|_, _| Ok(target), &far, &far).unwrap());
            sync(&task, &near, &near, &Controls::default(), &Meter::default()).unwrap()
        });
        prop_assert!(target.bytes() == source.bytes());
        assert_done(&report.counters);
        prop_assert_eq!(report.counters.different, case.different(&before, &source.bytes()));
    }
}
