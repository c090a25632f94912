//! What the blocks of a piece come to, from their content: no digest is needed where both sides
//! are at hand.

use blockmap::{BlockSize, DiffPlan, DiffReport, Limits, Planner, Verdict};
use model::{ByteCount, ByteRange};

/// One side's content of a piece.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// Known to be zero, and not read.
    Zero,
    /// As it was read.
    Bytes(&'a [u8]),
}

/// Plans a piece that was read on at least one side. Blocks that turn out to be zero on both
/// count as equal: they were read.
pub(crate) fn compare(
    piece: ByteRange,
    block: BlockSize,
    source: Content<'_>,
    target: Content<'_>,
) -> (DiffPlan, DiffReport) {
    let mut planner = Planner::new(&Limits {
        block,
        max_request: ByteCount(piece.len),
    });
    if let (Content::Bytes(ours), Content::Bytes(theirs)) = (source, target)
        && ours == theirs
    {
        planner.push(piece, Verdict::Equal);
        return planner.finish();
    }
    for one in block.blocks(piece) {
        let at = |content| part(content, piece, one);
        planner.push(one, verdict(at(source), at(target)));
    }
    planner.finish()
}

fn verdict(source: Content<'_>, target: Content<'_>) -> Verdict {
    match (source, target) {
        (Content::Zero, Content::Zero) => Verdict::BothZero,
        (Content::Zero, Content::Bytes(theirs)) if is_zero(theirs) => Verdict::Equal,
        (Content::Zero, Content::Bytes(_)) => Verdict::Zero,
        (Content::Bytes(ours), Content::Zero) if is_zero(ours) => Verdict::Equal,
        (Content::Bytes(_), Content::Zero) => Verdict::Copy,
        (Content::Bytes(ours), Content::Bytes(theirs)) if ours == theirs => Verdict::Equal,
        (Content::Bytes(ours), Content::Bytes(_)) if is_zero(ours) => Verdict::Zero,
        (Content::Bytes(_), Content::Bytes(_)) => Verdict::Copy,
    }
}

fn part(content: Content<'_>, piece: ByteRange, block: ByteRange) -> Content<'_> {
    match content {
        Content::Zero => Content::Zero,
        Content::Bytes(bytes) => Content::Bytes(slice(bytes, piece, block)),
    }
}

/// The content of `inner` in the buffer that holds `outer`.
pub(crate) fn slice(bytes: &[u8], outer: ByteRange, inner: ByteRange) -> &[u8] {
    let from = length(inner.start - outer.start);
    &bytes[from..from + length(inner.len)]
}

/// As [`slice`], to be filled.
pub(crate) fn slice_mut(bytes: &mut [u8], outer: ByteRange, inner: ByteRange) -> &mut [u8] {
    let from = length(inner.start - outer.start);
    &mut bytes[from..from + length(inner.len)]
}

/// Whether there is nothing but zeroes: the first is one, and each equals the next.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    match bytes.split_first() {
        None => true,
        Some((first, rest)) => *first == 0 && *rest == bytes[..rest.len()],
    }
}

/// A length that was cut to fit the memory.
pub(crate) fn length(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a request fits the memory")
}

/// Appends a range, joined with the last one when it goes on from there.
pub(crate) fn extend(ranges: &mut Vec<ByteRange>, range: ByteRange) {
    match ranges.last_mut() {
        Some(last) if last.end() == range.start => last.len += range.len,
        _ => ranges.push(range),
    }
}

/// The parts of a piece that the plan leaves alone.
pub(crate) fn equal_ranges(piece: ByteRange, plan: &DiffPlan, equal: &mut Vec<ByteRange>) {
    let mut written: Vec<ByteRange> = plan.copy.iter().chain(&plan.zero).copied().collect();
    written.sort_unstable();
    let mut from = piece.start;
    for range in written.into_iter().chain([ByteRange::new(piece.end(), 0)]) {
        if range.start > from {
            extend(equal, ByteRange::new(from, range.start - from));
        }
        from = range.end();
    }
}
