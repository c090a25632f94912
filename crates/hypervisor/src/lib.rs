//! The platform trait, and the platforms behind it. Nothing of one platform leaves its module.
//!
//! Every call is blocking and idempotent: what Landfall makes is named by session and pass, and
//! asking for it a second time finds it. Foreign snapshots are listed, never touched.

#![forbid(unsafe_code)]

mod clock;
mod error;
mod firmware;
pub mod lab;
pub mod libvirt;
mod platform;

pub use error::{PlatformError, Retry};
pub use firmware::FirmwareState;
pub use platform::{
    Capabilities, Consistency, DiskAt, Frozen, Inventory, KeptPoint, LayerName, Platform, Point,
    Ranges, ReplicaRecord,
};
