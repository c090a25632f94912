//! The tree against one that is simply computed whole.

use std::cell::{Cell, RefCell};

use model::ByteCount;
use proptest::prelude::*;

use crate::{
    BlockSize, Differing, FAN_OUT, Misplaced, Node, RowAt, Rows, TreeBuilder, TreeHash, TreeShape,
    raise,
};

#[derive(Debug)]
struct Blake3;

impl TreeHash for Blake3 {
    fn hash(bytes: &[u8]) -> [u8; 32] {
        *blake3::hash(bytes).as_bytes()
    }
}

/// Every level of a tree, and how many rows were asked for.
struct Whole {
    shape: TreeShape,
    levels: RefCell<Vec<Vec<Node>>>,
    asked: Cell<u64>,
}

impl Whole {
    fn of(shape: TreeShape, leaves: &[Node]) -> Self {
        assert_eq!(leaves.len() as u64, shape.count(0));
        let mut levels = vec![leaves.to_vec()];
        while levels[levels.len() - 1].len() > 1 {
            let above = levels[levels.len() - 1].chunks(256).map(|children| {
                if children.iter().all(|child| *child == Node::ZERO) {
                    return Node::ZERO;
                }
                let mut hasher = blake3::Hasher::new();
                for child in children {
                    hasher.update(&child.0);
                }
                Node(*hasher.finalize().as_bytes())
            });
            levels.push(above.collect());
        }
        Self {
            shape,
            levels: RefCell::new(levels),
            asked: Cell::new(0),
        }
    }

    fn root(&self) -> Node {
        let levels = self.levels.borrow();
        let top = levels[levels.len() - 1].first();
        self.shape
            .root::<Blake3>(top.copied().unwrap_or(Node::ZERO))
    }
}

impl Rows for Whole {
    type Error = String;

    fn row(&self, at: RowAt) -> Result<Vec<Node>, String> {
        self.asked.set(self.asked.get() + 1);
        let levels = self.levels.borrow();
        let level = &levels[at.level as usize];
        let row = level.chunks(256).nth(usize::try_from(at.row).unwrap());
        Ok(row.unwrap_or(&[]).to_vec())
    }
}

fn shape(leaves: u64) -> TreeShape {
    TreeShape {
        size: ByteCount((leaves * 4096).saturating_sub(100)),
        block: BlockSize::MIN,
    }
}

/// Leaves of which runs are zero.
fn some_leaves(count: u64, seed: u64, zero: u64) -> Vec<Node> {
    (0..count)
        .map(|index| {
            let draw = Blake3::hash(&[seed.to_le_bytes(), (index / 40).to_le_bytes()].concat());
            if u64::from(draw[0]) < zero {
                Node::ZERO
            } else {
                Node(Blake3::hash(
                    &[seed.to_le_bytes(), index.to_le_bytes()].concat(),
                ))
            }
        })
        .collect()
}

