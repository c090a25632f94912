//! What a finished task says of itself.

use std::fmt;

use blockmap::RangeSet;
use model::{ByteCount, ByteRange, DiskCounters};

use crate::{Disbelieved, Sampled, Side};

/// The result of a task that ran to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The final counters.
    pub counters: DiskCounters,
    /// Payload of what differs: what is, or in a dry run would be, sent by this try.
    pub to_send: ByteCount,
    /// The sampled check of the ranges, where there was one.
    pub sampled: Option<Sampled>,
    /// What could not be read at the source: the target was left there as it was, and the disks are
    /// not known to be equal. Empty unless the task goes on past it. Exact, up to 65536 ranges;
    /// [`Note::UnreadWidened`] says when it is not.
    pub unread: RangeSet,
    /// What an operator should know, in the order in which it happened.
    pub notes: Vec<Note>,
}

/// Something out of the ordinary that did not stop the task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A journal was there and could not be used, so everything was read again.
    JournalDiscarded {
        /// Why.
        why: Discarded,
    },
    /// A journal names what is proved in more pieces than are kept in memory, so some of it is
    /// compared again.
    JournalCut {
        /// So much.
        bytes: ByteCount,
    },
    /// Digests of a disk were kept and believed: it was read only where the other one differs.
    DigestsBelieved {
        /// Which disk.
        side: Side,
    },
    /// Digests of a disk were kept and not believed, so it was read.
    DigestsDiscarded {
        /// Which disk.
        side: Side,
        /// Why.
        why: Disbelieved,
    },
    /// No digests of a disk were kept that could be believed, and none could be made.
    DigestsNotMade {
        /// Which disk.
        side: Side,
        /// Why.
        why: NotKept,
    },
    /// A block outside the ranges differs: they are not all that changed, and the whole disk was
    /// compared.
    Widened {
        /// The block.
        block: ByteRange,
    },
    /// A seed of the far end could not be read, so nothing more was copied from it.
    SeedDropped {
        /// Which of them, counted from one.
        number: u64,
    },
    /// Connections to a disk were lost and made again; what was asked over them was asked again.
    Reconnected {
        /// Which disk.
        side: Side,
        /// How often.
        times: u64,
    },
    /// What was written and not yet durable may have gone with a connection to the target: all
    /// that was not known to be durable was compared again, and the counters are those of that.
    ComparedAgain,
    /// More ranges than the report names were repaired.
    MoreRepaired {
        /// So many.
        ranges: u64,
    },
    /// What could not be read at the source is in very many pieces: the report's ranges hold all
    /// of them, and something between them that could be read.
    UnreadWidened,
    /// A range read back other than it was sent; it was written again from the source and is right.
    Repaired {
        /// The range.
        range: ByteRange,
    },
}

/// Why digests of a disk could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Only a part of the disk was looked at.
    PartOnly,
    /// A part of the disk was proved by an earlier try and not read again.
    Resumed,
    /// Somebody else wrote the disk meanwhile.
    NotAlone,
}

/// Why a journal was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// It belongs to another task, or to a disk of another size or with other blocks.
    OtherTask,
    /// Its beginning is damaged.
    Damaged,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JournalDiscarded { why } => {
                write!(
                    f,
                    "The journal was discarded and everything is read again: {why}."
                )
            }
            Self::JournalCut { bytes } => write!(
                f,
                "The journal is in very many pieces: {bytes} that it proves are compared again."
            ),
            Self::DigestsBelieved { side } => write!(
                f,
                "The kept digests of the {side} are valid: it was read only where it differs."
            ),
            Self::DigestsDiscarded { side, why } => write!(
                f,
                "The kept digests of the {side} were discarded and it was read: {why}."
            ),
            Self::DigestsNotMade { side, why } => {
                write!(f, "No digests of the {side} were kept: {why}.")
            }
            Self::Widened { block } => write!(
                f,
                "Change tracking does not name {block}, which could not be read or is different: \
                 the whole disk was compared."
            ),
            Self::SeedDropped { number } => write!(
                f,
                "Seed {number} of the far end cannot be read: what it may hold was sent."
            ),
            Self::Reconnected { side, times } => write!(
                f,
                "The connection to the {side} was lost and made again ({times} in all)."
            ),
            Self::ComparedAgain => f.write_str(
                "What was written last may have been lost with the connection to the target: it \
                 was compared again, and the numbers are those of the last pass.",
            ),
            Self::MoreRepaired { ranges } => {
                write!(f, "{ranges} further ranges were repaired like these.")
            }
            Self::UnreadWidened => f.write_str(
                "What cannot be read is in very many pieces: the ranges named hold all of them, \
                 and something between them.",
            ),
            Self::Repaired { range } => write!(
                f,
                "The target returned other content than was written to {range}; \
                 it was written again from the source and is right now."
            ),
        }
    }
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherTask => "it belongs to another task, disk size or block size",
            Self::Damaged => "its beginning is damaged",
        })
    }
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PartOnly => "only a part of the disk was looked at",
            Self::Resumed => "an earlier try proved a part of the disk, which was not read again",
            Self::NotAlone => "somebody else wrote the disk meanwhile",
        })
    }
}
