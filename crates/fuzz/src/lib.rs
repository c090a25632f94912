//! What fuzz targets share. The targets call the entry points that the crates have under their
//! feature `fuzzing`; the crates' own tests feed them the committed inputs of `corpus` and
//! `regressions`, so that these are held without a fuzzer.

#![forbid(unsafe_code)]

use std::sync::Arc;

use disk::Disk;
use testkit::MemDisk;

/// The disk at whichever end is ours: the one with which the committed inputs were recorded.
#[must_use]
pub fn disk() -> Arc<dyn Disk> {
    Arc::new(MemDisk::from_bytes(mover::fuzzing::content()))
}
