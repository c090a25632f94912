//! Disks over NBD: fixed newstyle negotiation, TLS, structured replies, extended headers, block
//! status; as a client, and as a small server.
//!
//! Source of everything here: the protocol's specification, `doc/proto.md` of NetworkBlockDevice/nbd.
//! Numbers on the wire are big endian. One connection carries many requests at once: whichever
//! caller waits reads the replies of all, its own straight into its buffer. A connection that is
//! lost is made again, and what was asked over it is asked again.

mod connection;
mod dirty;
mod disk;
pub mod fuzz;
mod handshake;
mod interrupt;
mod link;
mod proto;
mod reply;
mod server;
mod slot;
mod socket;
mod status;
mod tls;
mod uri;
mod wire;
mod writes;

pub(crate) use self::disk::NbdDisk;
pub use self::{
    dirty::{DirtyRanges, dirty_ranges},
    server::{Bitmap, Export, Limits, NbdServer, ServeError},
    status::BadStatus,
    uri::{NbdAddress, NbdTls, NbdUri, UriError},
};
