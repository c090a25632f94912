//! Disks over NBD: fixed newstyle negotiation, TLS, structured replies, extended headers, block
//! status; as a client, and as a small server.
//!
//! Source of everything here: the protocol's specification, `doc/proto.md` of NetworkBlockDevice/nbd.
//! Numbers on the wire are big endian. One connection carries many requests at once: whichever
//! caller waits reads the replies of all, its own straight into its buffer.

mod connection;
mod dirty;
mod disk;
pub mod fuzz;
mod handshake;
mod link;
mod proto;
mod reply;
mod server;
mod socket;
mod tls;
mod uri;
mod wire;

pub(crate) use self::disk::NbdDisk;
pub use self::{
    dirty::{DirtyRanges, dirty_ranges},
    server::{Bitmap, Export, Limits, NbdServer, ServeError},
    uri::{NbdAddress, NbdTls, NbdUri, UriError},
};
