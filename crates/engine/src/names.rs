//! Names of what a session makes on platforms and on disk: by session and pass, so that a restart
//! finds what it made before and never touches anything else.

use std::path::{Path, PathBuf};

use hypervisor::LayerName;
use model::{DiskKey, PointName, SessionId};

/// The layer below which production's own content stays.
pub(crate) fn pre_failback_layer(session: &SessionId) -> LayerName {
    LayerName(format!("landfall-{session}-before"))
}

/// The layer in which a pass lands.
pub(crate) fn working_layer(session: &SessionId, pass: u32) -> LayerName {
    LayerName(format!("landfall-{session}-working-{pass}"))
}

/// The protective point of a pass.
pub(crate) fn protective_point(session: &SessionId, pass: u32) -> PointName {
    PointName::new(format!("landfall-{session}-protective-{pass}"))
}

/// The journal of acknowledged and proved ranges of one disk in one pass.
pub(crate) fn journal(data_dir: &Path, session: &SessionId, disk: &DiskKey, pass: u32) -> PathBuf {
    data_dir
        .join("journals")
        .join(session.as_str())
        .join(format!("{}-{pass}.journal", component(disk.as_str())))
}

/// A name as one component of a path, and no other name's.
pub(crate) fn component(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            other => safe.push_str(&format!("%{other:02x}")),
        }
    }
    safe
}

/// The directory of a session's journals.
pub(crate) fn journals(data_dir: &Path, session: &SessionId) -> PathBuf {
    data_dir.join("journals").join(session.as_str())
}

/// The map of one disk in one pass. It stays when the session is over.
pub(crate) fn map(data_dir: &Path, session: &SessionId, disk: &DiskKey, pass: u32) -> PathBuf {
    data_dir
        .join("maps")
        .join(session.as_str())
        .join(format!("{}-{pass}.map", component(disk.as_str())))
}
