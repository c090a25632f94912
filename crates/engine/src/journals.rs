//! Journals of a session that is over are of no use any more.

use crate::{effects::Stage, names::journals};

/// Removes them; what cannot be removed is logged and left.
pub(crate) fn remove(stage: &Stage) {
    let directory = journals(&stage.data_dir, &stage.session);
    if directory.exists()
        && let Err(error) = std::fs::remove_dir_all(&directory)
    {
        tracing::warn!(path = %directory.display(), %error, "journals stay behind");
    }
}
