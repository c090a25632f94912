//! Reading what may not be readable: temporary errors are waited out, and what fails for good is
//! narrowed down to the sectors that fail.

use std::{io, time::Duration};

use blockmap::{BlockSize, RangeSet};
use disk::{Disk, DiskError};
use model::ByteRange;

use crate::{
    MoverError,
    compare::{length, slice_mut},
    error::Side,
    watch::Watch,
};

/// How long is waited before each further try of a request that failed temporarily: a second in
/// all.
const WAITS: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(250),
    Duration::from_millis(650),
];

/// One side of a task, to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) side: Side,
    pub(crate) block: BlockSize,
    pub(crate) watch: &'a Watch<'a>,
}

/// Sectors that cannot be read.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) sectors: RangeSet,
    /// Why the last of them cannot.
    pub(crate) source: DiskError,
}

impl Reader<'_> {
    /// Fills the buffer, except for the sectors that are returned.
    ///
    /// # Errors
    /// [`MoverError::Read`] with the block where the medium is not what fails, or fails only for
    /// now; [`MoverError::Cancelled`].
    pub(crate) fn fill(
        &self,
        range: ByteRange,
        buffer: &mut [u8],
    ) -> Result<Option<Bad>, MoverError> {
        if self.attempt(range, buffer)?.is_ok() {
            return Ok(None);
        }
        let mut bad: Option<Bad> = None;
        for block in self.block.blocks(range) {
            let part = slice_mut(buffer, range, block);
            match self.attempt(block, part)? {
                Ok(()) => {}
                Err(source) if is_of_the_medium(&source) => {
                    self.fill_by_sector(block, part, &mut bad)?;
                }
                Err(source) => return Err(self.error(block, source)),
            }
        }
        Ok(bad)
    }

    fn fill_by_sector(
        &self,
        block: ByteRange,
        buffer: &mut [u8],
        bad: &mut Option<Bad>,
    ) -> Result<(), MoverError> {
        let sector = u64::from(self.disk.sector().max(512));
        let mut at = block.start;
        while at < block.end() {
            // To the next multiple: a range may begin within a sector.
            let end = (at - at % sector + sector).min(block.end());
            let one = ByteRange::new(at, end - at);
            at = end;
            match self.attempt(one, slice_mut(buffer, block, one))? {
                Ok(()) => {}
                Err(source) if is_of_the_medium(&source) => {
                    let known = bad.get_or_insert(Bad {
                        sectors: RangeSet::new(),
                        source,
                    });
                    known.sectors.insert(one);
                }
                Err(source) => return Err(self.error(one, source)),
            }
        }
        Ok(())
    }

    /// Reads once, and again as often as the error may pass.
    fn attempt(
        &self,
        range: ByteRange,
        buffer: &mut [u8],
    ) -> Result<Result<(), DiskError>, MoverError> {
        let mut waits = WAITS.iter();
        loop {
            let read = {
                let _place = self.watch.place()?;
                self.disk.read_at(range.start, buffer)
            };
            match (read, waits.next()) {
                (Err(error), Some(wait)) if error.is_temporary() => {
                    tracing::debug!(side = %self.side, %range, "a read failed and is tried again");
                    self.watch.rest(*wait)?;
                }
                (read, _) => return Ok(read),
            }
        }
    }

    fn error(&self, range: ByteRange, source: DiskError) -> MoverError {
        MoverError::Read {
            side: self.side,
            range: self.block.align_out(range, self.disk.size()),
            source,
        }
    }
}

impl Bad {
    /// The error of a task that does not go on without these sectors.
    pub(crate) fn stop(self) -> MoverError {
        MoverError::Unreadable {
            ranges: self.sectors.iter().collect(),
            source: self.source,
        }
    }
}

/// Whether it is the content itself that cannot be had: not a connection that is gone, not an
/// answer that may yet come.
fn is_of_the_medium(error: &DiskError) -> bool {
    use io::ErrorKind as Kind;
    let DiskError::Read { source, .. } = error else {
        return false;
    };
    !error.is_temporary()
        && !error.is_way_lost()
        && !matches!(
            source.kind(),
            Kind::OutOfMemory | Kind::PermissionDenied | Kind::UnexpectedEof
        )
}

/// The parts of `piece` that are not in `bad`, in order.
pub(crate) fn readable(piece: ByteRange, bad: &RangeSet) -> RangeSet {
    RangeSet::from_ranges([piece]).subtract(bad)
}

/// Moves what a buffer of `piece` holds of `run` to its front. Runs taken in order are all moved
/// from where they were read.
pub(crate) fn to_front(buffer: &mut [u8], piece: ByteRange, run: ByteRange) {
    let from = length(run.start - piece.start);
    buffer.copy_within(from..from + length(run.len), 0);
}
