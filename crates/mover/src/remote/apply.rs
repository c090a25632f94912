//! The far end's writing half: applies what arrives, proves it, and repairs once what is not right.

mod left;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::atomic::Ordering,
};

use blake3::Hash;
use disk::{Disk, DiskError};
use model::ByteRange;

use super::{
    far::{Far, failed, unheard},
    fault::{FarError, FarStep},
    frame::Outcome,
    pack::{Codec, Unpacker},
    root::{BlockDigest, Root, digest},
    scan,
    seeds::Seeds,
};
use crate::{buffer::Buffer, compare::length};

/// Why a block is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It is not right on the device.
    NotRight,
    /// The seeds do not have it after all.
    NotSeeded,
}

/// Written bytes that are flushed and read back together, where the device is asked.
const SETTLED: u64 = 64 << 20;
/// Blocks that may wait to be repaired, and repairs that are told one by one: a device with more
/// is broken.
pub(super) const REPAIRS: usize = 1024;
/// Blocks that were to come from a seed and are asked for after all: what is on its way before the
/// near end hears that a seed is gone.
pub(super) const UNSEEDED: usize = 1 << 16;

/// The writing half.
pub(super) struct Apply<'a> {
    far: &'a Far,
    outcome: Outcome,
    root: Root,
    buffer: Buffer,
    unpacker: Unpacker,
    /// Written and not yet read back from the device.
    unproved: Vec<(ByteRange, BlockDigest)>,
    unproved_bytes: u64,
    /// Groups of which something differs and that are not settled.
    different: BTreeSet<u64>,
    /// To be sent, or sent once more: what each has to be.
    again: BTreeMap<u64, (ByteRange, BlockDigest, Why)>,
    seeds: Seeds,
    /// Of those in `again`, how many so far were not right, and were not seeded.
    not_right: usize,
    unseeded: usize,
    /// Written once more; a second time is too often.
    rewritten: HashSet<u64>,
    /// Right after a repair, the first of them.
    repaired: Vec<ByteRange>,
    /// Blocks of which parts may come, of groups that are not settled: several workers send them.
    left: BTreeMap<u64, ByteRange>,
}

impl<'a> Apply<'a> {
    pub(super) fn new(far: &'a Far, seeds: Seeds) -> Self {
        Self {
            far,
            outcome: Outcome::default(),
            root: Root::new(far.groups),
            buffer: Buffer::default(),
            unpacker: Unpacker::new(),
            unproved: Vec::new(),
            unproved_bytes: 0,
            different: BTreeSet::new(),
            again: BTreeMap::new(),
            seeds,
            not_right: 0,
            unseeded: 0,
            rewritten: HashSet::new(),
            repaired: Vec::new(),
            left: BTreeMap::new(),
        }
    }

    /// A dry run writes nothing, and must not remember what was never written.
    fn may_write(&self) -> Result<(), FarError> {
        if self.far.terms.dry_run {
            return Err(unheard("the near end sent content in a dry run"));
        }
        Ok(())
    }

    pub(super) fn data(
        &mut self,
        start: u64,
        len: u32,
        wanted: Hash,
        codec: Codec,
        bytes: Vec<u8>,
    ) -> Result<(), FarError> {
        let range = ByteRange::new(start, u64::from(len));
        self.check(range, 1)?;
        let unpacked = self.unpacker.unpack(codec, bytes, length(range.len));
        let bytes = unpacked.map_err(|_| unheard("a block arrived damaged"))?;
        self.outcome.hashed += bytes.len() as u64;
        if bytes.len() as u64 != range.len || digest(&bytes) != Some(wanted) {
            return Err(unheard(&format!("{range} arrived damaged")));
        }
        self.may_write()?;
        self.expect(range, Some(wanted))?;
        self.far.begin_changes()?;
        let target = &*self.far.target;
        let written = target.write_at(start, &bytes);
        written.map_err(failed(FarStep::Write, range))?;
        self.wrote(range, Some(wanted), |target| target.write_at(start, &bytes))
    }

