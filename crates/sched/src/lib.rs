//! Which proxies carry which disk, how and why; why a disk waits; and when a task must leave. Which
//! sessions of a batch begin, and what the others wait for.
//!
//! Pure: proxies, running tasks and waiting disks come in as arguments, assignments and reasons go
//! out as typed data; module [`words`] makes sentences of it. Nobody counts slots beside it: what is
//! in use is counted from the running tasks, each time.
//!
//! A disk's task takes one slot on each proxy that it uses; a proxy that serves both ends takes one.
//! Where the ends are at two sites, the best pair is the best proxy of each. Where they share a
//! site, one proxy in both roles goes before two, as long as it needs no worse transport mode.

#![forbid(unsafe_code)]

mod assign;
mod fit;
mod leave;
mod lists;
mod pair;
mod queue;
mod snapshot;
mod usage;
pub mod words;

#[cfg(test)]
mod tests;

pub use assign::{Assignment, Block, Blocked, Round, Waiting, assign};
pub use fit::{Fit, Obstacle, Refusal, fit};
pub use leave::{LeaveWhy, Leaving, leaving};
pub use lists::{ListFinding, check_list};
pub use pair::{Loser, Lost, Score, Seat};
pub use queue::{Place, Turn, turns};
pub use snapshot::{DiskEnd, End, Held, Proxy, Request, Running, Snapshot, TaskId};
pub use usage::Usage;
