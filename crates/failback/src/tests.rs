//! Random event sequences against a reference model, and the paths people walk.

mod paths;
mod world;
