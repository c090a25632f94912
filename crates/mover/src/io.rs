//! Reads and writes of a task, each with the error that names what failed and where.

use blockmap::{BlockSize, RangeSet};
use disk::{Disk, DiskError};
use model::{ByteCount, ByteRange};

use crate::{
    MoverError, Task, Unreadable,
    buffer::Buffer,
    compare::{is_zero, length, slice},
    digests::Sides,
    error::Side,
    read::Reader,
    watch::Watch,
};

/// A task's disks under its operator's controls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Io<'a> {
    pub(crate) task: &'a Task,
    pub(crate) watch: &'a Watch<'a>,
    pub(crate) sides: &'a Sides,
}

impl Io<'_> {
    /// Fills the buffer with the source's content, except for the sectors that are returned: where
    /// the operator wants to go on without what cannot be read.
    ///
    /// # Errors
    /// [`MoverError::Unreadable`] with the sectors, [`MoverError::Read`] with the block,
    /// [`MoverError::Cancelled`].
    pub(crate) fn read_source(
        &self,
        range: ByteRange,
        buffer: &mut [u8],
    ) -> Result<RangeSet, MoverError> {
        match self.reader(Side::Source).fill(range, buffer)? {
            None => Ok(RangeSet::new()),
            Some(bad) => match self.task.unreadable {
                Unreadable::Stop => Err(bad.stop()),
                Unreadable::Skip if self.sides.is_empty() => Ok(bad.sectors),
                // A block that was read in part has no digest.
                Unreadable::Skip => Err(bad.stop()),
            },
        }
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    /// [`MoverError::Unreadable`] with the sectors of the source, [`MoverError::Read`] with the
    /// block of the target, [`MoverError::Cancelled`].
    pub(crate) fn read(
        &self,
        side: Side,
        range: ByteRange,
        buffer: &mut [u8],
    ) -> Result<(), MoverError> {
        let Some(bad) = self.reader(side).fill(range, buffer)? else {
            return Ok(());
        };
        match side {
            Side::Source => Err(bad.stop()),
            Side::Target => {
                let first = bad.sectors.iter().next().unwrap_or(range);
                Err(MoverError::Read {
                    side,
                    range: self.task.block.align_out(first, self.task.target.size()),
                    source: bad.source,
                })
            }
        }
    }

    fn reader(&self, side: Side) -> Reader<'_> {
        let disk = match side {
            Side::Source => &*self.task.source,
            Side::Target => &*self.task.target,
        };
        Reader {
            disk,
            side,
            block: self.task.block,
            watch: self.watch,
        }
    }

    /// Sends a range of the piece that is in `buffer`, as fast as the limit allows.
    ///
    /// # Errors
    /// [`MoverError::Write`], [`MoverError::Cancelled`].
    pub(crate) fn send(
        &self,
        piece: ByteRange,
        range: ByteRange,
        buffer: &[u8],
    ) -> Result<(), MoverError> {
        for part in pieces([range].into_iter(), self.request(range.len)) {
            self.watch.pay(part.len)?;
            let data = slice(buffer, piece, part);
            let place = self.watch.place()?;
            let written = self.task.target.write_at(part.start, data);
            written.map_err(|source| MoverError::Write {
                range: part,
                source,
            })?;
            drop(place);
            self.watch.meter.update(|counters| {
                counters.sent += ByteCount(part.len);
                counters.written += ByteCount(part.len);
            });
        }
        Ok(())
    }

    /// How long a request may be: under a limit some twenty a second, so that the rate is even.
    fn request(&self, most: u64) -> u64 {
        let block = self.task.block;
        self.watch.controls.limit().map_or(most, |limit| {
            block
                .align_down(limit.0 / 20)
                .clamp(block.bytes(), most.max(block.bytes()))
        })
    }

    /// Makes a range zero.
    ///
    /// # Errors
    /// [`MoverError::Zero`], [`MoverError::Cancelled`].
    pub(crate) fn zero(&self, range: ByteRange) -> Result<(), MoverError> {
        let place = self.watch.place()?;
        self.write_zeroes(range)?;
        drop(place);
        self.watch.meter.update(|counters| {
            counters.zeroed += ByteCount(range.len);
            counters.written += ByteCount(range.len);
        });
        Ok(())
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), MoverError> {
        let zeroed = self.task.target.write_zeroes(range);
        zeroed.map_err(|source| MoverError::Zero { range, source })
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// [`MoverError::Flush`].
    pub(crate) fn flush(&self) -> Result<(), MoverError> {
        let flushed = self.task.target.flush();
        flushed.map_err(|source| MoverError::Flush { source })
    }

    /// Fills `buffer` with what the target has now.
    ///
    /// # Errors
    /// [`MoverError::ReadBack`] with the block, [`MoverError::Cancelled`].
    pub(crate) fn read_back(
        &self,
        range: ByteRange,
        buffer: &mut Buffer,
    ) -> Result<(), MoverError> {
        let _place = self.watch.place()?;
        buffer.resize(length(range.len));
        let (disk, block) = (&*self.task.target, self.task.block);
        fill_by_block(disk, block, range, buffer, |range, source| {
            MoverError::ReadBack { range, source }
        })?;
        self.reread(range);
        Ok(())
    }

    fn reread(&self, range: ByteRange) {
        let all = ByteCount(range.len);
        self.watch.meter.update(|counters| counters.reread += all);
    }

    /// Fills `buffer` with what the target's device has now.
    ///
    /// # Errors
    /// As [`Io::read_back`].
    pub(crate) fn read_back_from_device(
        &self,
        range: ByteRange,
        buffer: &mut Buffer,
    ) -> Result<(), MoverError> {
        let place = self.watch.place()?;
        buffer.resize(length(range.len));
        if self.task.target.read_device(range.start, buffer).is_ok() {
            self.reread(range);
            return Ok(());
        }
        drop(place);
        // Block by block, so that the error names the block.
        self.task.target.forget_cached(range);
        self.read_back(range, buffer)
    }

    /// Writes a block again from the source, flushes it and reads it back. `right` says whether
    /// content is what was sent: the source's must be, too.
    ///
    /// # Errors
    /// [`MoverError::SourceChanged`] when the source no longer holds what was sent,
    /// [`MoverError::Mismatch`] when the target is wrong again, and what reads and writes return.
    pub(crate) fn repair(
        &self,
        block: ByteRange,
        right: impl Fn(&[u8]) -> bool,
    ) -> Result<(), MoverError> {
        tracing::warn!(%block, "the target returned other content than was written");
        let mut buffer = Buffer::default();
        buffer.resize(length(block.len));
        self.read(Side::Source, block, &mut buffer)?;
        self.reread(block);
        if !right(&buffer) {
            return Err(MoverError::SourceChanged { range: block });
        }
        if is_zero(&buffer) {
            self.write_zeroes(block)?;
        } else {
            let written = self.task.target.write_at(block.start, &buffer);
            written.map_err(|source| MoverError::Write {
                range: block,
                source,
            })?;
        }
        self.flush()?;
        self.read_back_from_device(block, &mut buffer)?;
        if !right(&buffer) {
            return Err(MoverError::Mismatch { range: block });
        }
        let all = ByteCount(block.len);
        self.watch.meter.update(|counters| counters.repaired += all);
        Ok(())
    }

    /// Counts a block as proved.
    pub(crate) fn proved(&self, block: ByteRange) {
        self.watch.meter.update(|counters| {
            counters.verified += ByteCount(block.len);
        });
    }
}

/// Reads a range; if that fails, block by block, so that the error names the block.
pub(crate) fn fill_by_block<E>(
    disk: &dyn Disk,
    block: BlockSize,
    range: ByteRange,
    buffer: &mut [u8],
    error: impl Fn(ByteRange, DiskError) -> E,
) -> Result<(), E> {
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
