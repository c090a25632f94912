//! Where two trees of one shape differ, from the top: equal subtrees are not looked into.

use super::{FAN_OUT, Node, RowAt, Rows, TreeShape};

/// The runs of leaves that differ, in order, one at a time. At most one row per level waits to be
/// looked into, whatever the disks' size.
#[derive(Debug)]
pub struct Differing<'a, A, B> {
    shape: TreeShape,
    ours: &'a A,
    theirs: &'a B,
    /// Leaves to look at: first and end.
    within: (u64, u64),
    /// Rows to look into, the next last.
    rows: Vec<RowAt>,
    /// Runs found in the last leaf row, the next last.
    found: Vec<(u64, u64)>,
}

impl<'a, E, A: Rows<Error = E>, B: Rows<Error = E>> Differing<'a, A, B> {
    /// Compares `count` leaves from `first` on.
    pub fn new(shape: TreeShape, ours: &'a A, theirs: &'a B, first: u64, count: u64) -> Self {
        let end = first.saturating_add(count).min(shape.count(0));
        let top = RowAt {
            level: shape.levels() - 1,
            row: 0,
        };
        Self {
            shape,
            ours,
            theirs,
            within: (first, end),
            rows: if first < end { vec![top] } else { Vec::new() },
            found: Vec::new(),
        }
    }

    /// Looks into one row.
    fn look(&mut self, at: RowAt) -> Result<(), E> {
        let (ours, theirs) = (self.ours.row(at)?, self.theirs.row(at)?);
        let leaves_per_node = FAN_OUT.saturating_pow(at.level);
        let wanted = |index: &u64| {
            let first = index.saturating_mul(leaves_per_node);
            first < self.within.1 && first.saturating_add(leaves_per_node) > self.within.0
        };
        let nodes = (at.row * FAN_OUT..).take(self.shape.row_nodes(at));
        let pairs = ours.iter().zip(&theirs);
        let differing = nodes
            .zip(pairs)
            .filter(|(index, (ours, theirs))| wanted(index) && ours != theirs)
            .map(|(index, _)| index);
        match at.level.checked_sub(1) {
            Some(level) => {
                let below = differing.map(|row| RowAt { level, row });
                let before = self.rows.len();
                self.rows.extend(below);
                if let Some(added) = self.rows.get_mut(before..) {
                    added.reverse();
                }
            }
            None => {
                for index in differing {
                    match self.found.last_mut() {
                        Some((first, count)) if *first + *count == index => *count += 1,
                        _ => self.found.push((index, 1)),
                    }
                }
                self.found.reverse();
            }
        }
        Ok(())
    }
}

impl<E, A: Rows<Error = E>, B: Rows<Error = E>> Iterator for Differing<'_, A, B> {
    /// First leaf and number of leaves of a run, which ends with its row at the latest.
    type Item = Result<(u64, u64), E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(run) = self.found.pop() {
                return Some(Ok(run));
            }
            let at = self.rows.pop()?;
            if let Err(error) = self.look(at) {
                self.rows.clear();
                return Some(Err(error));
            }
        }
    }
}

/// Rows of nothing but zeroes: the tree of an empty disk.
impl Rows for TreeShape {
    type Error = std::convert::Infallible;

    fn row(&self, at: RowAt) -> Result<Vec<Node>, Self::Error> {
        Ok(vec![Node::ZERO; self.row_nodes(at)])
    }
}
