//! What the blocks of a piece come to where digests are kept: a side that is known by its digests
//! is not read, and every block is hashed once at most.

use blockmap::{DiffPlan, DiffReport, Limits, Node, Planner, TreeShape, Verdict};
use model::{ByteCount, ByteRange};

use crate::{
    compare::{is_zero, slice},
    digests::leaf,
};

/// One side of a piece.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// Known to be zero.
    Zero,
    /// As it was read.
    Bytes(&'a [u8]),
    /// The kept digests of its blocks.
    Leaves(&'a [Node]),
}

/// Of which sides the leaves are wanted, besides the verdicts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The source's, as it is.
    pub(crate) source: bool,
    /// The target's.
    pub(crate) target: Leaves,
}

/// Which leaves of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// None.
    None,
    /// As it is.
    AsIs,
    /// As it will be, of all blocks.
    AsWritten,
    /// As it will be, of the blocks that differ.
    Changed,
}

/// What a piece comes to.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) plan: DiffPlan,
    pub(crate) report: DiffReport,
    /// What was hashed for it.
    pub(crate) hashed: ByteCount,
    /// Numbered leaves of the source.
    pub(crate) source: Vec<(u64, Node)>,
    /// Numbered leaves of the target.
    pub(crate) target: Vec<(u64, Node)>,
}

/// Judges a piece of whole blocks.
pub(crate) fn judge(
    piece: ByteRange,
    shape: TreeShape,
    source: Seen<'_>,
    target: Seen<'_>,
    wanted: Wanted,
) -> Judged {
    let mut planner = Planner::new(&Limits {
        block: shape.block,
        max_request: ByteCount(piece.len),
    });
    let (mut source_leaves, mut target_leaves) = (Vec::new(), Vec::new());
    let mut hashed = ByteCount::ZERO;
    for (place, block) in shape.block.blocks(piece).enumerate() {
        let mut ours = One::of(source, piece, block, place);
        let mut theirs = One::of(target, piece, block, place);
        let verdict = verdict(&mut ours, &mut theirs);
        planner.push(block, verdict);
        let index = shape.leaf_at(block.start);
        let differs = match verdict {
            Verdict::BothZero | Verdict::Equal => {
                // What is equal is hashed once.
                ours.leaf = ours.leaf.or(theirs.leaf);
                theirs.leaf = theirs.leaf.or(ours.leaf);
                false
            }
            Verdict::Zero | Verdict::Copy => true,
        };
        if wanted.source {
            source_leaves.push((index, ours.leaf()));
            if !differs {
                theirs.leaf = ours.leaf;
            }
        }
        match wanted.target {
            Leaves::None => {}
            Leaves::AsIs => target_leaves.push((index, theirs.leaf())),
            Leaves::AsWritten if !differs => target_leaves.push((index, theirs.leaf())),
            Leaves::AsWritten => target_leaves.push((index, ours.leaf())),
            Leaves::Changed if differs => target_leaves.push((index, ours.leaf())),
            Leaves::Changed => {}
        }
        hashed += ByteCount(block.len * u64::from(ours.hashes + theirs.hashes));
    }
    let (plan, report) = planner.finish();
    Judged {
        plan,
        report,
        hashed,
        source: source_leaves,
        target: target_leaves,
    }
}

/// One block of one side, with its leaf once that is known.
struct One<'a> {
    bytes: Option<&'a [u8]>,
    leaf: Option<Node>,
    /// How often it was hashed: once or not at all.
    hashes: u8,
}

impl<'a> One<'a> {
    fn of(seen: Seen<'a>, piece: ByteRange, block: ByteRange, place: usize) -> Self {
        let (bytes, leaf) = match seen {
            Seen::Zero => (None, Some(Node::ZERO)),
            Seen::Bytes(bytes) => (Some(slice(bytes, piece, block)), None),
            Seen::Leaves(leaves) => (None, Some(leaves[place])),
        };
        Self {
            bytes,
            leaf,
            hashes: 0,
        }
    }

    fn leaf(&mut self) -> Node {
        *self.leaf.get_or_insert_with(|| {
            let bytes = self.bytes;
            let found = leaf(bytes.expect("a block is known by its bytes or by its leaf"));
            self.hashes += u8::from(found != Node::ZERO);
            found
        })
    }

    fn is_zero(&self) -> bool {
        match (self.leaf, self.bytes) {
            (Some(leaf), _) => leaf == Node::ZERO,
            (None, Some(bytes)) => is_zero(bytes),
            (None, None) => false,
        }
    }
}

fn verdict(ours: &mut One<'_>, theirs: &mut One<'_>) -> Verdict {
    let equal = match (ours.bytes, theirs.bytes) {
        (Some(ours), Some(theirs)) => ours == theirs,
        // Nothing is hashed to be compared with zeroes.
        (Some(_), None) if theirs.is_zero() => ours.is_zero(),
        (None, Some(_)) if ours.is_zero() => theirs.is_zero(),
        (Some(_) | None, Some(_) | None) => ours.leaf() == theirs.leaf(),
    };
    match (equal, ours.is_zero()) {
        (true, _) => Verdict::Equal,
        (false, true) => Verdict::Zero,
        (false, false) => Verdict::Copy,
    }
}
