//! The digest tree of a disk: one leaf per block, 256 children to a parent, and a root that also
//! binds the disk's size and the block size. Equal roots mean equal disks; two trees that differ
//! show where from the top.
//!
//! A subtree of nothing but zeroes has the same node on every level, [`Node::ZERO`], so that a
//! sparse disk costs nothing. The hash comes from the caller ([`TreeHash`]): this crate has none.
//!
//! The nodes of a level are kept in *rows*: the children of one parent, 256 or fewer at the end.

mod build;
mod compare;
mod raise;

use std::fmt;

use model::{ByteCount, ByteRange};

use crate::BlockSize;

pub use build::{Misplaced, TreeBuilder};
pub use compare::Differing;
pub use raise::raise;

/// Children of a node.
pub const FAN_OUT: u64 = 256;

/// A node of a tree: the hash of a block, or of a node's children.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub [u8; 32]);

impl Node {
    /// A block or a subtree of nothing but zeroes.
    pub const ZERO: Self = Self([0; 32]);

    /// The first half, which tells nodes apart where only accidents are feared.
    #[must_use]
    pub fn short(self) -> [u8; 16] {
        let (halves, _) = self.0.as_chunks::<16>();
        halves.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({self})")
    }
}

/// The hash that a tree is made with: a cryptographic one of 32 bytes.
pub trait TreeHash {
    /// The hash of some bytes.
    fn hash(bytes: &[u8]) -> [u8; 32];
}

/// Where rows of nodes are kept.
pub trait Rows {
    /// What reading one can fail with.
    type Error;

    /// The nodes of a row: [`TreeShape::row_len`] of them.
    ///
    /// # Errors
    /// Whatever the place gives.
    fn row(&self, at: RowAt) -> Result<Vec<Node>, Self::Error>;
}

/// Names a row. Leaves are on level 0; the row holds the children of node `row` of the level above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowAt {
    /// The level of its nodes.
    pub level: u32,
    /// Its number on that level.
    pub row: u64,
}

/// How a disk's tree is built: a matter of its size and its block size alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeShape {
    /// The disk's size.
    pub size: ByteCount,
    /// The bytes of a leaf.
    pub block: BlockSize,
}

impl TreeShape {
    /// Levels, the leaves' included; the last has one node, or none for a disk of no bytes.
    #[must_use]
    pub fn levels(self) -> u32 {
        let (mut levels, mut nodes) = (1, self.count(0));
        while nodes > 1 {
            nodes = nodes.div_ceil(FAN_OUT);
            levels += 1;
        }
        levels
    }

    /// Nodes of a level.
    #[must_use]
    pub fn count(self, level: u32) -> u64 {
        let leaves = self.size.0.div_ceil(self.block.bytes());
        (0..level).fold(leaves, |nodes, _| nodes.div_ceil(FAN_OUT))
    }

    /// Rows of a level.
    #[must_use]
    pub fn rows(self, level: u32) -> u64 {
        self.count(level).div_ceil(FAN_OUT)
    }

    /// Nodes of a row; 0 past the end.
    #[must_use]
    pub fn row_len(self, at: RowAt) -> u64 {
        let before = at.row.saturating_mul(FAN_OUT);
        self.count(at.level).saturating_sub(before).min(FAN_OUT)
    }

    /// [`TreeShape::row_len`] as a length in memory.
    #[must_use]
    pub fn row_nodes(self, at: RowAt) -> usize {
        usize::try_from(self.row_len(at)).expect("a row has 256 nodes at most")
    }

    /// The row of the top's children, 256 or fewer, which tell roughly where two disks differ; of a
    /// disk of one block or none, the top itself.
    #[must_use]
    pub fn regions(self) -> RowAt {
        let level = self.levels().saturating_sub(2);
        RowAt { level, row: 0 }
    }

    /// The bytes of the disk under one node of [`TreeShape::regions`].
    #[must_use]
    pub fn region(self, index: u64) -> ByteRange {
        let leaves = FAN_OUT.saturating_pow(self.regions().level);
        self.bytes_of(index.saturating_mul(leaves), leaves)
    }

    /// The root, from the nodes of [`TreeShape::regions`].
    #[must_use]
    pub fn root_of_regions<H: TreeHash>(self, regions: &[Node]) -> Node {
        let top = match self.levels() {
            1 => regions.first().copied().unwrap_or(Node::ZERO),
            _ => parent::<H>(regions),
        };
        self.root::<H>(top)
    }

    /// The bytes of the disk under consecutive leaves.
    #[must_use]
    pub fn bytes_of(self, first: u64, count: u64) -> ByteRange {
        let block = self.block.bytes();
        let start = first.saturating_mul(block).min(self.size.0);
        let end = first.saturating_add(count).saturating_mul(block);
        ByteRange::new(start, end.min(self.size.0) - start)
    }

    /// The leaf of the block at `offset`.
    #[must_use]
    pub fn leaf_at(self, offset: u64) -> u64 {
        offset / self.block.bytes()
    }

    /// The root, from the only node of the last level.
    #[must_use]
    pub fn root<H: TreeHash>(self, top: Node) -> Node {
        let mut bytes = b"landfall digest tree 1\0".to_vec();
        bytes.extend(self.size.0.to_le_bytes());
        bytes.extend(self.block.bytes().to_le_bytes());
        bytes.extend(top.0);
        Node(H::hash(&bytes))
    }
}

/// The parent of a row.
#[must_use]
pub fn parent<H: TreeHash>(row: &[Node]) -> Node {
    if row.iter().all(|node| *node == Node::ZERO) {
        return Node::ZERO;
    }
    let bytes: Vec<u8> = row.iter().flat_map(|node| node.0).collect();
    Node(H::hash(&bytes))
}
