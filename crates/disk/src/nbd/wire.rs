//! Numbers on the wire, big endian, and the words for a peer that breaks the protocol.

use std::io::{self, Read};

/// The peer sent what no peer may send.
pub(super) fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A length that its field can hold.
pub(super) fn length(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| broken("a name is too long"))
}

/// A length as an index; nothing longer than memory is ever asked for.
pub(super) fn size(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

pub(super) fn bytes<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn read_u16(stream: &mut impl Read) -> io::Result<u16> {
    bytes(stream).map(u16::from_be_bytes)
}

pub(super) fn read_u32(stream: &mut impl Read) -> io::Result<u32> {
    bytes(stream).map(u32::from_be_bytes)
}

pub(super) fn read_u64(stream: &mut impl Read) -> io::Result<u64> {
    bytes(stream).map(u64::from_be_bytes)
}
