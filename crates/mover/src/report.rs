//! What a finished task says of itself.

use std::fmt;

use model::{ByteCount, ByteRange, DiskCounters};

/// The result of a task that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The final counters.
    pub counters: DiskCounters,
    /// Payload of what differs: what is, or in a dry run would be, sent by this try.
    pub to_send: ByteCount,
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
    /// A range read back other than it was sent; it was written again from the source and is right.
    Repaired {
        /// The range.
        range: ByteRange,
    },
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
