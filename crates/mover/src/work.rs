//! What is left to compare, cut into stretches, without what is known to be zero on both sides.

use std::collections::VecDeque;

use blockmap::{BlockSize, Differing, FAN_OUT, Node, RangeSet};
use disk::{Disk, ExtentKind};
use model::ByteRange;

use crate::{
    MoverError, StoreError, Task,
    digests::{Kept, Sides, of},
    error::Side,
    run::Sizes,
};

/// A bounded stretch of the disks that has to be looked at. The sets consist of whole blocks and
/// share none.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// To read on both sides.
    pub(crate) both: RangeSet,
    /// To read at the source: the target's map knows them to be zero.
    pub(crate) source_only: RangeSet,
    /// To read at the target: the source's map knows them to be zero.
    pub(crate) target_only: RangeSet,
    /// Known to be zero on both sides, and in none of the other sets.
    pub(crate) skipped: RangeSet,
    /// Known to be equal by the digests of both sides, and in none of the other sets.
    pub(crate) proved: RangeSet,
}

/// Hands out the work of a task in order. Maps are asked for in windows far larger than a stretch,
/// so that the holes of a large disk cost next to nothing.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    task: &'a Task,
    sides: &'a Sides,
    sizes: Sizes,
    left: VecDeque<ByteRange>,
    window: Window,
}

/// The part of the work whose maps are known.
#[derive(Debug, Default)]
struct Window {
    /// To be read on at least one side, in order.
    blocks: VecDeque<ByteRange>,
    source_zero: RangeSet,
    target_zero: RangeSet,
    skipped: RangeSet,
    proved: RangeSet,
}

impl<'a> Work<'a> {
    /// `ranges` consist of whole blocks.
    pub(crate) fn new(task: &'a Task, sides: &'a Sides, ranges: &RangeSet, sizes: Sizes) -> Self {
        Self {
            task,
            sides,
            sizes,
            left: ranges.iter().collect(),
            window: Window::default(),
        }
    }

    /// The next stretch, if anything is left.
    ///
    /// # Errors
    /// [`MoverError::Map`].
    pub(crate) fn next(&mut self) -> Result<Option<Stretch>, MoverError> {
        if self.window.blocks.is_empty() && !self.map_next()? {
            return Ok(None);
        }
        let skipped = std::mem::take(&mut self.window.skipped);
        let proved = std::mem::take(&mut self.window.proved);
        let cut = RangeSet::from_ranges(take(
            &mut self.window.blocks,
            self.sizes.stretch,
            self.sizes.together,
        ));
        let target_only = cut.intersect(&self.window.source_zero);
        let source_only = cut.intersect(&self.window.target_zero);
        Ok(Some(Stretch {
            both: cut.subtract(&target_only).subtract(&source_only),
            source_only,
            target_only,
            skipped,
            proved,
        }))
    }

    /// Maps the next window; false when nothing is left.
    fn map_next(&mut self) -> Result<bool, MoverError> {
        let window =
            RangeSet::from_ranges(take(&mut self.left, self.sizes.window, self.sizes.together));
        if window.is_empty() {
            return Ok(false);
        }
        let (window, proved) = match self.sides.both_believed() {
            None => (window, RangeSet::new()),
            Some((source, target)) => {
                let differing = differing(source, target, &window).map_err(of(Side::Source))?;
                let proved = window.subtract(&differing);
                (differing, proved)
            }
        };
        let source_zero = self.zero(Side::Source, &window)?;
        let mut target_zero = self.zero(Side::Target, &window)?;
        let both = source_zero.intersect(&target_zero);
        let skipped = if self.sides.is_carried() {
            // It may have become zero since: its digest has to say so.
            target_zero = target_zero.subtract(&both);
            RangeSet::new()
        } else {
            both
        };
        self.window = Window {
            blocks: window.subtract(&skipped).iter().collect(),
            skipped,
            proved,
            source_zero,
            target_zero,
        };
        Ok(true)
    }

