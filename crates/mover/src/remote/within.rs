//! A part of a disk: what lies outside it is a hole, at both ends, so nobody reads it, compares it or
//! writes there.

use std::{
    io::{self, Read},
    sync::Arc,
};

use blockmap::{BlockSize, RangeSet};
use disk::{Disk, DiskError, Extent, ExtentKind, Losses};
use model::{ByteCount, ByteRange};

use super::{far::unheard, fault::FarError, frame::Frame, root::Groups};
use crate::compare::length;

/// Ranges that one synchronisation may name; more are joined over the gaps between them.
const MOST: u64 = 1 << 20;

/// A disk of which only some ranges are there.
#[derive(Debug)]
pub(super) struct Within {
    pub(super) disk: Arc<dyn Disk>,
    /// Whole blocks.
    pub(super) part: Arc<RangeSet>,
}

impl Within {
    /// Fills the buffer, with zeroes outside the part.
    fn fill(
        &self,
        offset: u64,
        buffer: &mut [u8],
        read: impl Fn(u64, &mut [u8]) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let whole = ByteRange::new(offset, buffer.len() as u64);
        if self.part.contains(whole) {
            return read(offset, buffer);
        }
        buffer.fill(0);
        for range in self.part.within(whole).iter() {
            let from = length(range.start - offset);
            read(range.start, &mut buffer[from..from + length(range.len)])?;
        }
        Ok(())
    }

    /// Nobody writes outside the part.
    fn check(&self, range: ByteRange) -> Result<(), DiskError> {
        if self.part.contains(range) {
            return Ok(());
        }
        let source = io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is outside the ranges that were asked for",
        );
        Err(DiskError::Write { range, source })
    }
}

impl Disk for Within {
    fn size(&self) -> ByteCount {
        self.disk.size()
    }

    fn sector(&self) -> u32 {
        self.disk.sector()
    }

    fn requests(&self) -> usize {
        self.disk.requests()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        self.fill(offset, buffer, |offset, buffer| {
            self.disk.read_at(offset, buffer)
        })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        self.check(ByteRange::new(offset, data.len() as u64))?;
        self.disk.write_at(offset, data)
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        self.check(range)?;
        self.disk.write_zeroes(range)
    }

    fn flush(&self) -> Result<(), DiskError> {
        self.disk.flush()
    }

    fn read_device(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        self.fill(offset, buffer, |offset, buffer| {
            self.disk.read_device(offset, buffer)
        })
    }

    fn reads_device(&self) -> bool {
        self.disk.reads_device()
    }

    fn forget_cached(&self, range: ByteRange) {
        self.disk.forget_cached(range);
    }

    fn interrupt(&self) {
        self.disk.interrupt();
    }

    fn losses(&self) -> Losses {
        self.disk.losses()
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        let parts = self.part.within(range);
        let (first, last) = (parts.iter().next(), parts.iter().last());
        // Asked for once: a server's answer takes a way there and back.
        let known = match first.zip(last) {
            Some((first, last)) => self
                .disk
                .extents(ByteRange::new(first.start, last.end() - first.start))?,
            None => Vec::new(),
        };
        let data = known.iter().filter(|it| it.kind == ExtentKind::Data);
        let data = RangeSet::from_ranges(data.map(|it| it.range)).intersect(&parts);
        let mut extents = Vec::new();
        let mut push = |from: u64, to: u64, kind| {
            if from < to {
                let range = ByteRange::new(from, to - from);
                extents.push(Extent { range, kind });
            }
        };
        let mut at = range.start;
        for part in data.iter() {
            push(at, part.start, ExtentKind::Zero);
            push(part.start, part.end(), ExtentKind::Data);
            at = part.end();
        }
        push(at, range.end(), ExtentKind::Zero);
        Ok(extents)
    }
}

/// Whole blocks, in no more ranges than may be named: with more, larger blocks are taken, and in the
/// end all of the disk.
pub(super) fn frugal(ranges: &RangeSet, block: BlockSize, size: ByteCount) -> RangeSet {
    let fits = |ranges: &RangeSet| ranges.iter().count() as u64 <= MOST;
    let exact = ranges.aligned_out(block, size);
    if fits(&exact) {
        return exact;
    }
    let wide = exact.aligned_out(BlockSize::MAX, size);
    if fits(&wide) {
        return wide;
    }
    RangeSet::from_ranges([ByteRange::new(0, size.0)])
}

