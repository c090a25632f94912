//! One trait for a disk, and the real disks behind it: raw and qcow2 images with backing chains.
//!
//! Knows nothing of VMs. A [`Locator`] says where a disk is and can be stored and sent; [`open`]
//! turns it into a [`Disk`]. Reads and writes are positional and blocking: callers own the threads.

#![forbid(unsafe_code)]

mod error;
mod locator;
mod open;
mod traits;

pub use error::DiskError;
pub use locator::Locator;
pub use open::{Access, create_overlay, open};
pub use traits::{Disk, Extent, ExtentKind};
