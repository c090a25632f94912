//! Kept digests.

use std::{path::PathBuf, sync::Arc};

use blockmap::{BlockSize, Node, TreeShape};
use model::ByteCount;

use super::{SIZE, scratch};
use crate::{
    Digests,
    digests::{Kept, Opened, fuzzing::sealed},
};

/// Kept digests of these bytes, as they are and with right checksums: they are believed or not, and
/// what is put into them afterwards is what they give when they are opened again.
///
/// # Panics
/// When it is not, or when there is no folder for them.
pub fn digests(data: &[u8]) {
    let shape = TreeShape {
        size: ByteCount(SIZE as u64),
        block: BlockSize::MIN,
    };
    let path = scratch("digests");
    for bytes in [data.to_vec(), sealed(shape, data)] {
        std::fs::write(&path, bytes).expect("written");
        try_out(&of(path.clone()), shape);
    }
    drop(std::fs::remove_file(&path));
}

fn of(path: PathBuf) -> Digests {
    Digests {
        path,
        identity: "fuzzed".to_owned(),
        stamp: Arc::new("1".to_owned()),
        base: None,
    }
}

fn try_out(of: &Digests, shape: TreeShape) {
    let Ok(Opened::Believed(mut kept)) = Kept::open(of, shape) else {
        return;
    };
    drop(kept.leaves(0, u64::MAX));
    drop(kept.is_zero_row(0));
    drop(kept.is_zero_row(1));
    let leaves: Vec<(u64, Node)> = (0..shape.count(0))
        .map(|index| (index, Node([u8::try_from(index % 251).unwrap_or(0); 32])))
        .collect();
    let changed = kept.begin_changes().and_then(|()| kept.put(&leaves));
    let Ok(root) = changed.and_then(|()| kept.seal()) else {
        return;
    };
    drop(kept);
    match Kept::open(of, shape) {
        Ok(Opened::Believed(again)) => {
            assert!(again.root() == Some(root), "another root");
            let found = again.leaves(0, u64::MAX).expect("what was sealed is right");
            assert!(found.iter().eq(leaves.iter().map(|(_, leaf)| leaf)));
        }
        other => panic!("what was sealed is not believed: {other:?}"),
    }
}
