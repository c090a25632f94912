//! Why a far end cannot go on, and what of it the near end is told: what failed, whether another
//! try may help, and words.

use std::{error::Error, io};

use disk::DiskError;
use model::{ByteCount, ByteRange};
use thiserror::Error;

use crate::{Side, StoreError, error::is_passing};

/// What failed at the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FarFault {
    /// The target: it cannot be opened, read, written or made durable, or is not as it was written.
    Target,
    /// A seed.
    Seed,
    /// The kept digests of the target.
    Digests,
    /// The source is no longer as it was sent.
    Source,
    /// The ends do not understand each other, or something arrived damaged.
    Protocol,
    /// The streams between the ends.
    Link,
}

impl FarFault {
    const ALL: [Self; 6] = [
        Self::Target,
        Self::Seed,
        Self::Digests,
        Self::Source,
        Self::Protocol,
        Self::Link,
    ];

    /// Which of the two disks it is about, if it is about one.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::Target | Self::Digests => Some(Side::Target),
            Self::Source => Some(Side::Source),
            Self::Seed | Self::Protocol | Self::Link => None,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Target => 1,
            Self::Seed => 2,
            Self::Digests => 3,
            Self::Source => 4,
            Self::Protocol => 5,
            Self::Link => 6,
        }
    }
}

/// What was being done with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FarStep {
    /// Learning what is allocated.
    Map,
    /// Reading for the comparison.
    Read,
    /// Writing what was sent.
    Write,
    /// Making zero.
    Zero,
    /// Reading what was written.
    ReadBack,
}

impl std::fmt::Display for FarStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Map => "map",
            Self::Read => "read",
            Self::Write => "write",
            Self::Zero => "zero",
            Self::ReadBack => "read back",
        })
    }
}

/// A far end that could not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FarError {
    /// The target could not be opened, or made.
    #[error("{words}")]
    Open {
        /// Why.
        words: String,
    },
    /// The two disks are not of one size.
    #[error("the source has {} bytes, the target {}", source_size.0, target_size.0)]
    SizeDiffers {
        /// The source's.
        source_size: ByteCount,
        /// The target's.
        target_size: ByteCount,
    },
    /// The target failed.
    #[error("{step} {range} of the target")]
    Target {
        /// What was being done.
        step: FarStep,
        /// Where.
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
    /// A range reads back other than it was sent, also after it was written a second time.
    #[error("{range} of the target differ from what was written, twice")]
    Mismatch {
        /// The first such range.
        range: ByteRange,
    },
    /// The source no longer holds what was sent before.
    #[error("{range} of the source changed while it was being moved")]
    SourceChanged {
        /// The range, one block.
        range: ByteRange,
    },
    /// Something of the source cannot be read, and the digests of the target would call it proved.
    #[error("digests of the target cannot be kept while sectors of the source are left out")]
    LeftWithDigests,
    /// More of the seeds is gone than can be asked for.
    #[error("the seeds changed while they were used")]
    SeedsChanged,
    /// The kept digests of the target could not be used.
    #[error("kept digests of the target")]
    Digests {
        /// Why.
        source: StoreError,
    },
    /// What arrived makes no sense.
    #[error("what arrived")]
    Protocol {
        /// Why.
        source: io::Error,
    },
    /// The streams failed.
    #[error("the link to the near end")]
    Link {
        /// Why.
        source: io::Error,
    },
    /// The near end gave up, or another thread of this end did.
    #[error("{}", .0.words)]
    Told(Failure),
}

impl FarError {
    /// What failed.
    #[must_use]
    pub const fn fault(&self) -> FarFault {
        match self {
            Self::Open { .. }
            | Self::SizeDiffers { .. }
            | Self::Target { .. }
            | Self::Flush { .. }
            | Self::Mismatch { .. } => FarFault::Target,
            Self::SourceChanged { .. } => FarFault::Source,
            Self::SeedsChanged => FarFault::Seed,
            Self::Digests { .. } | Self::LeftWithDigests => FarFault::Digests,
            Self::Protocol { .. } => FarFault::Protocol,
            Self::Link { .. } => FarFault::Link,
            Self::Told(failure) => failure.fault,
        }
    }

    /// Whether the same may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Open { .. }
            | Self::SizeDiffers { .. }
            | Self::Mismatch { .. }
            | Self::SourceChanged { .. }
            | Self::LeftWithDigests
            | Self::Protocol { .. } => false,
            Self::SeedsChanged => true,
            Self::Target { source, .. } | Self::Flush { source } => source.is_temporary(),
            Self::Digests { source } => source.is_temporary(),
            Self::Link { source } => is_passing(source),
            Self::Told(failure) => failure.temporary,
        }
    }
}

/// A stream's own errors are the link's; what came over it and makes no sense is the protocol's.
impl From<io::Error> for FarError {
    fn from(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::InvalidData {
            Self::Protocol { source }
        } else {
            Self::Link { source }
        }
    }
}

impl From<StoreError> for FarError {
    fn from(source: StoreError) -> Self {
        Self::Digests { source }
    }
}

/// An error as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub fault: FarFault,
    /// Whether another try may succeed without anybody's help.
    pub temporary: bool,
    /// In words, with the causes.
    pub words: String,
}

impl Failure {
    /// An error with all its causes.
    pub(super) fn of(error: &FarError) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(because) = cause {
            words = format!("{words}: {because}");
            cause = because.source();
        }
        Self {
            fault: error.fault(),
            temporary: error.is_temporary(),
            words,
        }
    }

    /// What comes before the words.
    pub(super) fn head(&self) -> [u8; 2] {
        [self.fault.code(), u8::from(self.temporary)]
    }

    pub(super) fn parse([fault, temporary]: [u8; 2], words: &[u8]) -> Option<Self> {
        let mut all = FarFault::ALL.into_iter();
        Some(Self {
            fault: all.find(|known| known.code() == fault)?,
            temporary: match temporary {
                0 => false,
                1 => true,
                _ => return None,
            },
            words: String::from_utf8_lossy(words).into_owned(),
        })
    }
}
