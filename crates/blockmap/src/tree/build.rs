//! Builds a root from leaves that come in any order. What is complete is folded away: memory is
//! that of the rows begun and not finished, so leaves in about the disk's order need next to none.

use std::{collections::BTreeMap, marker::PhantomData};

use super::{FAN_OUT, Node, RowAt, TreeHash, TreeShape, parent};

/// A node that is past the end of the disk, or came a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The level of the first such node.
    pub level: u32,
    /// Its number on that level.
    pub index: u64,
}

/// A tree under construction. Leaves that never come are those of zero blocks.
#[derive(Debug)]
pub struct TreeBuilder<H> {
    shape: TreeShape,
    /// Rows of which some nodes are known, by their numbers.
    begun: BTreeMap<RowAt, BTreeMap<u64, Node>>,
    top: Option<Node>,
    /// The children of the top, once they are known.
    regions: Vec<Node>,
    hash: PhantomData<fn() -> H>,
}

impl<H: TreeHash> TreeBuilder<H> {
    /// The tree of an empty disk, until leaves come.
    #[must_use]
    pub fn new(shape: TreeShape) -> Self {
        Self {
            shape,
            begun: BTreeMap::new(),
            top: None,
            regions: Vec::new(),
            hash: PhantomData,
        }
    }

    /// Takes in consecutive leaves, each for the first time.
    ///
    /// # Errors
    /// [`Misplaced`]; a leaf that came twice may show only at the end.
    pub fn put(&mut self, first: u64, leaves: &[Node]) -> Result<(), Misplaced> {
        for (index, leaf) in (first..).zip(leaves) {
            self.node(0, index, *leaf)?;
        }
        Ok(())
    }

    /// The root.
    ///
    /// # Errors
    /// [`Misplaced`] when leaves came twice.
    pub fn finish(self) -> Result<Node, Misplaced> {
        self.finish_with_regions().map(|(root, _)| root)
    }

    /// The root, and its regions: the nodes of [`TreeShape::regions`].
    ///
    /// # Errors
    /// [`Misplaced`] when leaves came twice.
    pub fn finish_with_regions(mut self) -> Result<(Node, Vec<Node>), Misplaced> {
        // Rows are ordered by level, so each waits until what is below it is folded away.
        while let Some((at, nodes)) = self.begun.pop_first() {
            self.fold(at, &nodes)?;
        }
        let root = self.shape.root::<H>(self.top.unwrap_or(Node::ZERO));
        let mut regions = self.regions;
        if self.shape.levels() == 1 {
            regions.extend(self.top);
        }
        // Nothing came of a disk of zeroes.
        regions.resize(self.shape.row_nodes(self.shape.regions()), Node::ZERO);
        Ok((root, regions))
    }

    fn node(&mut self, level: u32, index: u64, node: Node) -> Result<(), Misplaced> {
        let misplaced = Misplaced { level, index };
        let nodes = self.shape.count(level);
        if index >= nodes {
            return Err(misplaced);
        }
        if nodes == 1 {
            return match self.top.replace(node) {
                None => Ok(()),
                Some(_) => Err(misplaced),
            };
        }
        let at = RowAt {
            level,
            row: index / FAN_OUT,
        };
        let begun = self.begun.entry(at).or_default();
        if begun.insert(index, node).is_some() {
            return Err(misplaced);
        }
        if (begun.len() as u64) < self.shape.row_len(at) {
            return Ok(());
        }
        let nodes = self.begun.remove(&at).unwrap_or_default();
        self.fold(at, &nodes)
    }

    /// Puts a row's parent in its place; nodes that never came are zero.
    fn fold(&mut self, at: RowAt, nodes: &BTreeMap<u64, Node>) -> Result<(), Misplaced> {
        let numbers = (at.row * FAN_OUT..).take(self.shape.row_nodes(at));
        let row: Vec<Node> = numbers
            .map(|index| nodes.get(&index).copied().unwrap_or(Node::ZERO))
            .collect();
        let above = parent::<H>(&row);
        if at == self.shape.regions() {
            self.regions = row;
        }
        self.node(at.level + 1, at.row, above)
    }
}
