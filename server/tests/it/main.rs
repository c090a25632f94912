//! The program as a process: stopped, killed at every effect in turn, restarted, and judged from
//! outside.

mod afterlife;
mod cancel;
mod case;
mod catch_up;
mod certificate;
mod console;
mod crash;
mod created;
mod digests;
mod disk;
mod export;
mod gate;
mod libvirt;
mod map;
mod park;
mod proxies;
mod queue;
mod quick;
mod unreadable;
