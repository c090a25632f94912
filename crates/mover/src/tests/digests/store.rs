//! The file alone.

use std::{fs, path::Path};

use blockmap::{Node, TreeShape};
use proptest::prelude::*;
use tempfile::TempDir;
use testkit::Random;

use super::{believed, digests, root_of, shape};
use crate::{
    Digests, Disbelieved, StoreError,
    digests::{Kept, Opened},
};

/// Leaves of which about a third are zero, in runs.
fn random_leaves(count: u64, seed: u64) -> Vec<Node> {
    let mut random = Random::new(seed);
    let mut leaves = Vec::new();
    while (leaves.len() as u64) < count {
        let zero = random.chance(33);
        for _ in 0..=random.below(300).min(count - leaves.len() as u64 - 1) {
            let mut node = [0; 32];
            if !zero {
                random.fill(&mut node);
            }
            leaves.push(Node(node));
        }
    }
    leaves
}

fn numbered(leaves: &[Node]) -> Vec<(u64, Node)> {
    (0..).zip(leaves.iter().copied()).collect()
}

fn made(of: &Digests, shape: TreeShape, leaves: &[Node]) -> Node {
    let mut kept = Kept::begin(of, shape).unwrap();
    kept.put(&numbered(leaves)).unwrap();
    kept.seal().unwrap()
}

