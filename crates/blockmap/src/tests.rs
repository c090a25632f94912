//! Properties against naive oracles, and the edges in literal cases.

mod diff;
mod map;
mod ranges;
mod sample;
mod tree;
