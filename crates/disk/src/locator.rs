//! Where a disk is, in a form that can be stored and handed to a mover elsewhere.

use std::path::PathBuf;

use model::DiskFormat;

use crate::NbdUri;

/// A disk's place. qcow2 images name their own backing files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// An image file that this process can open.
    File {
        /// Absolute path.
        path: PathBuf,
        /// Format; never guessed from the content, which belongs to a guest.
        format: DiskFormat,
    },
    /// An export of an NBD server.
    Nbd(NbdUri),
}