    /// Copies a block from a seed, or asks for it.
    pub(super) fn seeded(&mut self, start: u64, len: u32, wanted: Hash) -> Result<(), FarError> {
        let range = ByteRange::new(start, u64::from(len));
        self.check(range, 1)?;
        self.may_write()?;
        self.expect(range, Some(wanted))?;
        // Taken out while what it found is written.
        let mut seeds = std::mem::take(&mut self.seeds);
        let done = match seeds.find(&wanted, range.len) {
            Some(bytes) => {
                self.outcome.hashed += range.len;
                self.far.begin_changes()?;
                let target = &*self.far.target;
                let written = target.write_at(start, bytes);
                written.map_err(failed(FarStep::Write, range))?;
                self.wrote(range, Some(wanted), |target| target.write_at(start, bytes))
            }
            None if self.unseeded < UNSEEDED => {
                self.unseeded += 1;
                let want = (range, Some(wanted), Why::NotSeeded);
                self.again.insert(start, want);
                Ok(())
            }
            None => Err(FarError::SeedsChanged),
        };
        self.seeds = seeds;
        done
    }

    pub(super) fn zero(&mut self, start: u64, len: u64) -> Result<(), FarError> {
        let range = ByteRange::new(start, len);
        self.check(range, u64::MAX)?;
        self.may_write()?;
        for block in self.far.groups.block.blocks(range) {
            self.expect(block, None)?;
        }
        self.far.begin_changes()?;
        let target = &*self.far.target;
        let written = target.write_zeroes(range);
        written.map_err(failed(FarStep::Zero, range))?;
        for block in self.far.groups.block.blocks(range) {
            self.wrote(block, None, |target| target.write_zeroes(block))?;
        }
        Ok(())
    }

    /// Whole blocks of one group, at most so many.
    fn check(&self, range: ByteRange, most: u64) -> Result<(), FarError> {
        let groups = self.far.groups;
        let block = groups.block.bytes();
        let end = range.start.checked_add(range.len);
        let whole = end.is_some_and(|end| {
            end <= groups.size && (end.is_multiple_of(block) || end == groups.size)
        });
        let fits = range.len > 0
            && range.start.is_multiple_of(block)
            && whole
            && range.len.div_ceil(block) <= most
            && groups.of(range.start) == groups.of(range.end() - 1);
        if !fits {
            return Err(unheard("the near end sent a range that is no block"));
        }
        if self.far.asked(range) != range.len {
            return Err(unheard("the near end sent what it has not asked for"));
        }
        Ok(())
    }

    /// Takes what a block will be: news, or, of one that is written once more, what was said before.
    fn expect(&mut self, block: ByteRange, digest: BlockDigest) -> Result<(), FarError> {
        let Some((_, before, why)) = self.again.remove(&block.start) else {
            return self.note(block, digest);
        };
        if digest != before {
            return Err(FarError::SourceChanged { range: block });
        }
        if why == Why::NotRight {
            self.rewritten.insert(block.start);
            // Counted the first time.
            self.outcome.written -= block.len;
        }
        Ok(())
    }

    /// Remembers what a block will be, for the root.
    fn note(&mut self, block: ByteRange, digest: BlockDigest) -> Result<(), FarError> {
        let groups = self.far.groups;
        let group = groups.of(block.start);
        self.different.insert(group);
        let mut scans = self.far.lock();
        let called_zero = scans
            .zero
            .range(..=group)
            .next_back()
            .is_some_and(|(first, count)| group < first + count);
        if called_zero && !scans.open.contains_key(&group) {
            let blocks = groups.block.blocks(groups.range(group)).count();
            scans.open.insert(group, vec![None; blocks]);
        }
        let index = (block.start - groups.range(group).start) / groups.block.bytes();
        let slot = scans
            .open
            .get_mut(&group)
            .and_then(|digests| digests.get_mut(length(index)));
        match slot {
            Some(slot) => {
                *slot = digest;
                Ok(())
            }
            None => Err(unheard("the near end sent a block before it was scanned")),
        }
    }

    /// Proves a written block, now or with others; writes it again, once, when it is not right.
    fn wrote(
        &mut self,
        block: ByteRange,
        wanted: BlockDigest,
        again: impl FnOnce(&dyn Disk) -> Result<(), DiskError>,
    ) -> Result<(), FarError> {
        self.outcome.written += block.len;
        if self.far.terms.device {
            self.unproved.push((block, wanted));
            self.unproved_bytes += block.len;
            return if self.unproved_bytes >= SETTLED {
                self.prove_from_device()
            } else {
                Ok(())
            };
        }
        if self.read_back(block)? != wanted {
            again(&*self.far.target).map_err(failed(FarStep::Write, block))?;
            if self.read_back(block)? != wanted {
                return Err(FarError::Mismatch { range: block });
            }
            self.is_repaired(block);
        }
        self.outcome.verified += block.len;
        Ok(())
    }

