//! Reading a group of blocks without what is known to be zero.

use blake3::Hash;
use blockmap::{Node, RangeSet};
use disk::{Disk, DiskError, ExtentKind};
use model::ByteRange;

use super::{
    frame::Theirs,
    root::{BlockDigest, GROUP, Groups, digest, node},
};
use crate::{
    StoreError,
    buffer::Buffer,
    compare::{length, slice},
    digests::Kept,
    io::pieces,
    lane::REQUEST,
};

/// Groups whose maps are asked for at a time.
const WINDOW: u64 = 64;

/// Of the groups from `first` on, at most as many as one window has: which may hold data.
pub(super) fn with_data(
    disk: &dyn Disk,
    groups: Groups,
    first: u64,
    end: u64,
) -> Result<Vec<bool>, DiskError> {
    let count = WINDOW.min(end - first);
    let last = groups.range(first + count - 1);
    let start = groups.range(first).start;
    let window = ByteRange::new(start, last.end() - start);
    let mut found = vec![false; length(count)];
    for extent in disk.extents(window)? {
        if extent.kind == ExtentKind::Zero || extent.range.len == 0 {
            continue;
        }
        let to = groups.of(extent.range.end() - 1);
        for group in groups.of(extent.range.start)..=to {
            found[length(group - first)] = true;
        }
    }
    Ok(found)
}

/// [`with_data`] from digests that are kept.
pub(super) fn with_leaves(kept: &Kept, first: u64, end: u64) -> Result<Vec<bool>, StoreError> {
    (first..end.min(first + WINDOW))
        .map(|group| kept.is_zero_row(group).map(|zero| !zero))
        .collect()
}

/// The digests of a group's blocks from those that are kept.
pub(super) fn kept_group(kept: &Kept, group: u64) -> Result<Vec<BlockDigest>, StoreError> {
    let leaves = kept.leaves(group * GROUP, GROUP)?;
    let digest = |leaf: &Node| (*leaf != Node::ZERO).then(|| Hash::from_bytes(leaf.0));
    Ok(leaves.iter().map(digest).collect())
}

/// What blocks with these digests are to the other end, where none was read.
pub(super) fn unread(digests: &[BlockDigest]) -> Vec<Theirs> {
    let digests = digests.iter().map(node);
    digests.map(short).collect()
}

/// What a node is to the other end.
pub(super) fn short(node: Node) -> Theirs {
    if node == Node::ZERO {
        Theirs::Hole
    } else {
        Theirs::Digest(node.short())
    }
}

/// Keeps a group's digests.
pub(super) fn keep(kept: &Kept, group: u64, digests: &[BlockDigest]) -> Result<(), StoreError> {
    let numbered = (group * GROUP..).zip(digests.iter().map(node));
    let leaves: Vec<(u64, Node)> = numbered.collect();
    kept.put(&leaves)
}

/// A piece of a group as it was read.
pub(super) struct Piece<'a> {
    pub(super) range: ByteRange,
    /// Empty where the piece is known to be zero.
    pub(super) bytes: &'a [u8],
    /// Block by block.
    pub(super) digests: &'a [BlockDigest],
    /// Sectors that could not be read: their blocks' digests mean nothing.
    pub(super) bad: &'a RangeSet,
}

/// Reads a group piece by piece, each with `fill`, and gives each to `take`.
pub(super) fn group<E: From<(ByteRange, DiskError)>>(
    disk: &dyn Disk,
    groups: Groups,
    group: u64,
    buffer: &mut Buffer,
    fill: impl Fn(ByteRange, &mut [u8]) -> Result<RangeSet, E>,
    mut take: impl FnMut(Piece<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let range = groups.range(group);
    let extents = disk.extents(range).map_err(|error| (range, error))?;
    let holds_data = |piece: ByteRange| {
        extents.iter().any(|extent| {
            extent.kind == ExtentKind::Data
                && extent.range.start < piece.end()
                && piece.start < extent.range.end()
        })
    };
    let request = REQUEST.max(groups.block.bytes());
    for piece in pieces([range].into_iter(), request) {
        let blocks = || groups.block.blocks(piece);
        if !holds_data(piece) {
            let zero = vec![None; blocks().count()];
            take(Piece {
                range: piece,
                bytes: &[],
                digests: &zero,
                bad: &RangeSet::new(),
            })?;
            continue;
        }
        buffer.resize(length(piece.len));
        let bad = fill(piece, buffer)?;
        let digests: Vec<BlockDigest> = blocks()
            .map(|block| digest(slice(buffer, piece, block)))
            .collect();
        take(Piece {
            range: piece,
            bytes: buffer,
            digests: &digests,
            bad: &bad,
        })?;
    }
    Ok(())
}
