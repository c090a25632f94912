//! The data path: reads both sides of a disk, sends what differs, writes it and proves it.
//!
//! [`run`] blocks. Workers compare the two disks directly, piece by piece, and write what differs
//! from the buffer that holds it, while the caller's thread flushes, proves and notes what they
//! wrote. Stretches are done in any order; the journal has ranges, so order does not matter.
//!
//! Memory of one task, whatever the disk's size: two buffers of 256 KiB, or of one block, per
//! worker, one for the proof, and some 40 bytes per block that was written since the last flush.
//! The scope and the map of 1 GiB come on top, at 16 bytes per range; of a journal and of what cannot
//! be read at most 2 MiB of ranges are kept. A map, where one is drawn, takes 4 MiB at most.

#![forbid(unsafe_code)]

mod buffer;
mod compare;
mod controls;
mod digests;
mod error;
mod findings;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod io;
mod journal;
mod judge;
mod lane;
mod losses;
mod map;
mod meter;
mod read;
pub mod remote;
mod report;
mod run;
mod sample;
mod settle;
mod watch;
mod work;

#[cfg(test)]
mod tests;

pub use controls::{Controls, OnCancel};
pub use digests::{
    BothDigests, Digests, Disbelieved, FileStamp, KnownTree, Stamp, StoreError, StoreStep, Tree,
    disown, known_tree,
};
pub use error::{JournalStep, MoverError, Side};
pub use map::{KeptMap, MapError, keep_map, kept_map};
pub use meter::Meter;
pub use report::{Discarded, NotKept, Note, Report};
pub use run::{Proof, Scope, Task, Unreadable, run};
pub use sample::{Sample, Sampled};
