//! What can fail while a disk is moved: one variant per operation, each with its place.

use std::{fmt, io, path::PathBuf};

use disk::DiskError;
use model::{ByteCount, ByteRange};
use thiserror::Error;

use crate::{StoreError, remote::Failure};

/// Which of the two disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that is read.
    Source,
    /// The one that is made equal to it.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// What was being done with the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalStep {
    /// Opening or creating it.
    Open,
    /// Reading what an earlier try left.
    Load,
    /// Adding to it.
    Append,
    /// Making it durable.
    Sync,
}

impl fmt::Display for JournalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Load => "load",
            Self::Append => "append to",
            Self::Sync => "sync",
        })
    }
}

/// A task that ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MoverError {
    /// The operator cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The two disks are not of one size.
    #[error("the source has {source_size}, the target {target_size}")]
    SizeDiffers {
        /// The source's.
        source_size: ByteCount,
        /// The target's.
        target_size: ByteCount,
    },
    /// A range reads back other than it was sent, also after it was written a second time.
    #[error("{range} of the target differ from what was written, twice")]
    Mismatch {
        /// The first such range.
        range: ByteRange,
    },
    /// The source no longer holds what was sent, so a repair would write something else.
    #[error("{range} of the source changed while it was being moved")]
    SourceChanged {
        /// The range, one block.
        range: ByteRange,
    },
    /// The stream to or from the far end failed.
    #[error("the link to the far end")]
    Link {
        /// Why.
        source: io::Error,
    },
    /// The far end could not go on.
    #[error("the far end: {}", failure.words)]
    FarEnd {
        /// What it said.
        failure: Failure,
    },
    /// Everything was sent and written, and the roots of the two disks differ.
    #[error("the disks differ after everything was written: their roots are not the same")]
    Unproved,
    /// The allocation of a range could not be learned.
    #[error("map {range} of the {side}")]
    Map {
        /// Where.
        side: Side,
        /// The range.
        range: ByteRange,
        /// Why.
        source: DiskError,
    },
    /// The source has sectors that cannot be read, also on a further try.
    #[error("{} of the source cannot be read", list(ranges))]
    Unreadable {
        /// The sectors of the request that failed, in order.
        ranges: Vec<ByteRange>,
        /// Why.
        source: DiskError,
    },
    /// A range could not be read for the comparison.
    #[error("read {range} of the {side}")]
    Read {
        /// Where.
        side: Side,
        /// The range, one block.
        range: ByteRange,
        /// Why.
        source: DiskError,
    },
    /// A range could not be written.
    #[error("write {range} of the target")]
    Write {
        /// The range.
        range: ByteRange,
        /// Why.
        source: DiskError,
    },
    /// A range could not be made zero.
    #[error("zero {range} of the target")]
    Zero {
        /// The range.
        range: ByteRange,
        /// Why.
        source: DiskError,
    },
    /// What was written could not be made durable.
    #[error("flush the target")]
    Flush {
        /// Why.
        source: DiskError,
    },
    /// A written range could not be read back.
    #[error("read back {range} of the target")]
    ReadBack {
        /// The range, one block.
        range: ByteRange,
        /// Why.
        source: DiskError,
    },
    /// The kept digests of a disk could not be used.
    #[error("kept digests of the {side}")]
    Digests {
        /// Of which disk.
        side: Side,
        /// Why.
        source: StoreError,
    },
    /// The source holds other content than its kept digests say. They are not believed again.
    #[error("{range} of the source are not what its kept digests say")]
    DigestsWrong {
        /// The range, one block.
        range: ByteRange,
    },
    /// The journal could not be used.
    #[error("{step} journal {path}")]
    Journal {
        /// What was being done.
        step: JournalStep,
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl MoverError {
    /// Whether the same task may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        if let Self::FarEnd { failure } = self {
            return failure.temporary;
        }
        if let Self::Digests { source, .. } = self {
            return source.is_temporary();
        }
        if let Self::Journal { source, .. } | Self::Link { source } = self {
            return is_passing(source);
        }
        self.of_disk().is_some_and(DiskError::is_temporary)
    }

    /// Whether the way to one of the disks is gone: opened again, they may be there.
    #[must_use]
    pub fn is_way_lost(&self) -> bool {
        self.of_disk().is_some_and(DiskError::is_way_lost)
    }

    /// Whether there is no room where the target is: nothing is written to the other.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.of_disk().is_some_and(DiskError::is_full)
    }

    /// What a disk said, where it was one that failed and not its content.
    const fn of_disk(&self) -> Option<&DiskError> {
        match self {
            Self::Map { source, .. }
            | Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Zero { source, .. }
            | Self::Flush { source }
            | Self::ReadBack { source, .. } => Some(source),
            Self::Cancelled
            | Self::Unreadable { .. }
            | Self::SizeDiffers { .. }
            | Self::Mismatch { .. }
            | Self::SourceChanged { .. }
            | Self::DigestsWrong { .. }
            | Self::Unproved
            | Self::FarEnd { .. }
            | Self::Digests { .. }
            | Self::Journal { .. }
            | Self::Link { .. } => None,
        }
    }
}

/// Whether an error of the system may be gone the next time.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// Ranges in words; of many, the first and how many more.
fn list(ranges: &[ByteRange]) -> String {
    const NAMED: usize = 16;
    let mut words: Vec<String> = ranges.iter().take(NAMED).map(ToString::to_string).collect();
    if ranges.len() > NAMED {
        let more = ranges.len() - NAMED;
        words.push(format!("and {more} further ranges"));
    }
    words.join(", ")
}