/// What reading all leaves gives; none when the file is not believed.
fn read(of: &Digests, shape: TreeShape) -> Option<Vec<Node>> {
    match Kept::open(of, shape).unwrap() {
        Opened::Not(_) => None,
        Opened::Believed(kept) => match kept.leaves(0, u64::MAX) {
            Ok(leaves) => Some(leaves),
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => panic!("{error}"),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn what_is_kept_is_what_was_put(
        count in prop_oneof![Just(0_u64), 1..600_u64, 60_000..70_000_u64],
        seed in any::<u64>(),
        changes in prop::collection::vec(any::<(u64, u64)>(), 0..30),
        most in 1..700_usize,
    ) {
        let folder = TempDir::new().unwrap();
        let (first, second) = (digests(folder.path(), "a", "1"), digests(folder.path(), "a", "2"));
        let shape = shape((count * 4096).saturating_sub(1));
        let count = shape.count(0);
        let mut leaves = random_leaves(count, seed);
        let mut kept = Kept::begin(&first, shape).unwrap();
        let mut parts: Vec<_> = numbered(&leaves).chunks(most).map(<[_]>::to_vec).collect();
        parts.sort_by_key(|part| part[0].0.wrapping_mul(seed | 1));
        for part in &parts {
            kept.put(part).unwrap();
        }
        prop_assert_eq!(kept.seal().unwrap(), root_of(shape, &leaves));
        drop(kept);

        let kept = believed(&first, shape);
        prop_assert_eq!(&kept.leaves(0, count).unwrap(), &leaves);
        drop(kept);
        let mut kept = believed(&first, shape);
        kept.restamp(&second);
        let mut changed = Vec::new();
        for (index, node) in changes.iter().filter(|_| count > 0) {
            let index = index % count;
            let node = if node % 3 == 0 { Node::ZERO } else { Node([node.to_le_bytes()[0]; 32]) };
            leaves[usize::try_from(index).unwrap()] = node;
            changed.push((index, node));
        }
        for one in &changed {
            kept.put(&[*one]).unwrap();
            prop_assert_eq!(kept.leaves(one.0, 1).unwrap(), vec![one.1]);
        }
        prop_assert_eq!(kept.seal().unwrap(), root_of(shape, &leaves));
        prop_assert_eq!(&kept.leaves(0, count).unwrap(), &leaves);
        drop(kept);
        if !changed.is_empty() {
            prop_assert_eq!(read(&first, shape), None);
        }
        let last = if changed.is_empty() { &first } else { &second };
        prop_assert_eq!(read(last, shape), Some(leaves));
    }
}

/// A file whose every byte range and page is there to be spoilt.
fn example(folder: &Path) -> (Digests, TreeShape, Vec<Node>) {
    let of = digests(folder, "a", "1");
    let shape = shape(600 * 4096);
    let leaves = random_leaves(600, 3);
    made(&of, shape, &leaves);
    (of, shape, leaves)
}

#[test]
fn damage_anywhere_is_noticed_or_without_effect() {
    let folder = TempDir::new().unwrap();
    let (of, shape, leaves) = example(folder.path());
    let whole = fs::read(&of.path).unwrap();
    let mut noticed = 0;
    for at in (0..whole.len()).step_by(127) {
        let end = whole.len().min(at + 127);
        for kind in 0..4 {
            let mut bytes = whole.clone();
            match kind {
                0 => bytes[at] ^= 1,
                1 => bytes[at..end].fill(0),
                2 => bytes[at..end].fill(0xff),
                _ => bytes.truncate(at),
            }
            fs::write(&of.path, &bytes).unwrap();
            match read(&of, shape) {
                Some(found) => assert!(found == leaves, "believed, damaged at {at} by {kind}"),
                None => noticed += 1,
            }
        }
    }
    assert!(noticed > whole.len() / 127, "{noticed}");
    fs::write(&of.path, &whole).unwrap();
    assert_eq!(read(&of, shape), Some(leaves));
}

#[test]
fn rows_that_became_holes_with_their_checksums_are_noticed() {
    let folder = TempDir::new().unwrap();
    let (of, shape, _) = example(folder.path());
    let mut bytes = fs::read(&of.path).unwrap();
    bytes[4096..].fill(0);
    fs::write(&of.path, &bytes).unwrap();
    assert_eq!(read(&of, shape), None);
}

#[test]
fn any_mixture_of_pages_before_and_after_a_save_is_right_or_not_believed() {
    let folder = TempDir::new().unwrap();
    let (of, shape, mut leaves) = example(folder.path());
    let before = fs::read(&of.path).unwrap();
    let later = Digests {
        stamp: digests(folder.path(), "a", "2").stamp,
        ..of.clone()
    };
    let mut kept = believed(&of, shape);
    kept.restamp(&later);
    for index in [3, 300, 599] {
        leaves[index] = Node([9; 32]);
        kept.put(&[(index as u64, Node([9; 32]))]).unwrap();
    }
    let open = fs::read(&of.path).unwrap();
    kept.seal().unwrap();
    drop(kept);
    let after = fs::read(&of.path).unwrap();
    let mut random = Random::new(7);
    let mut right = 0;
    for _ in 0..400 {
        let versions = [&before, &open, &after];
        let pages = (0..after.len()).step_by(4096);
        let mixture: Vec<u8> = pages
            .flat_map(|at| {
                let version = versions[usize::try_from(random.below(3)).unwrap()];
                version[at..version.len().min(at + 4096)].iter().copied()
            })
            .collect();
        fs::write(&of.path, &mixture).unwrap();
        // The disk holds what was written.
        if let Some(found) = read(&later, shape) {
            assert!(found == leaves);
            right += 1;
        }
    }
    assert!(right > 0, "the header alone never made it wrong");
}

#[test]
fn a_run_that_ends_early_leaves_nothing_that_is_believed() {
    let folder = TempDir::new().unwrap();
    let (of, shape, _) = example(folder.path());
    let kept = believed(&of, shape);
    kept.begin_changes().unwrap();
    drop(kept);
    let why = |of: &Digests, shape| match Kept::open(of, shape).unwrap() {
        Opened::Not(why) => why,
        Opened::Believed(_) => panic!("believed"),
    };
    assert_eq!(why(&of, shape), Some(Disbelieved::NotFinished));
    // Made anew, and given up before the end.
    let other = digests(folder.path(), "b", "1");
    let kept = Kept::begin(&other, shape).unwrap();
    kept.put(&[(1, Node([1; 32]))]).unwrap();
    assert!(matches!(
        Kept::begin(&other, shape),
        Err(StoreError::InUse { .. })
    ));
    drop(kept);
    assert_eq!(why(&other, shape), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn digests_of_anything_else_are_not_believed_and_say_why() {
    let folder = TempDir::new().unwrap();
    let (of, right, _) = example(folder.path());
    let why = |of: &Digests, shape| match Kept::open(of, shape).unwrap() {
        Opened::Not(why) => why,
        Opened::Believed(_) => panic!("believed"),
    };
    let path = of.path.clone();
    let renamed = |name, stamp| Digests {
        path: path.clone(),
        ..digests(folder.path(), name, stamp)
    };
    assert_eq!(why(&renamed("b", "1"), right), Some(Disbelieved::OtherDisk));
    assert_eq!(
        why(&renamed("a", "2"), right),
        Some(Disbelieved::WrittenSince)
    );
    assert_eq!(why(&of, shape(601 * 4096)), Some(Disbelieved::OtherSize));
    let coarse = TreeShape {
        block: blockmap::BlockSize::MAX,
        ..right
    };
    assert_eq!(why(&of, coarse), Some(Disbelieved::OtherBlockSize));
    fs::write(&of.path, [b'x'; 100_000]).unwrap();
    assert_eq!(why(&of, right), Some(Disbelieved::NotDigests));
    fs::write(&of.path, b"").unwrap();
    assert_eq!(why(&of, right), Some(Disbelieved::NotDigests));
    let long = Digests {
        identity: "x".repeat(5000),
        ..of.clone()
    };
    assert!(matches!(
        Kept::begin(&long, right),
        Err(StoreError::TooLong { .. })
    ));
}

#[test]
fn two_runs_read_the_same_digests_and_one_changes_them() {
    let folder = TempDir::new().unwrap();
    let (of, shape, _) = example(folder.path());
    let (one, two) = (believed(&of, shape), believed(&of, shape));
    assert!(matches!(one.begin_changes(), Err(StoreError::InUse { .. })));
    drop(two);
    one.begin_changes().unwrap();
    assert!(matches!(
        Kept::open(&of, shape),
        Err(StoreError::InUse { .. })
    ));
}

#[test]
fn a_sparse_disk_of_4_tib_takes_next_to_nothing() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = TempDir::new().unwrap();
    let of = digests(folder.path(), "a", "1");
    let shape = TreeShape {
        size: model::ByteCount(4 << 40),
        block: blockmap::BlockSize::default(),
    };
    let mut kept = Kept::begin(&of, shape).unwrap();
    for index in (0..shape.count(0)).step_by(1 << 22) {
        kept.put(&[(index, Node([1; 32]))]).unwrap();
    }
    kept.seal().unwrap();
    drop(kept);
    let about = fs::metadata(&of.path).unwrap();
    assert!(about.len() > 2 << 30);
    assert!(about.blocks() * 512 < 1 << 20, "{}", about.blocks());
    let kept = believed(&of, shape);
    assert_eq!(
        kept.leaves(1 << 22, 2).unwrap(),
        vec![Node([1; 32]), Node::ZERO]
    );
}
