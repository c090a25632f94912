//! What kept digests say of a disk, for whoever does not move anything.

use blockmap::{Node, Rows as _, TreeShape};

use super::{Digests, Disbelieved, Opened, StoreError, file::Kept, name_of, open};

/// The tree of a disk, as far as it is short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The root.
    pub root: Node,
    /// The nodes of [`TreeShape::regions`].
    pub regions: Vec<Node>,
}

/// What is known of a disk by its kept digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownTree {
    /// All of it.
    Known(Tree),
    /// Nothing: nothing is kept, or it is not believed.
    Unknown(Option<Disbelieved>),
}

/// The tree of a disk as of now, if what is kept of it may be believed. Reads no disk.
///
/// # Errors
/// [`StoreError`].
pub fn known_tree(of: &Digests, shape: TreeShape) -> Result<KnownTree, StoreError> {
    let kept = match Kept::open(of, shape)? {
        Opened::Believed(kept) => kept,
        Opened::Not(why) => return Ok(KnownTree::Unknown(why)),
    };
    let Some(root) = kept.root() else {
        return Ok(KnownTree::Unknown(None));
    };
    match kept.row(shape.regions()) {
        Ok(regions) => Ok(KnownTree::Known(Tree { root, regions })),
        Err(StoreError::Damaged { .. }) => Ok(KnownTree::Unknown(Some(Disbelieved::Damaged))),
        Err(error) => Err(error),
    }
}

/// Ends the belief in what is kept if the task of this key changed it, because what that task wrote
/// goes: another one over all that was written since its base may still carry over the rest.
///
/// # Errors
/// [`StoreError`].
pub fn disown(of: &Digests, task_key: &str) -> Result<(), StoreError> {
    let by = name_of(task_key);
    open::disown_when(of, |header| header.by == by)
}
