//! What is left to compare, cut into batches, without what is known to be zero on both sides.

use std::collections::VecDeque;

use blockmap::{BlockSize, RangeSet};
use disk::{Disk, ExtentKind};
use model::{ByteCount, ByteRange};

use crate::{MoverError, Task, error::Side};

/// A bounded stretch of the disks that has to be looked at.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Blocks to read on at least one side.
    pub(crate) blocks: RangeSet,
    /// Blocks that the source's map knows to be zero.
    pub(crate) source_zero: RangeSet,
    /// Blocks that the target's map knows to be zero.
    pub(crate) target_zero: RangeSet,
    /// Known to be zero on both sides, and not in `blocks`.
    pub(crate) skipped: ByteCount,
}

/// Hands out the work of a task in order.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    task: &'a Task,
    left: VecDeque<ByteRange>,
    batch: u64,
}

impl<'a> Work<'a> {
    /// `ranges` consist of whole blocks; a stretch has at most `batch` bytes.
    pub(crate) fn new(task: &'a Task, ranges: &RangeSet, batch: u64) -> Self {
        let left = ranges.iter().collect();
        Self { task, left, batch }
    }

    /// The next stretch, if anything is left.
    ///
    /// # Errors
    /// [`MoverError::Map`].
    pub(crate) fn next(&mut self) -> Result<Option<Stretch>, MoverError> {
        let window = self.take();
        if window.is_empty() {
            return Ok(None);
        }
        let window = RangeSet::from_ranges(window);
        let source_zero = zero_blocks(&*self.task.source, Side::Source, &window, self.task.block)?;
        let target_zero = zero_blocks(&*self.task.target, Side::Target, &window, self.task.block)?;
        let both = source_zero.intersect(&target_zero);
        Ok(Some(Stretch {
            blocks: window.subtract(&both),
            source_zero,
            target_zero,
            skipped: both.total(),
        }))
    }

    fn take(&mut self) -> Vec<ByteRange> {
        let (mut window, mut room) = (Vec::new(), self.batch);
        while room > 0 {
            let Some(range) = self.left.pop_front() else {
                break;
            };
            let len = range.len.min(room);
            window.push(ByteRange::new(range.start, len));
            room -= len;
            if len < range.len {
                let rest = ByteRange::new(range.start + len, range.len - len);
                self.left.push_front(rest);
            }
        }
        window
    }
}

/// The blocks of `window` that lie wholly in ranges known to be zero.
fn zero_blocks(
    disk: &dyn Disk,
    side: Side,
    window: &RangeSet,
    block: BlockSize,
) -> Result<RangeSet, MoverError> {
    let mut zero = RangeSet::new();
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
        for part in known.within(range).iter() {
            zero.insert(align_in(part, range.end(), block));
        }
    }
    Ok(zero)
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
