//! Reading and digesting a stretch on both sides at once.

use std::thread;

use blockmap::{BlockSize, BlockState, Digest, RangeSet};
use disk::{Disk, DiskError};
use model::ByteRange;
use xxhash_rust::xxh3::xxh3_128;

use crate::{MoverError, Task, error::Side, watch::Watch, work::Stretch};

/// No request is longer.
pub(crate) const REQUEST: u64 = 1024 * 1024;

/// A stretch with what each of its blocks is on both sides.
#[derive(Debug)]
pub(crate) struct Digested {
    pub(crate) stretch: Stretch,
    pub(crate) source: Vec<BlockState>,
    pub(crate) target: Vec<BlockState>,
    pub(crate) data: SourceData,
}

/// The source's content of a stretch, where it was read.
#[derive(Debug)]
pub(crate) struct SourceData {
    /// Each run with its place in the buffer, in order.
    runs: Vec<(ByteRange, usize)>,
    pub(crate) buffer: Vec<u8>,
}

impl SourceData {
    /// The content of a range that lies within one run.
    pub(crate) fn slice(&self, range: ByteRange) -> &[u8] {
        let after = self
            .runs
            .partition_point(|(run, _)| run.start <= range.start);
        let (run, place) = self.runs[after.saturating_sub(1)];
        let from = place + length(range.start - run.start);
        &self.buffer[from..from + length(range.len)]
    }
}

/// What becomes of a side's content once it is digested.
#[derive(Clone, Copy, Debug)]
enum Keep {
    /// All of it stays in the buffer.
    All,
    /// Each request overwrites the one before.
    Latest,
}

/// Reads a stretch; the source's content stays in `buffer`.
///
/// # Errors
/// [`MoverError::Read`] of either side, or [`MoverError::Cancelled`].
pub(crate) fn read(
    task: &Task,
    stretch: Stretch,
    mut buffer: Vec<u8>,
    watch: &Watch<'_>,
) -> Result<Digested, MoverError> {
    let runs = stretch.blocks.subtract(&stretch.source_zero);
    buffer.resize(length(runs.total().0), 0);
    let source = Reader {
        disk: &*task.source,
        side: Side::Source,
        block: task.block,
        watch,
    };
    let target = Reader {
        disk: &*task.target,
        side: Side::Target,
        ..source
    };
    let (source, target) = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let runs = stretch.blocks.subtract(&stretch.target_zero);
            let mut scratch = vec![0; length(REQUEST.min(runs.total().0))];
            target.digest(&runs, &mut scratch, Keep::Latest)
        });
        let source = source.digest(&runs, &mut buffer, Keep::All);
        let target = other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (source, target)
    });
    let states = |zero: &RangeSet, digests| states(&stretch.blocks, zero, task.block, digests);
    Ok(Digested {
        source: states(&stretch.source_zero, source?),
        target: states(&stretch.target_zero, target?),
        data: SourceData {
            runs: places(&runs),
            buffer,
        },
        stretch,
    })
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    disk: &'a dyn Disk,
    side: Side,
    block: BlockSize,
    watch: &'a Watch<'a>,
}

impl Reader<'_> {
    /// The state of each block of `runs`, in order.
    fn digest(
        &self,
        runs: &RangeSet,
        buffer: &mut [u8],
        keep: Keep,
    ) -> Result<Vec<BlockState>, MoverError> {
        let mut states = Vec::new();
        let mut place = 0;
        for piece in pieces(runs.iter(), REQUEST) {
            self.watch.checkpoint()?;
            let len = length(piece.len);
            let part = &mut buffer[place..place + len];
            self.fill(piece, part)?;
            states.extend(part.chunks(length(self.block.bytes())).map(state));
            match keep {
                Keep::All => place += len,
                Keep::Latest => {}
            }
        }
        Ok(states)
    }

    fn fill(&self, piece: ByteRange, buffer: &mut [u8]) -> Result<(), MoverError> {
        let side = self.side;
        fill_by_block(self.disk, self.block, piece, buffer, |range, source| {
            MoverError::Read {
                side,
                range,
                source,
            }
        })
    }
}

/// Reads a range; if that fails, block by block, so that the error names the block.
pub(crate) fn fill_by_block(
    disk: &dyn Disk,
    block: BlockSize,
    range: ByteRange,
    buffer: &mut [u8],
    error: impl Fn(ByteRange, DiskError) -> MoverError,
) -> Result<(), MoverError> {
    if disk.read_at(range.start, buffer).is_ok() {
        return Ok(());
    }
    let parts = buffer.chunks_mut(length(block.bytes()));
    for (one, part) in block.blocks(range).zip(parts) {
        disk.read_at(one.start, part)
            .map_err(|source| error(one, source))?;
    }
    Ok(())
}

/// Cuts ranges so that none is longer than `most`.
pub(crate) fn pieces(
    ranges: impl Iterator<Item = ByteRange>,
    most: u64,
) -> impl Iterator<Item = ByteRange> {
    ranges.flat_map(move |range| {
        (0..range.len.div_ceil(most)).map(move |number| {
            let skip = number * most;
            ByteRange::new(range.start + skip, most.min(range.len - skip))
        })
    })
}

/// Whether there is nothing but zeroes: the first is one, and each equals the next.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    match bytes.split_first() {
        None => true,
        Some((first, rest)) => *first == 0 && *rest == bytes[..rest.len()],
    }
}

/// A length of at most one batch.
pub(crate) fn length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a batch fits the memory")
}

fn state(block: &[u8]) -> BlockState {
    if is_zero(block) {
        BlockState::Zero
    } else {
        BlockState::Digest(Digest(xxh3_128(block)))
    }
}

fn states(
    blocks: &RangeSet,
    zero: &RangeSet,
    block: BlockSize,
    digests: Vec<BlockState>,
) -> Vec<BlockState> {
    let mut digests = digests.into_iter();
    let each = blocks.iter().flat_map(|range| block.blocks(range));
    each.map(|one| {
        if zero.contains(one) {
            BlockState::Zero
        } else {
            digests.next().expect("each block that is read is digested")
        }
    })
    .collect()
}

fn places(runs: &RangeSet) -> Vec<(ByteRange, usize)> {
    let mut place = 0;
    runs.iter()
        .map(|run| {
            let here = place;
            place += length(run.len);
            (run, here)
        })
        .collect()
}
