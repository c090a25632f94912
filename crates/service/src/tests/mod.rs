//! One module per use case, against a real store in a directory of its own.

mod after;
mod batch;
mod draft;
mod dry_run;
mod evidence;
mod finish;
pub(crate) mod fixture;
mod golden;
mod jobs;
mod lab;
mod map;
mod mode;
mod place;
mod policy;
mod preflight;
mod proxies;
mod quick;
mod scale;
mod session_act;
mod session_view;
mod several;
mod sites;
mod start;
mod targets;

pub(crate) use fixture::{disk, vm_with};
