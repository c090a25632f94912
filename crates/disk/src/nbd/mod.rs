//! Disks over NBD: fixed newstyle negotiation, structured replies, block status.
//!
//! Source of everything here: the protocol's specification, `doc/proto.md` of NetworkBlockDevice/nbd.
//! Numbers on the wire are big endian. One connection carries many requests at once: whichever
//! caller waits reads the replies of all, its own straight into its buffer.

mod connection;
mod disk;
mod handshake;
mod proto;
mod socket;
mod uri;

pub(crate) use self::disk::NbdDisk;
pub use self::uri::{NbdAddress, NbdUri, UriError};
