//! Writing what differs.

use blockmap::{BlockSize, DiffPlan};
use model::{ByteCount, BytesPerSecond};

use crate::{
    MoverError, Task,
    read::{REQUEST, SourceData, pieces},
    watch::Watch,
};

/// Writes a plan's ranges from the buffer that holds them and makes them durable.
///
/// # Errors
/// [`MoverError::Write`], [`MoverError::Zero`], [`MoverError::Flush`], [`MoverError::Cancelled`].
pub(crate) fn apply(
    task: &Task,
    plan: &DiffPlan,
    data: &SourceData,
    watch: &Watch<'_>,
) -> Result<(), MoverError> {
    zero(task, plan, watch)?;
    copy(task, plan, data, watch)?;
    watch.checkpoint()?;
    flush(task)
}

pub(crate) fn flush(task: &Task) -> Result<(), MoverError> {
    let flushed = task.target.flush();
    flushed.map_err(|source| MoverError::Flush { source })
}

fn zero(task: &Task, plan: &DiffPlan, watch: &Watch<'_>) -> Result<(), MoverError> {
    for range in &plan.zero {
        watch.checkpoint()?;
        let zeroed = task.target.write_zeroes(*range);
        zeroed.map_err(|source| MoverError::Zero {
            range: *range,
            source,
        })?;
        watch.meter.update(|counters| {
            counters.zeroed = counters.zeroed.saturating_add(ByteCount(range.len));
            counters.written = counters.written.saturating_add(ByteCount(range.len));
        });
    }
    Ok(())
}

fn copy(
    task: &Task,
    plan: &DiffPlan,
    data: &SourceData,
    watch: &Watch<'_>,
) -> Result<(), MoverError> {
    for range in &plan.copy {
        let most = request(watch.controls.limit(), task.block);
        for piece in pieces([*range].into_iter(), most) {
            watch.pay(piece.len)?;
            let written = task.target.write_at(piece.start, data.slice(piece));
            written.map_err(|source| MoverError::Write {
                range: piece,
                source,
            })?;
            watch.meter.update(|counters| {
                counters.sent = counters.sent.saturating_add(ByteCount(piece.len));
                counters.written = counters.written.saturating_add(ByteCount(piece.len));
            });
        }
    }
    Ok(())
}

/// How long a request may be: under a limit some twenty a second, so that the rate is even.
fn request(limit: Option<BytesPerSecond>, block: BlockSize) -> u64 {
    let Some(limit) = limit else {
        return REQUEST;
    };
    block.align_down(limit.0 / 20).clamp(block.bytes(), REQUEST)
}
