//! Content that the far end has elsewhere is copied there and not sent.

use std::sync::Arc;

use blockmap::BlockSize;
use disk::Disk;
use model::{ByteCount, ByteRange};
use proptest::prelude::*;
use testkit::{BitFlip, Call, Counting, FailAt, MemDisk, Random, When, random_image};

use super::{
    assert_done,
    remote::{join_with, remote},
};
use crate::{Note, Proof, remote::Remote};

const BLOCK: usize = 4096;

/// Blocks out of a few contents, by their numbers; 0 is zero.
fn built(contents: &[u8], seed: u64) -> Vec<u8> {
    let block = |content: &u8| {
        let mut bytes = vec![0; BLOCK];
        if *content != 0 {
            Random::new(seed ^ u64::from(*content)).fill(&mut bytes);
        }
        bytes
    };
    contents.iter().flat_map(block).collect()
}

fn disk(bytes: Vec<u8>) -> Arc<MemDisk> {
    Arc::new(MemDisk::from_bytes(bytes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_a_seed_has_is_seeded_and_the_rest_is_sent(
        source in proptest::collection::vec(0..12_u8, 1..600),
        target in proptest::collection::vec(0..12_u8, 600),
        seeds in proptest::collection::vec(proptest::collection::vec(0..7_u8, 1..40), 0..3),
        device in any::<bool>(),
    ) {
        let target = target[..source.len()].to_vec();
        let there = |content: &u8| seeds.iter().flatten().any(|it| it == content);
        let count = |wanted: &dyn Fn(&u8) -> bool| {
            let pairs = source.iter().zip(&target);
            let some = pairs.filter(|(ours, theirs)| ours != theirs && **ours != 0 && wanted(ours));
            ByteCount((some.count() * BLOCK) as u64)
        };
        let disks: Vec<Arc<dyn Disk>> = seeds
            .iter()
            .map(|seed| disk(built(seed, 5)) as Arc<dyn Disk>)
            .collect();
        let (source_disk, target_disk) = (disk(built(&source, 5)), disk(built(&target, 5)));
        let proof = if device { Proof::Device } else { Proof::Cache };
        let task = remote(source_disk.clone(), proof);
        let (done, far) = join_with(&task, target_disk.clone(), &disks, |it| it);
        prop_assert!(far.is_ok(), "{far:?}");
        let (report, _) = done.unwrap();
        prop_assert!(source_disk.bytes() == target_disk.bytes());
        assert_done(&report.counters);
        prop_assert_eq!(report.counters.seeded, count(&there));
        prop_assert_eq!(report.counters.sent, count(&|content| !there(content)));
    }
}

#[test]
fn a_new_disk_from_a_template_takes_next_to_nothing_of_the_link() {
    let template = MemDisk::new(ByteCount(8 << 20));
    random_image(&template, 3, 20).unwrap();
    let mut bytes = template.bytes();
    // It was written to, and its blocks are elsewhere.
    bytes.rotate_right(40 * BLOCK);
    bytes[..1000].fill(9);
    let source = disk(bytes);
    let seeds: [Arc<dyn Disk>; 1] = [Arc::new(template)];
    let wire = |seeds: &[Arc<dyn Disk>]| {
        let target = Arc::new(MemDisk::new(ByteCount(8 << 20)));
        let task = remote(source.clone(), Proof::Cache);
        let (done, _) = join_with(&task, target.clone(), seeds, |it| it);
        assert!(source.bytes() == target.bytes());
        done.unwrap().1.0
    };
    let (without, with) = (wire(&[]), wire(&seeds));
    // Two digests and a head for each block of 4 KiB.
    assert!(with * 40 < without, "{with} of {without}");
}

/// What is read of the seed to copy it is not what was digested before.
#[test]
fn a_seed_that_changes_is_noticed_and_its_blocks_are_sent() {
    #[derive(Debug)]
    struct Changing(Arc<MemDisk>);
    impl testkit::Hook for Changing {
        fn after(&self, call: Call, range: ByteRange, _: &dyn Disk) -> Result<(), disk::DiskError> {
            if call == Call::Read && range.start == 0 {
                self.0.write_at(0, &[1, 2, 3])?;
            }
            Ok(())
        }
    }
    let bytes = built(&[1, 2, 3, 4], 9);
    let seed = disk(bytes.clone());
    let changing: Arc<dyn Disk> =
        Arc::new(testkit::Layer::around(seed.clone(), Changing(seed.clone())));
    let (source, target) = (disk(bytes), disk(vec![0; 4 * BLOCK]));
    let task = remote(source.clone(), Proof::Device);
    let (done, _) = join_with(&task, target.clone(), &[changing], |it| it);
    let counters = done.unwrap().0.counters;
    assert!(source.bytes() == target.bytes());
    assert_done(&counters);
    assert_eq!(counters.sent, ByteCount(BLOCK as u64));
    assert_eq!(counters.seeded, ByteCount(3 * BLOCK as u64));
}

#[test]
fn a_seeded_block_is_proved_and_repaired_like_any_other() {
    for proof in [Proof::Cache, Proof::Device] {
        let bytes = built(&[1, 2, 3, 4], 9);
        let seeds: [Arc<dyn Disk>; 1] = [disk(bytes.clone())];
        let (source, target) = (disk(bytes), disk(vec![0; 4 * BLOCK]));
        let flipping = Arc::new(BitFlip::new(target.clone(), 5000, 1));
        let task = remote(source.clone(), proof);
        let (done, _) = join_with(&task, flipping, &seeds, |it| it);
        let (report, _) = done.unwrap();
        assert!(source.bytes() == target.bytes());
        assert_done(&report.counters);
        assert_eq!(
            (report.notes.len(), report.counters.repaired.0),
            (1, BLOCK as u64)
        );
    }
}

/// Found in review: a bad sector of a template ended a run that did not need it.
#[test]
fn a_seed_that_cannot_be_read_is_said_and_done_without() {
    let template = MemDisk::new(ByteCount(2 << 20));
    random_image(&template, 3, 20).unwrap();
    let (bytes, template) = (template.bytes(), Arc::new(template));
    let bad = When::Touching(ByteRange::new(1_000_000, 10));
    let failing = |when| -> Arc<dyn Disk> {
        let kind = std::io::ErrorKind::Other;
        Arc::new(FailAt::new(template.clone(), Call::Read, when, kind))
    };
    let other = disk(built(&[1, 2, 3], 9));
    // While it is digested; and once it was, while it is copied from.
    let digesting = Arc::new(Counting::new(template.clone()));
    let counted: Arc<dyn Disk> = digesting.clone();
    let run = |seeds: &[Arc<dyn Disk>]| {
        let source = disk([bytes.clone(), built(&[1, 2, 3], 9)].concat());
        let target = disk(vec![0; source.bytes().len()]);
        let task = remote(source.clone(), Proof::Device);
        let (done, far) = join_with(&task, target.clone(), seeds, |it| it);
        far.unwrap();
        let (report, _) = done.unwrap();
        assert!(source.bytes() == target.bytes());
        assert_done(&report.counters);
        report
    };
    run(&[counted]);
    let report = run(&[failing(bad), other.clone()]);
    assert_eq!(report.notes, [Note::SeedDropped { number: 1 }]);
    assert_eq!(report.counters.seeded, ByteCount(3 * BLOCK as u64));
    let reads = run(&[failing(When::From(u64::MAX))]).counters.seeded.0 / BLOCK as u64;
    let digested = digesting.calls(Call::Read) as u64 - reads;
    let report = run(&[other, failing(When::From(digested + 3))]);
    assert_eq!(report.notes, [Note::SeedDropped { number: 2 }]);
    assert!(report.counters.sent > ByteCount(1 << 20));
}

#[test]
fn a_dry_run_reads_no_seed() {
    let seed = Arc::new(Counting::new(disk(built(&[1, 2], 9))));
    let (source, target) = (disk(built(&[1, 2], 9)), disk(vec![0; 2 * BLOCK]));
    let task = Remote {
        apply: false,
        block: BlockSize::MIN,
        ..remote(source, Proof::Cache)
    };
    let seeds: [Arc<dyn Disk>; 1] = [seed.clone()];
    let (done, _) = join_with(&task, target, &seeds, |it| it);
    assert_eq!(done.unwrap().0.to_send, ByteCount(2 * BLOCK as u64));
    assert_eq!(seed.calls(Call::Read), 0);
}
