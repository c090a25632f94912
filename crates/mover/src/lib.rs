//! The data path: reads both sides of a disk, sends what differs, writes it and proves it.
//!
//! [`run`] blocks; it owns two threads more than its caller's. A batch of at most 32 MiB is read
//! and digested on both sides in parallel while the batch before it is written, flushed, noted in
//! the journal, read back and compared.
//!
//! Memory of one task, whatever the disk's size: two batches of source data (64 MiB), two 1 MiB
//! buffers, and per block of two batches some 64 bytes of digests and ranges, so for 64 KiB blocks
//! less than 70 MiB. The scope and the journal's ranges come on top, at 16 bytes per range.

#![forbid(unsafe_code)]

mod apply;
mod compare;
mod controls;
mod error;
mod journal;
mod meter;
mod read;
mod report;
mod run;
mod verify;
mod watch;
mod work;

#[cfg(test)]
mod tests;

pub use controls::Controls;
pub use error::{JournalStep, MoverError, Side};
pub use meter::Meter;
pub use report::{Discarded, Note, Report};
pub use run::{Scope, Task, run};
