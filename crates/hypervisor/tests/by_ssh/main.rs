//! What of `it` has to do with images, with both hosts reached by ssh: their images are no files of this machine then, and
//! go through the hosts' own tools and NBD.

#![expect(dead_code, reason = "not every module of `it` is here")]

mod firmware;
#[path = "../it/hosts.rs"]
mod hosts;
#[path = "../it/layers.rs"]
mod layers;
#[path = "../it/made.rs"]
mod made;
#[path = "../it/points.rs"]
mod points;
mod servers;