/// The ranges that the near end asks for, so many; they follow what it begins with.
pub(super) fn hear(
    count: u64,
    groups: Groups,
    input: &mut impl Read,
) -> Result<RangeSet, FarError> {
    if count > MOST {
        return Err(unheard("the near end asks for too many ranges"));
    }
    let mut all = Vec::new();
    while (all.len() as u64) < count {
        match Frame::read(input)? {
            Some(Frame::Within { ranges }) if !ranges.is_empty() => all.extend(ranges),
            _ => {
                return Err(unheard(
                    "the near end does not say which ranges it asks for",
                ));
            }
        }
    }
    if all.len() as u64 != count {
        return Err(unheard("the near end asks for other ranges than it said"));
    }
    let ranges = checked(all, groups.block, ByteCount(groups.size));
    ranges.ok_or_else(|| unheard("the near end asks for ranges that are no blocks"))
}

/// Ranges that a near end names; none where they are not whole blocks of the disk.
fn checked(ranges: Vec<ByteRange>, block: BlockSize, size: ByteCount) -> Option<RangeSet> {
    let fits = |range: &ByteRange| {
        let end = range.start.checked_add(range.len);
        end.is_some_and(|end| end <= size.0)
    };
    if !ranges.iter().all(fits) {
        return None;
    }
    let set = RangeSet::from_ranges(ranges);
    (set.aligned_out(block, size) == set).then_some(set)
}

#[cfg(test)]
mod tests {
    use testkit::{MemDisk, random_image};

    use super::*;

    fn range(start: u64, len: u64) -> ByteRange {
        ByteRange::new(start, len)
    }

    #[test]
    fn outside_the_part_is_a_hole_that_nobody_writes() {
        let disk = MemDisk::new(ByteCount(40_000));
        random_image(&disk, 1, 0).unwrap();
        let bytes = disk.bytes();
        let part = RangeSet::from_ranges([range(4096, 8192), range(36_864, 3136)]);
        let within = Within {
            disk: Arc::new(disk),
            part: Arc::new(part),
        };
        let mut read = vec![7; 40_000];
        within.read_at(0, &mut read).unwrap();
        let mut wanted = vec![0; 40_000];
        wanted[4096..12_288].copy_from_slice(&bytes[4096..12_288]);
        wanted[36_864..].copy_from_slice(&bytes[36_864..]);
        assert!(read == wanted);
        let mut read = vec![7; 5000];
        within.read_device(3000, &mut read).unwrap();
        assert!(read == wanted[3000..8000]);
        let kinds: Vec<_> = within.extents(range(0, 40_000)).unwrap();
        let kinds: Vec<_> = kinds.iter().map(|it| (it.range.start, it.kind)).collect();
        let (zero, data) = (ExtentKind::Zero, ExtentKind::Data);
        assert_eq!(
            kinds,
            [(0, zero), (4096, data), (12_288, zero), (36_864, data)]
        );
        assert!(within.write_at(12_000, &[1; 1000]).is_err());
        assert!(within.write_zeroes(range(0, 4096)).is_err());
        within.write_at(4096, &[1; 4096]).unwrap();
    }

    #[test]
    fn too_many_ranges_are_joined() {
        let size = ByteCount(1 << 50);
        let every = |count: u64, apart: u64| {
            RangeSet::from_ranges((0..count).map(|it| range(it * apart, 1)))
        };
        let exact = frugal(&every(1000, 8192), BlockSize::MIN, size);
        assert_eq!(exact.iter().count(), 1000);
        assert_eq!(exact.total(), ByteCount(1000 * 4096));
        let joined = frugal(&every(MOST + 1, 8192), BlockSize::MIN, size);
        assert_eq!(joined.iter().count(), 1);
        let whole = frugal(&every(MOST + 1, 4 << 20), BlockSize::MIN, size);
        assert_eq!(whole.total(), size);
    }

    #[test]
    fn ranges_of_a_near_end_are_whole_blocks_of_the_disk() {
        let check = |ranges: &[ByteRange]| {
            checked(ranges.to_vec(), BlockSize::MIN, ByteCount(10_000)).is_some()
        };
        assert!(check(&[]));
        assert!(check(&[range(8192, 1808), range(0, 4096)]));
        assert!(!check(&[range(8192, 4096)]));
        assert!(!check(&[range(1, 4095)]));
        assert!(!check(&[range(u64::MAX, 2)]));
    }
}
