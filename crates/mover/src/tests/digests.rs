//! Kept digests: the file against an oracle, damage and torn saves of it, and what tasks make of it.

mod carried;
pub(super) mod links;
mod runs;
mod store;

use std::{path::Path, sync::Arc};

use blockmap::{Node, TreeBuilder, TreeShape};
use model::ByteCount;

use super::BLOCK;
use crate::{
    Digests,
    digests::{Blake3, Kept, Opened, leaf},
};

pub(super) fn digests(folder: &Path, name: &str, stamp: &str) -> Digests {
    Digests {
        path: folder.join(name),
        identity: format!("disk {name}"),
        stamp: Arc::new(stamp.to_owned()),
        base: None,
    }
}

fn shape(size: u64) -> TreeShape {
    TreeShape {
        size: ByteCount(size),
        block: blockmap::BlockSize::MIN,
    }
}

/// The leaves of some content, found out without the mover.
fn leaves_of(bytes: &[u8]) -> Vec<Node> {
    let blocks = bytes.chunks(usize::try_from(BLOCK).unwrap());
    blocks
        .map(|block| {
            if block.iter().all(|byte| *byte == 0) {
                Node::ZERO
            } else {
                Node(*blake3::hash(block).as_bytes())
            }
        })
        .collect()
}

fn root_of(shape: TreeShape, leaves: &[Node]) -> Node {
    let mut builder = TreeBuilder::<Blake3>::new(shape);
    builder.put(0, leaves).unwrap();
    builder.finish().unwrap()
}

fn believed(of: &Digests, shape: TreeShape) -> Kept {
    match Kept::open(of, shape).unwrap() {
        Opened::Believed(kept) => *kept,
        Opened::Not(why) => panic!("not believed: {why:?}"),
    }
}

#[test]
fn a_leaf_is_the_hash_of_a_block_and_zero_of_zeroes() {
    assert_eq!(leaf(&[0; 4096]), Node::ZERO);
    assert_eq!(leaf(b"abc"), leaves_of(b"abc")[0]);
}
