//! A fault at every call of a run, one after the other, on either disk: the run ends with equal
//! disks, or with an error that names the place; and what it leaves can be gone on from.
//!
//! One fault is not here: a bit that flips between the source's device and us. Nobody who reads
//! once can notice it, and what arrived is what is moved and proved.

use std::{sync::Arc, time::Duration};

use blockmap::BlockSize;
use disk::Disk;
use model::{ByteCount, ByteRange};
use testkit::{Call, Lasts, MemDisk, Mishap, Mishaps, Struck};

use super::{BLOCK, assert_done, go, pair, task, with_journal};
use crate::{
    MoverError, Proof, Side, Task,
    journal::{Header, Journal},
};

const SIZE: u64 = 400_001;

#[derive(Clone, Copy, Debug)]
struct Storm {
    mishap: Mishap,
    lasts: Lasts,
    side: Side,
    proof: Proof,
    journal: bool,
}

const ERRORS: [Mishap; 4] = [Mishap::Error, Mishap::Late, Mishap::Short, Mishap::Torn];
const SPOILERS: [Mishap; 3] = [
    Mishap::TornSilently,
    Mishap::FlipAtRest,
    Mishap::FlipInFlight,
];

fn storms(mishaps: &[Mishap], sides: &[Side]) -> Vec<Storm> {
    let mut all = Vec::new();
    for mishap in mishaps.iter().copied() {
        for side in sides.iter().copied() {
            for lasts in [Lasts::Once, Lasts::Always] {
                for proof in [Proof::Cache, Proof::Device] {
                    all.extend([false, true].map(|journal| Storm {
                        mishap,
                        lasts,
                        side,
                        proof,
                        journal,
                    }));
                }
            }
        }
    }
    all
}

/// How a run ended.
enum End {
    Clean,
    Healed,
    Named,
}

impl Storm {
    /// Strikes the call with this number.
    fn strike(self, number: u64) -> End {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = pair(SIZE, 41);
        let before = source.bytes();
        let struck_disk = match self.side {
            Side::Source => source.clone(),
            Side::Target => target.clone(),
        };
        let struck_disk = Arc::new(Mishaps::new(struck_disk, self.mishap, number, self.lasts));
        let task = |source: Arc<dyn Disk>, target: Arc<dyn Disk>| {
            let mut task = task(source, target);
            task.proof = self.proof;
            if self.journal {
                task = with_journal(task, folder.path());
            }
            task
        };
        let first = match self.side {
            Side::Source => task(struck_disk.clone(), target.clone()),
            Side::Target => task(source.clone(), struck_disk.clone()),
        };
        let result = go(&first);
        assert!(source.bytes() == before, "{self:?} {number}: the source");
        let end = match (result, struck_disk.struck()) {
            (Ok(report), struck) => {
                assert!(source.bytes() == target.bytes(), "{self:?} {number}");
                assert_done(&report.counters);
                struck.map_or(End::Clean, |_| End::Healed)
            }
            (Err(error), Some(struck)) => {
                assert!(self.names(&error, struck), "{self:?} {struck:?}: {error:?}");
                End::Named
            }
            (Err(error), None) => panic!("{self:?} {number}: {error:?}"),
        };
        let second = task(source.clone(), target.clone());
        assert_believable(&second, &source, &target);
        assert_done(&go(&second).unwrap().counters);
        assert!(source.bytes() == target.bytes(), "{self:?} {number}: again");
        end
    }

    /// Whether an error says where the fault was: blocks of reads exactly, requests otherwise.
    fn names(self, error: &MoverError, struck: Struck) -> bool {
        let block = ByteRange::new(struck.place / BLOCK * BLOCK, BLOCK);
        let block = ByteRange::new(block.start, block.len.min(SIZE - block.start));
        let holds = |range: ByteRange| range.start <= block.start && block.end() <= range.end();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "no fault here may end in another"
        )]
        match error {
            MoverError::Read { side, range, .. } => *side == self.side && *range == block,
            MoverError::Unreadable { ranges, .. } => {
                let start = struck.place / 512 * 512;
                let sector = ByteRange::new(start, 512.min(SIZE - start));
                self.side == Side::Source && *ranges == [sector]
            }
            MoverError::ReadBack { range, .. } | MoverError::Mismatch { range } => *range == block,
            MoverError::Map { side, range, .. } => {
                *side == self.side && struck.call == Call::Extents && *range == struck.range
            }
            MoverError::Write { range, .. } => struck.call == Call::Write && holds(*range),
            MoverError::Zero { range, .. } => struck.call == Call::Zero && holds(*range),
            MoverError::Flush { .. } => struck.call == Call::Flush,
            _ => false,
        }
    }

    /// Strikes every call; how many runs healed themselves, and how many stopped.
    fn rage(self) -> (u64, u64) {
        let (mut healed, mut named) = (0, 0);
        for number in 0.. {
            match self.strike(number) {
                End::Clean => break,
                End::Healed => healed += 1,
                End::Named => named += 1,
            }
        }
        (healed, named)
    }
}

/// What the journal calls proved is equal, whatever happened.
fn assert_believable(task: &Task, source: &MemDisk, target: &MemDisk) {
    let Some(path) = &task.journal else { return };
    let header = Header {
        task_key: &task.task_key,
        size: ByteCount(SIZE),
        block: BlockSize::MIN,
        proof: task.proof,
    };
    let (_, known) = Journal::open(path, &header).unwrap();
    for range in known.proved.iter() {
        let read = |disk: &MemDisk| {
            let mut bytes = vec![0; usize::try_from(range.len).unwrap()];
            disk.read_at(range.start, &mut bytes).unwrap();
            bytes
        };
        assert!(read(source) == read(target), "{range} is not equal");
    }
}

#[test]
fn an_error_at_any_call_of_the_source_is_healed_or_named() {
    for storm in storms(&ERRORS[..3], &[Side::Source]) {
        let (healed, named) = storm.rage();
        assert!(healed + named >= 2, "{storm:?}: {healed} {named}");
        // A read that fails once is made again, block by block; a bad place is an error.
        let lasting = storm.lasts == Lasts::Always && storm.mishap == Mishap::Short;
        assert!(!lasting || healed == 0, "{storm:?}: {healed} {named}");
    }
}

#[test]
fn an_error_at_any_call_of_the_target_is_healed_or_named() {
    for storm in storms(&ERRORS, &[Side::Target]) {
        let (healed, named) = storm.rage();
        assert!(healed + named >= 8, "{storm:?}: {healed} {named}");
    }
}

#[test]
fn what_a_write_spoils_is_repaired_once_and_named_the_second_time() {
    for storm in storms(&SPOILERS, &[Side::Target]) {
        let (healed, named) = storm.rage();
        assert!(healed + named >= 8, "{storm:?}: {healed} {named}");
        match storm.lasts {
            Lasts::Once => assert_eq!(named, 0, "{storm:?}"),
            Lasts::Always => assert!(named >= 3, "{storm:?}: {healed} {named}"),
        }
    }
}

#[test]
fn a_delay_at_any_call_changes_nothing() {
    for side in [Side::Source, Side::Target] {
        let storm = Storm {
            mishap: Mishap::Delay(Duration::from_millis(20)),
            lasts: Lasts::Once,
            side,
            proof: Proof::Device,
            journal: true,
        };
        let (healed, named) = storm.rage();
        assert!(healed >= 4 && named == 0, "{storm:?}: {healed} {named}");
    }
}
