//! Ends apart: the source is read by one process and the target by another, joined by a pipe or a
//! socket.
//!
//! The far end scans its disk in groups of blocks and sends a digest per block; the near end scans
//! the same groups, and sends the blocks whose digests differ. Both scan at once, and neither
//! waits for an answer about a single block. A block travels with its whole digest: the far end
//! checks it when it arrives and again after it was written. At the end both ends state the root
//! of all digests: equal roots prove equal disks.
//!
//! Digests are BLAKE3. The far end sends the first 16 bytes of each, which decide what is sent; the
//! root is made of all 32. A group of zeroes has no digest.
//!
//! Where digests of an end's disk are kept, that end does not read it. Where both are, the roots
//! are compared first: equal ones are the end of it, and otherwise the near end walks down both
//! trees.
//!
//! Where only ranges of the disk are asked for, the near end names them first, and all else is a hole
//! at both ends: the roots are of these ranges. Blocks drawn from the rest go with them as a sample. When
//! one of those differs, the near end begins again over the same streams, with the rest.
//!
//! At the end the far end asks once more for what its device does not return as it was written, and
//! names what it repaired. It may know other disks as seeds: what is in one of them is named by its
//! digest and copied there. How tightly a block is packed follows the rate of the link.

mod again;
mod apply;
mod far;
mod fault;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod hand_out;
mod leave;
mod near;
mod output;
mod pack;
mod parts;
mod root;
mod scan;
mod scanning;
mod seeds;
mod send;
mod sync;
mod walk;
mod within;
mod work;

pub use far::{serve, serve_with, serve_with_digests};
pub use fault::{Failure, FarError, FarFault, FarStep};
pub use sync::{Remote, sync, sync_with_digests};
