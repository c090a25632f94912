//! Random event sequences against a reference model, and the paths people walk.

mod afterlife;
mod paths;
mod queue;
mod world;
