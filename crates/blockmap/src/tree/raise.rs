//! Brings the nodes above changed leaves up to date, at the price of the changed rows and their
//! ancestors.

use super::{FAN_OUT, Node, RowAt, Rows, TreeHash, TreeShape, parent};

/// Computes every node above the given leaf rows, which come in order and without repetition, and
/// returns the root. `set` puts numbered nodes of one row in their places, where `rows` finds them
/// afterwards.
///
/// Works level by level in groups: of the changed rows only those whose parents share a row are
/// known at a time.
///
/// # Errors
/// What reading a row or setting a node gives.
pub fn raise<H: TreeHash, R: Rows>(
    shape: TreeShape,
    rows: &R,
    changed: impl Iterator<Item = u64>,
    mut set: impl FnMut(RowAt, &[(u64, Node)]) -> Result<(), R::Error>,
) -> Result<Node, R::Error> {
    let last = shape.levels() - 1;
    let top = RowAt {
        level: last,
        row: 0,
    };
    let mut open: Vec<Open> = (0..last).map(|_| Open::default()).collect();
    for row in changed {
        rise::<H, R>(shape, rows, &mut open, RowAt { level: 0, row }, &mut set)?;
    }
    for level in 1..=last {
        close::<H, R>(shape, rows, &mut open, level, &mut set)?;
    }
    let node = rows.row(top)?.first().copied().unwrap_or(Node::ZERO);
    Ok(shape.root::<H>(node))
}

/// Nodes of one row of the level above that are known and not set.
#[derive(Debug, Default)]
struct Open {
    row: u64,
    nodes: Vec<(u64, Node)>,
}

/// Computes the parent of a row; sets what waited for another row than the parent's.
fn rise<H: TreeHash, R: Rows>(
    shape: TreeShape,
    rows: &R,
    open: &mut [Open],
    at: RowAt,
    set: &mut impl FnMut(RowAt, &[(u64, Node)]) -> Result<(), R::Error>,
) -> Result<(), R::Error> {
    let index = usize::try_from(at.level).unwrap_or(usize::MAX);
    if index >= open.len() {
        return Ok(());
    }
    let above = at.row / FAN_OUT;
    if open.get(index).is_some_and(|one| one.row != above) {
        close::<H, R>(shape, rows, open, at.level + 1, set)?;
    }
    let node = parent::<H>(&rows.row(at)?);
    if let Some(one) = open.get_mut(index) {
        one.row = above;
        one.nodes.push((at.row, node));
    }
    Ok(())
}

/// Sets the nodes of `level` that wait, and goes on above.
fn close<H: TreeHash, R: Rows>(
    shape: TreeShape,
    rows: &R,
    open: &mut [Open],
    level: u32,
    set: &mut impl FnMut(RowAt, &[(u64, Node)]) -> Result<(), R::Error>,
) -> Result<(), R::Error> {
    let index = usize::try_from(level - 1).unwrap_or(usize::MAX);
    let Some(one) = open.get_mut(index) else {
        return Ok(());
    };
    if one.nodes.is_empty() {
        return Ok(());
    }
    let (row, nodes) = (one.row, std::mem::take(&mut one.nodes));
    let at = RowAt { level, row };
    set(at, &nodes)?;
    rise::<H, R>(shape, rows, open, at, set)
}
