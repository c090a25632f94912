//! Which proxies carry which disk: transport mode, then load, then id; and why a disk waits. Which
//! sessions of a batch begin, and what the others wait for.
//!
//! Pure: the inventory and the time come in as arguments, assignments and waiting reasons go out
//! as values. A disk's task takes one slot on each proxy it uses; a proxy that serves both ends of
//! a disk takes one. Because of that the two sides of a request can be chosen independently.

#![forbid(unsafe_code)]

mod assign;
mod queue;
mod side;
mod snapshot;
mod words;

#[cfg(test)]
mod tests;

pub use assign::{Assignment, Waiting, assign};
pub use queue::{Place, Turn, turns};
pub use snapshot::{Proxy, Request, Snapshot};