    fn is_repaired(&mut self, block: ByteRange) {
        self.outcome.repaired += block.len;
        if self.repaired.len() < REPAIRS {
            self.repaired.push(block);
        }
    }

    /// A seed that stopped being readable since this was asked for last.
    pub(super) fn dropped_seed(&mut self) -> Option<u32> {
        self.seeds.newly_dropped()
    }

    /// What was repaired; of very much, the first.
    pub(super) fn repaired(&self) -> &[ByteRange] {
        &self.repaired
    }

    /// Proves everything written so far; returns what is not right and has to be sent once more.
    pub(super) fn settle(&mut self) -> Result<Vec<(ByteRange, Why)>, FarError> {
        if self.far.terms.device && !self.far.terms.dry_run {
            self.prove_from_device()?;
        }
        let wanted = self.again.values();
        Ok(wanted.map(|(block, _, why)| (*block, *why)).collect())
    }

    fn read_back(&mut self, block: ByteRange) -> Result<BlockDigest, FarError> {
        self.buffer.resize(length(block.len));
        let read = self.far.target.read_at(block.start, &mut self.buffer);
        read.map_err(failed(FarStep::ReadBack, block))?;
        Ok(self.reread())
    }

    fn reread(&mut self) -> BlockDigest {
        self.outcome.reread += self.buffer.len() as u64;
        self.outcome.hashed += self.buffer.len() as u64;
        digest(&self.buffer)
    }

    fn read_device(&mut self, block: ByteRange) -> Result<BlockDigest, FarError> {
        self.buffer.resize(length(block.len));
        let read = self.far.target.read_device(block.start, &mut self.buffer);
        read.map_err(failed(FarStep::ReadBack, block))?;
        Ok(self.reread())
    }

    fn prove_from_device(&mut self) -> Result<(), FarError> {
        let flushed = self.far.target.flush();
        flushed.map_err(|source| FarError::Flush { source })?;
        self.unproved_bytes = 0;
        for (block, wanted) in std::mem::take(&mut self.unproved) {
            let right = self.read_device(block)? == wanted;
            if !right {
                if self.rewritten.contains(&block.start) || self.not_right >= REPAIRS {
                    return Err(FarError::Mismatch { range: block });
                }
                self.not_right += 1;
                let want = (block, wanted, Why::NotRight);
                self.again.insert(block.start, want);
                continue;
            }
            if self.rewritten.contains(&block.start) {
                self.is_repaired(block);
            }
            self.outcome.verified += block.len;
        }
        Ok(())
    }

    /// A group is as it will be: its digests make place for others.
    pub(super) fn settle_group(&mut self, group: u64) -> Result<(), FarError> {
        let digests = self.far.lock().open.remove(&group);
        let digests = digests.ok_or_else(|| unheard("a group was settled twice"))?;
        let twice = |_| unheard("a group was settled twice");
        if !self.far.walk {
            self.root.put(group, &digests).map_err(twice)?;
        }
        let range = self.far.groups.range(group);
        self.left
            .retain(|_, block| block.end() <= range.start || range.end() <= block.start);
        let is_different = self.different.remove(&group);
        if let Some(kept) = &self.far.kept
            && (is_different || !kept.is_believed())
        {
            scan::keep(kept, group, &digests)?;
        }
        self.far.changed.notify_all();
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<Outcome, FarError> {
        if self.far.terms.device && !self.far.terms.dry_run {
            self.prove_from_device()?;
        }
        if let Some((block, ..)) = self.again.values().next() {
            return Err(FarError::Mismatch { range: *block });
        }
        let scans = self.far.lock();
        if let Some(failure) = &scans.failed {
            return Err(FarError::Told(failure.clone()));
        }
        let all_scanned = self.far.walk || scans.next >= self.far.groups.count();
        if !scans.open.is_empty() || scans.busy > 0 || !all_scanned {
            return Err(unheard("the near end ended before all was compared"));
        }
        self.outcome.hashed += self.far.hashed.load(Ordering::Relaxed);
        let root = std::mem::replace(&mut self.root, Root::new(self.far.groups));
        let twice = |_| unheard("a group was settled twice");
        self.outcome.root = root.finish().map_err(twice)?;
        Ok(self.outcome)
    }
}
