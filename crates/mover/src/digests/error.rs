//! What can fail with kept digests.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use crate::error::is_passing;

/// What was being done with kept digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreStep {
    /// Opening or creating the file.
    Open,
    /// Reading it.
    Read,
    /// Writing it.
    Write,
    /// Making it durable and putting it in its place.
    Save,
    /// Learning whether the disk was written.
    Stamp,
}

impl fmt::Display for StoreStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Save => "save",
            Self::Stamp => "take the disk's stamp for",
        })
    }
}

/// Kept digests that could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file could not be used.
    #[error("{step} the digests in {path}")]
    Io {
        /// What was being done.
        step: StoreStep,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A row is not what its checksum or the row above says.
    #[error("the digests in {path} are damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Another run changes them.
    #[error("the digests in {path} are in use by another run")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The disk was written by somebody else while they were made or kept up to date.
    #[error("the disk was written by somebody else, so the digests in {path} are not kept")]
    NotAlone {
        /// The file.
        path: PathBuf,
    },
    /// The disk's identity or stamp does not fit the header.
    #[error("the disk's identity is too long to be kept in {path}")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether the same may succeed later without anybody's help.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_passing(source),
            // It is not believed again, and the other run ends.
            Self::Damaged { .. } | Self::InUse { .. } | Self::NotAlone { .. } => true,
            Self::TooLong { .. } => false,
        }
    }
}
