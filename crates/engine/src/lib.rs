//! The orchestrator, and only that: load state, ask the pure crates, perform effects, save.
//!
//! One task owns one failback (module `session_task`). The main loop (module `engine`) starts a task for each
//! session in the store that is not over, hands people's requests to it, and keeps the inventory
//! fresh. It decides nothing: the state machine, the scheduler and the planner do.

#![forbid(unsafe_code)]

mod clock;
mod config;
mod connected;
mod digests;
mod dry_run;
mod effects;
mod engine;
mod failure;
mod gates;
mod inventory;
mod journals;
mod lab;
mod live;
mod maps;
mod names;
mod proxies;
mod queue;
mod session_task;
mod written_since;

pub use clock::now;
pub use config::{Config, GATE_EVERY, Hook, Moment};
pub use connected::{connect_site, forget_site};
pub use engine::{Engine, EngineError};
pub use live::{LiveDisk, LiveWork};
pub use maps::{MapNow, Maps};
pub use proxies::{Proxies, ProxyTask, ProxyWork, WaitingDisk};
