//! What can fail on a disk: one variant per operation, each with its place.

use std::{io, path::PathBuf};

use model::{ByteCount, ByteRange};
use thiserror::Error;

/// A failed disk operation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// An image could not be opened.
    #[error("open image {path}")]
    Open {
        /// The image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An image could not be made.
    #[error("create image {path}")]
    Create {
        /// The image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A raw image's size is not a multiple of its sector.
    #[error("image {path} has {size:?} bytes, which is no multiple of its {sector}-byte sector")]
    Unaligned {
        /// The image.
        path: PathBuf,
        /// Its size.
        size: ByteCount,
        /// Its sector in bytes.
        sector: u32,
    },
    /// A range could not be read.
    #[error("read {range}")]
    Read {
        /// The range.
        range: ByteRange,
        /// Why.
        source: io::Error,
    },
    /// A range could not be written.
    #[error("write {range}")]
    Write {
        /// The range.
        range: ByteRange,
        /// Why.
        source: io::Error,
    },
    /// Written data could not be made durable.
    #[error("flush")]
    Flush {
        /// Why.
        source: io::Error,
    },
    /// What was written since the last flush may be gone: a connection was lost meanwhile, and the
    /// server perhaps with it.
    #[error("a connection was lost before what was written was durable")]
    WritesLost,
    /// The allocation of a range could not be read.
    #[error("map {range}")]
    Map {
        /// The range.
        range: ByteRange,
        /// Why.
        source: io::Error,
    },
    /// A range reaches past the end of the disk.
    #[error("{range} reaches past the end of a disk of {size:?} bytes")]
    PastEnd {
        /// The range.
        range: ByteRange,
        /// The disk's size.
        size: ByteCount,
    },
}

impl DiskError {
    /// Whether the way to the disk is gone, and not the disk: opened again, it may be there.
    #[must_use]
    pub fn is_way_lost(&self) -> bool {
        use io::ErrorKind as Kind;
        self.is_of_kind(|kind| {
            matches!(
                kind,
                Kind::BrokenPipe
                    | Kind::ConnectionAborted
                    | Kind::ConnectionRefused
                    | Kind::ConnectionReset
                    | Kind::HostUnreachable
                    | Kind::NetworkDown
                    | Kind::NetworkUnreachable
                    | Kind::NotConnected
            )
        })
    }

    /// Whether there is no room where the disk is.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use io::ErrorKind as Kind;
        let full = |kind| matches!(kind, Kind::StorageFull | Kind::QuotaExceeded);
        // What was lost on the way says nothing of the room.
        !matches!(self, Self::WritesLost) && self.is_of_kind(full)
    }

    /// Whether the same call may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        use io::ErrorKind as Kind;
        self.is_of_kind(|kind| {
            matches!(kind, Kind::Interrupted | Kind::TimedOut | Kind::WouldBlock)
        })
    }

    /// Whether what the system said is of a kind; what was lost on the way is of either.
    fn is_of_kind(&self, is: impl Fn(io::ErrorKind) -> bool) -> bool {
        match self {
            Self::Open { source, .. }
            | Self::Create { source, .. }
            | Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Flush { source }
            | Self::Map { source, .. } => is(source.kind()),
            Self::WritesLost => true,
            Self::Unaligned { .. } | Self::PastEnd { .. } => false,
        }
    }
}
