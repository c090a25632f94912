//! Use cases for people: check what is asked for, record it as an intent, wake the engine, and
//! build what pages show.
//!
//! Everything the console, the API and the command line can do passes here, with the actor on
//! whose behalf it is done. Nothing here performs an effect at a platform: the engine does, after
//! it has read the intent from the store. Views are built from the store and, for what moves right
//! now, from [`Live`].

#![forbid(unsafe_code)]

mod actor;
mod after;
mod batch;
mod draft;
mod estate;
mod intent;
mod jobs;
mod lab;
mod lists;
mod live;
mod mode;
mod placement;
mod preflight;
mod proxies;
mod queue;
mod refusal;
mod session;
mod sites;
mod start;
mod wiring;

pub use actor::local_operator;
pub use draft::{Also, Ticks};
pub use live::{
    DryRunProgress, Live, LiveDisk, LiveMap, LiveProxies, LiveProxy, LiveSession, LiveTask,
    NothingLive,
};
pub use wiring::{Service, Wiring};

#[cfg(test)]
mod tests;
