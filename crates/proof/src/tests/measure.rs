//! A disk that is read again, against a naive tree of its blocks.

use blockmap::BlockSize;
use model::{ByteCount, ByteRange, DigestHex, Hex};
use proptest::prelude::*;

use super::disk;
use crate::{Compared, Measure, Measured, Unlike};

/// The root by the words of the format alone: each level in turn, from all blocks at once.
fn naive_root(content: &[u8], block: usize) -> DigestHex {
    let zero = [0; 32];
    let mut nodes: Vec<[u8; 32]> = content
        .chunks(block)
        .map(|block| match block.iter().all(|byte| *byte == 0) {
            true => zero,
            false => *blake3::hash(block).as_bytes(),
        })
        .collect();
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(256)
            .map(|row| match row.iter().all(|node| *node == zero) {
                true => zero,
                false => *blake3::hash(&row.concat()).as_bytes(),
            })
            .collect();
    }
    let mut bytes = b"landfall digest tree 1\0".to_vec();
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend((block as u64).to_le_bytes());
    bytes.extend(nodes.first().unwrap_or(&zero));
    Hex(*blake3::hash(&bytes).as_bytes())
}

fn taken(content: &[u8]) -> Measure {
    let mut measure = Measure::new(ByteCount(content.len() as u64), BlockSize::MIN);
    measure.put(0, content).unwrap();
    measure
}

fn measured(content: &[u8]) -> Measured {
    taken(content).finish().unwrap()
}

fn filled(blocks: usize, seed: u8) -> Vec<u8> {
    (0..blocks * 4096)
        .map(|at| (at / 4096).to_le_bytes()[0] ^ seed ^ (at % 251).to_le_bytes()[0])
        .collect()
}

#[test]
fn a_changed_byte_is_found_in_its_region() {
    // Three levels: 600 blocks, 3 rows, the top.
    let content = filled(600, 3);
    let certified = disk("data", &content);
    assert_eq!(certified.regions.len(), 3);
    assert_eq!(measured(&content).compare(&certified), Compared::Equal);
    let mut changed = content.clone();
    changed[300 * 4096 + 17] ^= 1;
    let found = measured(&changed).compare(&certified);
    let Compared::Unlike(Unlike::Content { root, ranges }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(root, naive_root(&changed, 4096));
    assert_eq!(ranges, [ByteRange::new(256 * 4096, 256 * 4096)]);
}

#[test]
fn in_a_small_disk_the_block_itself_is_named() {
    let content = filled(5, 1);
    let certified = disk("small", &content);
    let mut changed = content;
    changed[4096] ^= 0x10;
    let found = measured(&changed).compare(&certified);
    let Compared::Unlike(Unlike::Content { ranges, .. }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(ranges, [ByteRange::new(4096, 4096)]);
}

#[test]
fn another_size_is_said() {
    let certified = disk("small", &filled(5, 1));
    let found = measured(&filled(6, 1)).compare(&certified);
    let size = ByteCount(6 * 4096);
    assert_eq!(found, Compared::Unlike(Unlike::Size { found: size }));
}

#[test]
fn a_block_comes_once_and_within_the_disk() {
    let mut measure = taken(&filled(2, 1));
    assert!(measure.put(2 * 4096, &[1; 4096]).is_err());
    let mut measure = Measure::new(ByteCount(3 * 4096), BlockSize::MIN);
    measure.put(0, &[1; 4096]).unwrap();
    assert!(measure.put(0, &[1; 4096]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_root_is_that_of_the_naive_tree(
        blocks in prop_oneof![1_usize..6, 250_usize..262, 500_usize..520],
        tail in 0_usize..4096,
        zeroed in proptest::collection::vec(any::<prop::sample::Index>(), 0..300),
        seed in any::<u8>(),
        sparse in any::<bool>(),
    ) {
        let mut content = filled(blocks, seed);
        content.truncate(content.len() - tail);
        for index in zeroed {
            let at = index.index(blocks) * 4096;
            let end = content.len().min(at + 4096);
            content[at..end].fill(0);
        }
        let mut measure = Measure::new(ByteCount(content.len() as u64), BlockSize::MIN);
        for (index, block) in content.chunks(4096).enumerate() {
            // Holes may be left out.
            if !sparse || block.iter().any(|byte| *byte != 0) {
                measure.put(index as u64 * 4096, block).unwrap();
            }
        }
        let found = measure.finish().unwrap();
        prop_assert_eq!(found.root, naive_root(&content, 4096));
        prop_assert_eq!(&found.regions, &disk("same", &content).regions);
    }
}
