//! Digests that are kept: the tree of a disk in a file beside it, believed only as long as the disk
//! is the same and nobody wrote to it since.
//!
//! [`Digests`] says where they are and how to tell; a task that gets one does not read the disk
//! where they are valid, keeps them up to date, and makes them where they are not. When kept
//! digests are not believed, the report's notes say why.

mod error;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header;
mod known;
mod open;
mod sides;
mod stamp;
mod tree;

use std::{fmt, path::PathBuf, sync::Arc};

use blockmap::{Node, TreeHash};

pub use error::{StoreError, StoreStep};
pub(crate) use file::Kept;
pub use known::{KnownTree, Tree, disown, known_tree};
pub(crate) use open::Opened;
pub use sides::BothDigests;
pub(crate) use sides::{Keeping, Known, Sides, of};
pub use stamp::{FileStamp, Stamp};

/// Where a disk's digests are kept, and what they are tied to.
#[derive(Clone, Debug)]
pub struct Digests {
    /// The file.
    pub path: PathBuf,
    /// Which disk it is. Digests of another are not believed.
    pub identity: String,
    /// Tells whether the disk was written since.
    pub stamp: Arc<dyn Stamp>,
    /// Names the content since which the ranges of a task are all that was written: the stamp of
    /// that content, or the base of an earlier task over ranges of which these are more. Digests
    /// of it are carried over for every other block. None where nobody vouches for that.
    pub base: Option<String>,
}

/// Why kept digests were not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disbelieved {
    /// The file holds something else, or another version of digests.
    NotDigests,
    /// They are of another disk.
    OtherDisk,
    /// The disk had another size.
    OtherSize,
    /// They are of blocks of another size.
    OtherBlockSize,
    /// The disk was written since.
    WrittenSince,
    /// The run that kept them up to date did not come to its end.
    NotFinished,
    /// A checksum is wrong.
    Damaged,
}

impl Disbelieved {
    const ALL: [Self; 7] = [
        Self::NotDigests,
        Self::OtherDisk,
        Self::OtherSize,
        Self::OtherBlockSize,
        Self::WrittenSince,
        Self::NotFinished,
        Self::Damaged,
    ];

    /// For the wire; never 0.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::NotDigests => 1,
            Self::OtherDisk => 2,
            Self::OtherSize => 3,
            Self::OtherBlockSize => 4,
            Self::WrittenSince => 5,
            Self::NotFinished => 6,
            Self::Damaged => 7,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }
}

impl fmt::Display for Disbelieved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDigests => "the file holds something else",
            Self::OtherDisk => "they are of another disk",
            Self::OtherSize => "the disk had another size",
            Self::OtherBlockSize => "they are of blocks of another size",
            Self::WrittenSince => "the disk was written since",
            Self::NotFinished => "the run that kept them up to date did not come to its end",
            Self::Damaged => "a checksum is wrong",
        })
    }
}

/// A task's key, short enough for any file.
pub(crate) fn name_of(task_key: &str) -> String {
    blake3::hash(task_key.as_bytes()).to_hex().to_string()
}

/// The hash of trees and blocks.
#[derive(Debug)]
pub(crate) struct Blake3;

impl TreeHash for Blake3 {
    fn hash(bytes: &[u8]) -> [u8; 32] {
        *blake3::hash(bytes).as_bytes()
    }
}

/// The leaf of a block's content.
pub(crate) fn leaf(block: &[u8]) -> Node {
    if crate::compare::is_zero(block) {
        Node::ZERO
    } else {
        Node(Blake3::hash(block))
    }
}