    fn zero(&self, side: Side, window: &RangeSet) -> Result<RangeSet, MoverError> {
        let disk = match side {
            Side::Source => &*self.task.source,
            Side::Target => &*self.task.target,
        };
        match self.sides.believed(side) {
            Some(kept) => zero_leaves(kept, window).map_err(of(side)),
            None => zero_blocks(disk, side, window, self.task.block),
        }
    }
}

/// The blocks of `window` whose digests differ.
fn differing(source: &Kept, target: &Kept, window: &RangeSet) -> Result<RangeSet, StoreError> {
    let shape = source.shape();
    let mut found = Vec::new();
    for range in window.iter() {
        let first = shape.leaf_at(range.start);
        let count = range.len.div_ceil(shape.block.bytes());
        for run in Differing::new(shape, source, target, first, count) {
            let (first, count) = run?;
            found.push(shape.bytes_of(first, count));
        }
    }
    Ok(RangeSet::from_ranges(found))
}

/// The blocks of `window` that are zero by their digests.
fn zero_leaves(kept: &Kept, window: &RangeSet) -> Result<RangeSet, StoreError> {
    let shape = kept.shape();
    let mut zero = Vec::new();
    for range in window.iter() {
        let end = shape.leaf_at(range.end() - 1) + 1;
        let mut at = shape.leaf_at(range.start);
        while at < end {
            let count = (FAN_OUT - at % FAN_OUT).min(end - at);
            let leaves = kept.leaves(at, count)?;
            let zeroes = (at..).zip(&leaves).filter(|(_, leaf)| **leaf == Node::ZERO);
            zero.extend(zeroes.map(|(index, _)| shape.bytes_of(index, 1)));
            at += count;
        }
    }
    Ok(RangeSet::from_ranges(zero))
}

/// Ranges that are asked for in one window, however short they are.
const RANGES: usize = 2048;

/// Takes about `most` bytes off the front. What lies within one multiple of `together` stays
/// together: no two workers write parts of one cluster of an image.
fn take(ranges: &mut VecDeque<ByteRange>, most: u64, together: u64) -> Vec<ByteRange> {
    let (mut taken, mut total, mut until) = (Vec::<ByteRange>::new(), 0, u64::MAX);
    while let Some(range) = ranges.pop_front() {
        if range.start >= until {
            ranges.push_front(range);
            break;
        }
        let room = most.saturating_sub(total);
        let end = range.start.saturating_add(room).min(range.end());
        let end = end.next_multiple_of(together).min(range.end()).min(until);
        let len = end - range.start;
        taken.push(ByteRange::new(range.start, len));
        total += len;
        if total >= most || taken.len() >= RANGES {
            until = until.min(end.next_multiple_of(together));
        }
        if len < range.len {
            ranges.push_front(ByteRange::new(end, range.len - len));
        }
    }
    taken
}

/// The blocks of `window` that lie wholly in ranges known to be zero.
fn zero_blocks(
    disk: &dyn Disk,
    side: Side,
    window: &RangeSet,
    block: BlockSize,
) -> Result<RangeSet, MoverError> {
    let mut zero = Vec::new();
    for range in window.iter() {
        let extents = disk.extents(range).map_err(|source| MoverError::Map {
            side,
            range,
            source,
        })?;
        let known = extents
            .iter()
            .filter(|extent| extent.kind == ExtentKind::Zero);
        let known = RangeSet::from_ranges(known.map(|extent| extent.range));
        zero.extend(
            known
                .within(range)
                .iter()
                .map(|part| align_in(part, range.end(), block))
                .filter(|part| part.len > 0),
        );
    }
    Ok(RangeSet::from_ranges(zero))
}

/// The whole blocks inside `part`; at `end` a short one counts as whole.
fn align_in(part: ByteRange, end: u64, block: BlockSize) -> ByteRange {
    let start = block.align_down(part.start.saturating_add(block.bytes() - 1));
    let to = if part.end() == end {
        end
    } else {
        block.align_down(part.end())
    };
    ByteRange::new(start, to.saturating_sub(start))
}