/// Leaves as stretches of zeroes and of others, each at most `most` long.
fn stretches(leaves: &[Node], most: usize) -> Vec<(u64, &[Node])> {
    let runs = leaves.chunk_by(|a, b| (*a == Node::ZERO) == (*b == Node::ZERO));
    let mut at = 0;
    runs.flat_map(|run| run.chunks(most))
        .map(|part| {
            let first = at;
            at += part.len() as u64;
            (first, part)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn leaves_in_any_order_give_the_root(
        count in prop_oneof![0..1000_u64, Just(256), Just(257), Just(65_536), 60_000..140_000_u64],
        seed in any::<u64>(),
        zero in 0..256_u64,
        most in 1..5000_usize,
        shuffle in any::<u64>(),
    ) {
        let shape = shape(count);
        let leaves = some_leaves(count, seed, zero);
        let mut parts = stretches(&leaves, most);
        if shuffle % 2 == 0 {
            parts.sort_by_key(|(first, _)| Blake3::hash(&(first ^ shuffle).to_le_bytes()));
        }
        let mut builder = TreeBuilder::<Blake3>::new(shape);
        for (first, part) in &parts {
            // Every other run of zeroes is left out.
            if part[0] != Node::ZERO || first % 2 == 0 {
                builder.put(*first, part).unwrap();
            }
        }
        prop_assert_eq!(builder.finish(), Ok(Whole::of(shape, &leaves).root()));
    }

    #[test]
    fn a_comparison_names_each_differing_leaf_and_looks_no_further(
        count in prop_oneof![1..1000_u64, 60_000..140_000_u64],
        seed in any::<u64>(),
        zero in 0..256_u64,
        changes in prop::collection::vec(any::<u64>(), 0..20),
        within in any::<(u64, u64)>(),
    ) {
        let shape = shape(count);
        let ours = some_leaves(count, seed, zero);
        let mut theirs = ours.clone();
        for change in changes.iter().map(|change| change % count) {
            let slot = &mut theirs[usize::try_from(change).unwrap()];
            *slot = if change % 3 == 0 { Node::ZERO } else { Node([change.to_le_bytes()[0]; 32]) };
        }
        let (first, len) = (within.0 % count, within.1 % (count + 1));
        let expected: Vec<u64> = (first..(first + len).min(count))
            .filter(|index| {
                let index = usize::try_from(*index).unwrap();
                ours[index] != theirs[index]
            })
            .collect();
        let (ours, theirs) = (Whole::of(shape, &ours), Whole::of(shape, &theirs));
        let found: Vec<u64> = Differing::new(shape, &ours, &theirs, first, len)
            .map(Result::unwrap)
            .flat_map(|(first, count)| first..first + count)
            .collect();
        let rows: std::collections::BTreeSet<u64> =
            expected.iter().map(|index| index / FAN_OUT).collect();
        prop_assert_eq!(found, expected);
        if len == count {
            let most = 1 + rows.len() as u64 * u64::from(shape.levels() - 1);
            prop_assert!(ours.asked.get() <= most, "{} of {most} rows", ours.asked.get());
        }
    }

    #[test]
    fn raising_changed_rows_gives_the_root_of_the_whole(
        count in prop_oneof![0..1000_u64, 60_000..140_000_u64],
        seed in any::<u64>(),
        changes in prop::collection::vec(any::<u64>(), 0..20),
    ) {
        let shape = shape(count);
        let mut leaves = some_leaves(count, seed, 100);
        let whole = Whole::of(shape, &leaves);
        let mut changed = std::collections::BTreeSet::new();
        if count > 0 {
            for change in changes.iter().map(|change| change % count) {
                let index = usize::try_from(change).unwrap();
                leaves[index] = Node([change.to_le_bytes()[0]; 32]);
                whole.levels.borrow_mut()[0][index] = leaves[index];
                changed.insert(change / FAN_OUT);
            }
        }
        let root = raise::<Blake3, _>(shape, &whole, changed.iter().copied(), |at, nodes| {
            for (index, node) in nodes {
                assert_eq!(index / FAN_OUT, at.row);
                whole.levels.borrow_mut()[at.level as usize][usize::try_from(*index).unwrap()] = *node;
            }
            Ok(())
        });
        let fresh = Whole::of(shape, &leaves);
        prop_assert_eq!(root.unwrap(), fresh.root());
        prop_assert_eq!(&*whole.levels.borrow(), &*fresh.levels.borrow());
    }
}

#[test]
fn a_leaf_that_comes_twice_or_from_past_the_end_is_refused() {
    let mut builder = TreeBuilder::<Blake3>::new(shape(3));
    builder.put(1, &[Node([1; 32])]).unwrap();
    let misplaced = |level, index| Misplaced { level, index };
    assert_eq!(builder.put(1, &[Node([1; 32])]), Err(misplaced(0, 1)));
    assert_eq!(builder.put(3, &[Node::ZERO]), Err(misplaced(0, 3)));
    // The row of the first one is complete, and forgotten.
    let mut builder = TreeBuilder::<Blake3>::new(shape(600));
    builder.put(0, &[Node::ZERO; 600]).unwrap();
    builder.put(5, &[Node([5; 32])]).unwrap();
    assert!(builder.finish().is_err());
}

#[test]
fn the_root_binds_size_and_block_size() {
    let of = |size: u64, block: u32| {
        let block = BlockSize::new(block).unwrap();
        let size = ByteCount(size);
        TreeShape { size, block }.root::<Blake3>(Node::ZERO)
    };
    assert_ne!(of(1 << 20, 4096), of((1 << 20) + 1, 4096));
    assert_ne!(of(1 << 20, 4096), of(1 << 20, 8192));
}

#[test]
fn a_sparse_disk_of_64_tib_costs_a_few_rows() {
    let shape = TreeShape {
        size: ByteCount(64 << 40),
        block: BlockSize::default(),
    };
    assert_eq!(shape.levels(), 5);
    let mut builder = TreeBuilder::<Blake3>::new(shape);
    builder.put(1_000_000, &[Node([7; 32])]).unwrap();
    let empty = shape.root::<Blake3>(Node::ZERO);
    assert!(builder.finish().is_ok_and(|root| root != empty));
    let builder = TreeBuilder::<Blake3>::new(shape);
    assert_eq!(builder.finish(), Ok(empty));
    let same = Differing::new(shape, &shape, &shape, 0, u64::MAX).next();
    assert!(same.is_none());
}
