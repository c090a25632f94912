//! Ranges, block digests and the difference between two disks.
//!
//! Pure: whoever reads the disks hands over what each block is, in bounded batches, and gets back
//! which ranges to copy, which to make zero, and a report of what was compared. [`check_plan`]
//! re-examines a finished plan block by block and knows nothing of how it was made. [`TreeShape`]
//! says how the digests of a disk become one root. [`DiskMap`] is the picture of a transfer.

#![forbid(unsafe_code)]

mod block;
mod check;
mod diff;
mod estimate;
mod forecast;
mod map;
mod ranges;
mod sample;
mod tree;

#[cfg(test)]
mod tests;

pub use block::{BlockSize, BlockState, Digest};
pub use check::{Problem, check_plan};
pub use diff::{Batch, DiffPlan, DiffReport, Limits, Malformed, Planner, Verdict, plan};
pub use estimate::{Estimate, estimate};
pub use forecast::{Difference, Facts, Forecast, Look, Wait, Writes, forecast};
pub use map::{Cells, DiskMap, MapRows, Mix, RUNS};
pub use ranges::RangeSet;
pub use sample::{Wanted, population, sample, sample_size};
pub use tree::{
    Differing, FAN_OUT, Misplaced, Node, RowAt, Rows, TreeBuilder, TreeHash, TreeShape, parent,
    raise,
};
