//! The server: configuration, wiring, the router, signals and shutdown. It decides nothing.
//!
//! A library beside the program so that tests can start a console in their own process:
//! [`serve::Server::bind`] takes the address, [`serve::Server::run`] answers until it is told to stop.

#![forbid(unsafe_code)]

pub mod assets;
pub mod backend;
pub mod certificate_cli;
pub mod cli;
pub mod config;
pub mod contexts;
pub mod disk_cli;
mod downloads;
mod events;
mod fault;
pub mod lab_cli;
mod port;
pub mod router;
pub mod security;
pub mod serve;
mod signals;
pub mod site_cli;
