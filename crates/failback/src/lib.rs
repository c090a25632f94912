//! The state machine of one failback: phase 1, switchover, commit, undo, cancel.
//!
//! Pure: time comes in as an argument, effects go out as values. The shell performs an effect,
//! reports what came of it as an event, and stores the session between the two.
//!
//! ```text
//!                    start
//!                      |
//!        cancel        v          somebody wrote to production
//!   .----------- Synchronizing <---------------------------------.
//!   v                  |                                         |
//! Cancelling           v         cancel                          |
//!   |            Ready to switch <------------- Cancelling ------+
//!   |              |        |                        ^           |
//!   |         undo |        | switch                 | cancel    |
//!   |              v        v                        |           |
//!   |           Undoing  Switching ------------------+-----------'
//!   |              ^        |
//!   |              |        v
//!   |         undo '---- Failback
//!   |                       | commit
//!   v                       v
//! (Cancelled) (Undone)   Committing --> (Committed)
//! ```
//!
//! Catch-up passes begin in Ready to switch and lead back to it; the replica serves on meanwhile.
//! "Needs attention" lies on top of a state and never replaces it.

#![forbid(unsafe_code)]

mod event;
mod operations;
mod program;
mod record;
mod schedule;
mod session;
mod step;
mod timer;

pub use event::{Directive, Done, Event, Note, Rejected, Step};
pub use operations::{replica_operations, why_not_begin};
pub use program::{Effect, Scope, Unreadable};
pub use record::UnknownRecord;
pub use session::{Activity, Session, State, Terms};
pub use step::{begin, step};

#[cfg(test)]
mod tests;
