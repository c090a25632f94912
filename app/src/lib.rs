//! The console: one crate that renders on the server and hydrates in the browser.
//!
//! It owns the shell, the pages, the components and the stubs of the server functions. It decides
//! nothing: what may be done comes from `service` as data, and the views show it. Exactly one of the
//! features `ssr` and `hydrate` is on in any build.

// Views are types that nest as deep as their markup.
#![recursion_limit = "256"]
#![forbid(unsafe_code)]
#![expect(
    unreachable_pub,
    clippy::must_use_candidate,
    reason = "the component macro makes public items of its own"
)]

#[cfg(feature = "ssr")]
mod api;
mod browser;
mod components;
mod erase;
pub mod error;
mod keyed;
pub mod layout;
pub mod pages;
mod words;

pub use layout::shell;
