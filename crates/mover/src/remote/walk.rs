//! Both ends have digests and their roots differ: the near end walks down the far end's tree beside
//! its own, and asks for the rows under nodes that differ. Several rows are under way at a time, so
//! that the distance costs a round trip per level and not per row.

use std::collections::VecDeque;

use blockmap::{FAN_OUT, RowAt, Rows as _};

use super::{frame::Theirs, scan};
use crate::{StoreError, digests::Kept};

/// Rows that may be asked for and not answered.
pub(super) const ASKED: usize = 64;

/// Where the walk is.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    kept: &'a Kept,
    /// Rows to ask for, the next last. Whatever the disk's size, those of one node per level.
    left: Vec<RowAt>,
    asked: VecDeque<RowAt>,
}

impl<'a> Walk<'a> {
    /// A walk from just under the root.
    pub(super) fn new(kept: &'a Kept) -> Self {
        let below = kept.shape().levels().saturating_sub(2);
        Self {
            kept,
            left: vec![RowAt {
                level: below,
                row: 0,
            }],
            asked: VecDeque::new(),
        }
    }

    /// The next row to ask for, if one may be asked for now.
    pub(super) fn ask(&mut self) -> Option<RowAt> {
        if self.asked.len() >= ASKED {
            return None;
        }
        let at = self.left.pop()?;
        self.asked.push_back(at);
        Some(at)
    }

    /// Whether everything was asked for and answered.
    pub(super) fn is_done(&self) -> bool {
        self.left.is_empty() && self.asked.is_empty()
    }

    /// Takes an answer: rows come in the order in which they were asked for. False for any other.
    pub(super) fn is_answer(&mut self, at: RowAt) -> bool {
        self.asked.pop_front() == Some(at)
    }

    /// Takes the nodes of a row above the leaves; false when they are not as many as ours.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn descend(&mut self, at: RowAt, theirs: &[Theirs]) -> Result<bool, StoreError> {
        let ours = self.kept.row(at)?;
        let Some(level) = at.level.checked_sub(1) else {
            return Ok(false);
        };
        if ours.len() != theirs.len() {
            return Ok(false);
        }
        let pairs = (at.row * FAN_OUT..).zip(ours.iter().zip(theirs));
        let differing = pairs.filter(|(_, (ours, theirs))| scan::short(**ours) != **theirs);
        let below = self.left.len();
        let rows = differing.map(|(row, _)| RowAt { level, row });
        self.left.extend(rows);
        if let Some(added) = self.left.get_mut(below..) {
            added.reverse();
        }
        Ok(true)
    }
}
