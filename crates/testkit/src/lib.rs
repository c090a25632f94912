//! Disks in memory, layers that make any disk or stream fail, a manual clock, and seeded images.
//!
//! The layers wrap real disks as well as [`MemDisk`], and stack. Everything random comes from a
//! seed, so a failure repeats.

#![forbid(unsafe_code)]

mod clock;
mod corpus;
mod device;
mod image;
mod layers;
mod memory;
mod pattern;
mod random;
mod relay;
mod socket;
mod stream;

pub use clock::ManualClock;
pub use corpus::replay;
pub use device::LoopDevice;
pub use image::{random_image, scatter_changes};
pub use layers::{
    BitFlip, Call, Counting, Counts, FailAt, Fault, Hook, Lasts, Layer, Mishap, Mishaps, PowerLoss,
    Slow, Struck, Survivors, When,
};
pub use memory::MemDisk;
pub use pattern::Pattern;
pub use random::Random;
pub use relay::Relay;
pub use socket::{listens, until_listening};
pub use stream::{Chopped, Spoiled, StreamFault};

#[cfg(test)]
mod tests;
