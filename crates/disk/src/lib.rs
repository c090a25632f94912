//! One trait for a disk, and the real disks behind it: raw and qcow2 images with backing chains.
//!
//! Knows nothing of VMs. A [`Locator`] says where a disk is and can be stored and sent; [`open`]
//! turns it into a [`Disk`]. Reads and writes are positional and blocking: callers own the threads.

#![forbid(unsafe_code)]

mod create;
mod endpoint;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod locator;
mod manners;
mod nbd;
mod open;
mod qcow2;
mod raw;
mod stamp;
mod traits;

pub use create::{create_overlay, create_qcow2, create_raw};
pub use error::DiskError;
pub use header::set_backing;
pub use locator::Locator;
#[doc(hidden)]
pub use nbd::fuzz as nbd_fuzz;
pub use nbd::{
    BadStatus, Bitmap, DirtyRanges, Export, Limits, NbdAddress, NbdServer, NbdTls, NbdUri,
    ServeError, UriError, dirty_ranges,
};
pub use open::{Access, open};
pub use qcow2::own_extents;
pub use stamp::file_stamp;
pub use traits::{Disk, Extent, ExtentKind, Losses};
