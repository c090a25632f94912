//! The root over a disk's digests: a hash of the hashes of its groups.

use std::collections::BTreeMap;

use blake3::Hash;
use blockmap::BlockSize;
use model::ByteRange;

/// Blocks in a group.
pub(super) const GROUP: u64 = 256;

/// Stands for a block of zeroes in a group.
const NO_DIGEST: [u8; 32] = [0; 32];

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

/// The hashes of all groups that are not zero.
#[derive(Debug, Default)]
pub(super) struct Root {
    groups: BTreeMap<u64, [u8; 32]>,
}

impl Root {
    /// Takes in a group's digests, block by block.
    pub(super) fn put(&mut self, group: u64, digests: &[BlockDigest]) {
        if digests.iter().all(Option::is_none) {
            return;
        }
        let mut hasher = blake3::Hasher::new();
        for digest in digests {
            let bytes: &[u8; 32] = digest.as_ref().map_or(&NO_DIGEST, Hash::as_bytes);
            hasher.update(bytes);
        }
        self.groups.insert(group, *hasher.finalize().as_bytes());
    }

    /// The root, whatever the order in which groups came.
    pub(super) fn finish(&self, groups: Groups) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&groups.size.to_le_bytes());
        hasher.update(&groups.block.bytes().to_le_bytes());
        for (group, hash) in &self.groups {
            hasher.update(&group.to_le_bytes());
            hasher.update(hash);
        }
        *hasher.finalize().as_bytes()
    }
}
