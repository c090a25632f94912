//! The digest tree of a disk that is read again, and how it compares with a certificate.

use blockmap::{BlockSize, Misplaced, Node, TreeBuilder, TreeHash, TreeShape};
use model::{ByteCount, ByteRange, CertifiedDisk, DigestHex, Hex};

/// BLAKE3, with which Landfall's digest trees are made.
#[derive(Debug)]
pub(crate) struct Blake3;

impl TreeHash for Blake3 {
    fn hash(bytes: &[u8]) -> [u8; 32] {
        *blake3::hash(bytes).as_bytes()
    }
}

/// Takes in a disk's blocks and gives its root.
#[derive(Debug)]
pub struct Measure {
    shape: TreeShape,
    tree: TreeBuilder<Blake3>,
}

/// A disk that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    shape: TreeShape,
    /// The root over it.
    pub root: DigestHex,
    /// The nodes just below the top.
    pub regions: Vec<DigestHex>,
}

/// How a disk compares with the one that was certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It holds exactly the same.
    Equal,
    /// It does not.
    Unlike(Unlike),
}

/// Where a disk differs from the one that was certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlike {
    /// Its size.
    Size {
        /// What it has.
        found: ByteCount,
    },
    /// Its content, somewhere in each of these ranges.
    Content {
        /// The root over it.
        root: DigestHex,
        /// As closely as the certificate tells.
        ranges: Vec<ByteRange>,
    },
}

impl Measure {
    /// Of a disk of zeroes, until blocks come.
    #[must_use]
    pub fn new(size: ByteCount, block: BlockSize) -> Self {
        let shape = TreeShape { size, block };
        Self {
            shape,
            tree: TreeBuilder::new(shape),
        }
    }

    /// Takes in whole blocks that begin at `offset`, a multiple of the block size. What is zero
    /// may be left out. Each block comes once.
    ///
    /// # Errors
    /// [`Misplaced`] past the end of the disk, or a second time.
    pub fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Misplaced> {
        let block = usize::try_from(self.shape.block.bytes()).unwrap_or(usize::MAX);
        let first = self.shape.leaf_at(offset);
        for (index, bytes) in (first..).zip(bytes.chunks(block)) {
            let leaf = if bytes.iter().all(|byte| *byte == 0) {
                Node::ZERO
            } else {
                Node(Blake3::hash(bytes))
            };
            self.tree.put(index, &[leaf])?;
        }
        Ok(())
    }

    /// The tree of what was taken in.
    ///
    /// # Errors
    /// [`Misplaced`] when a block came twice.
    pub fn finish(self) -> Result<Measured, Misplaced> {
        let (root, regions) = self.tree.finish_with_regions()?;
        Ok(Measured {
            shape: self.shape,
            root: Hex(root.0),
            regions: regions.into_iter().map(|node| Hex(node.0)).collect(),
        })
    }
}

impl Measured {
    /// Compares it with a certified disk.
    #[must_use]
    pub fn compare(&self, disk: &CertifiedDisk) -> Compared {
        if self.shape.size != disk.size {
            let found = self.shape.size;
            return Compared::Unlike(Unlike::Size { found });
        }
        if self.root == disk.production_root {
            return Compared::Equal;
        }
        let pairs = self.regions.iter().zip(&disk.regions);
        let differing = (0..)
            .zip(pairs)
            .filter(|(_, (ours, theirs))| ours != theirs);
        let ranges = differing.map(|(index, _)| self.shape.region(index));
        Compared::Unlike(Unlike::Content {
            root: self.root,
            ranges: ranges.collect(),
        })
    }
}
