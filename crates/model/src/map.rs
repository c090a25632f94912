//! What a disk's map says of its bytes.

use serde::{Deserialize, Serialize};

use crate::ByteCount;

/// What became of a part of a disk in one pass, as far as it has come.
///
/// ```text
/// Outside                    Hole
///    |                     /
///    +---- Unread --------+--- Equal
///                          \-- Unreadable
///                           \- Different --> Sent --> Verified
/// ```
///
/// The order is that of the picture's legend, and of the parts of a cell that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapState {
    /// Could not be read at the source, and was left as it was at the target.
    Unreadable,
    /// Different, and not written yet.
    Different,
    /// Written at the target, and not proved yet.
    Sent,
    /// Written at the target, read back and found to be what was sent.
    Verified,
    /// Equal on both sides.
    Equal,
    /// Known to be zero on both sides, and not read.
    Hole,
    /// To be looked at, and not looked at yet.
    Unread,
    /// Not looked at in this pass: change tracking does not name it.
    Outside,
}

impl MapState {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Unreadable,
        Self::Different,
        Self::Sent,
        Self::Verified,
        Self::Equal,
        Self::Hole,
        Self::Unread,
        Self::Outside,
    ];

    /// Its place in [`MapState::ALL`].
    #[must_use]
    pub const fn place(self) -> usize {
        self as usize
    }
}

/// How much of a part of a disk is in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapShare {
    /// The state.
    pub state: MapState,
    /// So much; never nothing.
    pub bytes: ByteCount,
}
