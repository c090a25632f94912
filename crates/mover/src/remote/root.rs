//! Groups of blocks, and the root over a disk's digests: that of its digest tree.

use blake3::Hash;
use blockmap::{BlockSize, FAN_OUT, Misplaced, Node, TreeBuilder, TreeShape};
use model::{ByteCount, ByteRange};

use crate::digests::Blake3;

/// Blocks in a group: a row of leaves.
pub(super) const GROUP: u64 = FAN_OUT;

/// The digest of one block; a block of zeroes has none.
pub(super) type BlockDigest = Option<Hash>;

/// The digest of a block's content.
pub(super) fn digest(block: &[u8]) -> BlockDigest {
    if crate::compare::is_zero(block) {
        None
    } else {
        Some(blake3::hash(block))
    }
}

/// How a disk is cut into groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups {
    pub(super) size: u64,
    pub(super) block: BlockSize,
}

impl Groups {
    pub(super) fn count(self) -> u64 {
        self.size.div_ceil(self.bytes())
    }

    /// Of the disk's tree.
    pub(super) fn shape(self) -> TreeShape {
        TreeShape {
            size: ByteCount(self.size),
            block: self.block,
        }
    }

    fn bytes(self) -> u64 {
        self.block.bytes() * GROUP
    }

    /// The bytes of a group; the last may be short.
    pub(super) fn range(self, group: u64) -> ByteRange {
        let start = group * self.bytes();
        ByteRange::new(start, self.bytes().min(self.size - start))
    }

    /// The group that holds a byte.
    pub(super) fn of(self, offset: u64) -> u64 {
        offset / self.bytes()
    }
}

/// A root under construction. Groups that never come are zero.
#[derive(Debug)]
pub(super) struct Root(TreeBuilder<Blake3>);

impl Root {
    pub(super) fn new(groups: Groups) -> Self {
        Self(TreeBuilder::new(groups.shape()))
    }

    /// Takes in a group's digests, block by block.
    ///
    /// # Errors
    /// [`Misplaced`] when a group comes twice.
    pub(super) fn put(&mut self, group: u64, digests: &[BlockDigest]) -> Result<(), Misplaced> {
        let leaves: Vec<Node> = digests.iter().map(node).collect();
        self.0.put(group * GROUP, &leaves)
    }

    /// The root, whatever the order in which groups came.
    ///
    /// # Errors
    /// [`Misplaced`] when a group came twice.
    pub(super) fn finish(self) -> Result<[u8; 32], Misplaced> {
        self.0.finish().map(|root| root.0)
    }
}

/// The leaf of a block.
pub(super) fn node(digest: &BlockDigest) -> Node {
    digest.map_or(Node::ZERO, |digest| Node(*digest.as_bytes()))
}
