//! From two sides' digests to what must be written.

use blockmap::{Batch, DiffPlan, Limits, RangeSet, plan};
use model::{ByteCount, ByteRange, DiskCounters};

use crate::{
    Task,
    read::{Digested, REQUEST},
};

/// What a digested stretch comes to.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) plan: DiffPlan,
    pub(crate) equal: ByteCount,
    pub(crate) different: ByteCount,
    pub(crate) skipped: ByteCount,
}

/// Plans a stretch. Blocks that were read and are zero on both sides count as equal.
pub(crate) fn compare(task: &Task, digested: &Digested) -> Difference {
    let limits = Limits {
        block: task.block,
        max_request: ByteCount(REQUEST),
    };
    let mut all = Difference {
        skipped: digested.stretch.skipped,
        ..Difference::default()
    };
    let (mut source, mut target) = (&digested.source[..], &digested.target[..]);
    for range in digested.stretch.blocks.iter() {
        let blocks = task.block.blocks(range).count();
        let batch = Batch {
            range,
            source: &source[..blocks],
            target: &target[..blocks],
        };
        let (part, report) =
            plan(&batch, &limits).expect("stretches consist of whole blocks with their states");
        all.plan.copy.extend(part.copy);
        all.plan.zero.extend(part.zero);
        all.equal = all.equal.saturating_add(report.equal);
        all.equal = all.equal.saturating_add(report.skipped);
        all.different = all.different.saturating_add(report.different);
        (source, target) = (&source[blocks..], &target[blocks..]);
    }
    all
}

impl Difference {
    /// Adds what was looked at.
    pub(crate) fn count(&self, counters: &mut DiskCounters) {
        let scanned = [self.equal, self.different, self.skipped].into_iter().sum();
        counters.scanned = counters.scanned.saturating_add(scanned);
        counters.equal = counters.equal.saturating_add(self.equal);
        counters.different = counters.different.saturating_add(self.different);
        counters.skipped = counters.skipped.saturating_add(self.skipped);
    }

    /// All that is written, copied and zeroed.
    pub(crate) fn writes(&self) -> Vec<ByteRange> {
        self.plan
            .copy
            .iter()
            .chain(&self.plan.zero)
            .copied()
            .collect()
    }

    /// The blocks of `blocks` that are read and equal.
    pub(crate) fn equal_ranges(&self, blocks: &RangeSet) -> Vec<ByteRange> {
        let writes = RangeSet::from_ranges(self.writes());
        blocks.subtract(&writes).iter().collect()
    }
}
