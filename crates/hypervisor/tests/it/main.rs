//! libvirt as a platform on two real hosts, where `cargo xtask test` found that they can be: it tells
//! them in `LANDFALL_LIBVIRT`, and says loudly where it did not.

mod agent;
mod connection;
mod hosts;
mod layers;
mod made;
mod points;
mod power;
mod pulled;
