//! What a disk can do.

use std::fmt;

use model::{ByteCount, ByteRange};

use crate::DiskError;

/// What is known of a range without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtentKind {
    /// May hold anything.
    Data,
    /// Reads as zeroes: a hole, or allocated and known to be zero.
    Zero,
}

/// A range of a disk of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where.
    pub range: ByteRange,
    /// What is known of it.
    pub kind: ExtentKind,
}

/// What happened on the way to a disk since it was opened. The numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Connections that were lost, whether or not they could be made again.
    pub connections: u64,
    /// Losses after which something that was written and not yet flushed may be gone.
    pub writes: u64,
}

/// A disk of fixed size. All offsets and lengths are in bytes; a range past the end is an error.
///
/// Writes are durable only after [`Disk::flush`] returned.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Virtual size.
    fn size(&self) -> ByteCount;

    /// Logical sector size in bytes.
    fn sector(&self) -> u32;

    /// Requests that are worth having on their way at once.
    fn requests(&self) -> usize {
        2
    }

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// [`DiskError::Read`] with the range; the buffer's content is then unspecified.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError>;

    /// Writes `data` at `offset`.
    ///
    /// # Errors
    /// [`DiskError::Write`]; the range may then hold old, new or mixed content.
    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError>;

    /// Makes a range read as zeroes, as a hole where the format can.
    ///
    /// # Errors
    /// As [`Disk::write_at`].
    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError>;

    /// Makes everything written before durable.
    ///
    /// # Errors
    /// [`DiskError::Flush`]; nothing written since the last flush may then be believed.
    fn flush(&self) -> Result<(), DiskError>;

    /// Fills `buffer` with what the device holds, past the host's cache where that is possible;
    /// after [`Disk::flush`], this is what a power cut would leave.
    ///
    /// # Errors
    /// As [`Disk::read_at`].
    fn read_device(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        self.forget_cached(ByteRange::new(offset, buffer.len() as u64));
        self.read_at(offset, buffer)
    }

    /// Whether [`Disk::read_device`] can reach the device; else it is a server that answers, from
    /// its cache or not.
    fn reads_device(&self) -> bool {
        true
    }

    /// Makes the next read of `range` come from the device, as far as the host can: call it after
    /// [`Disk::flush`]. What cannot be done is left undone, for the read itself is what proves.
    fn forget_cached(&self, range: ByteRange) {
        let _nothing_is_cached = range;
    }

    /// Ends what waits for a peer, and all that is asked later, with an error: from another thread,
    /// at once and for good. A disk of this host has no peer, and finishes what it began.
    fn interrupt(&self) {}

    /// What was lost on the way to the disk so far.
    fn losses(&self) -> Losses {
        Losses::default()
    }

    /// What is known of `range` without reading it: adjoining extents in order that cover it.
    ///
    /// # Errors
    /// [`DiskError::Map`].
    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError>;
}

/// The range of a request, checked against the disk's size.
pub(crate) fn check_range(
    size: ByteCount,
    offset: u64,
    len: usize,
) -> Result<ByteRange, DiskError> {
    let range = ByteRange::new(offset, len as u64);
    match offset.checked_add(range.len) {
        Some(end) if end <= size.0 => Ok(range),
        _ => Err(DiskError::PastEnd { range, size }),
    }
}

/// Appends `from..to` to a list of extents, joined with the last when it is of the same kind.
pub(crate) fn push_extent(extents: &mut Vec<Extent>, from: u64, to: u64, kind: ExtentKind) {
    if from >= to {
        return;
    }
    match extents.last_mut() {
        Some(last) if last.kind == kind && last.range.end() == from => {
            last.range.len += to - from;
        }
        _ => extents.push(Extent {
            range: ByteRange::new(from, to - from),
            kind,
        }),
    }
}
