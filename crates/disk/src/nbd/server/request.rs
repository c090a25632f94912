//! Requests as a server reads them.

use std::io::{self, Read};

use super::super::{
    proto::{
        CMD_BLOCK_STATUS, CMD_DISC, CMD_FLUSH, CMD_READ, CMD_TRIM, CMD_WRITE, CMD_WRITE_ZEROES,
        EXTENDED_REQUEST_MAGIC, Headers, MOST_PAYLOAD, REQUEST_MAGIC, flag,
    },
    wire::{broken, read_u16, read_u32, read_u64},
};

/// What a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Read,
    Write,
    Disconnect,
    Flush,
    Trim,
    WriteZeroes,
    BlockStatus,
    /// None that we know.
    Other,
}

impl Command {
    fn of(number: u16) -> Self {
        match number {
            CMD_READ => Self::Read,
            CMD_WRITE => Self::Write,
            CMD_DISC => Self::Disconnect,
            CMD_FLUSH => Self::Flush,
            CMD_TRIM => Self::Trim,
            CMD_WRITE_ZEROES => Self::WriteZeroes,
            CMD_BLOCK_STATUS => Self::BlockStatus,
            _ => Self::Other,
        }
    }

    /// The flags that mean something.
    pub(super) fn flags(self) -> u16 {
        flag::FUA
            | match self {
                Self::Read => flag::DF,
                Self::Write => flag::PAYLOAD_LEN,
                Self::WriteZeroes => flag::NO_HOLE,
                Self::BlockStatus => flag::REQ_ONE,
                Self::Disconnect | Self::Flush | Self::Trim | Self::Other => 0,
            }
    }
}

/// A request as it came: nothing in it is checked but its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) flags: u16,
    pub(super) cookie: u64,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Bytes that follow it: no more than [`MOST_PAYLOAD`].
    pub(super) payload: u32,
}

/// Reads the next request; none at the end of the stream.
///
/// # Errors
/// When the stream ends within it, or what follows it cannot be told any more.
pub(super) fn read(reader: &mut impl Read, headers: Headers) -> io::Result<Option<Request>> {
    let mut first = [0; 1];
    if reader.read(&mut first)? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 3];
    reader.read_exact(&mut rest)?;
    let magic = u32::from_be_bytes([first[0], rest[0], rest[1], rest[2]]);
    let extended = headers == Headers::Extended;
    let wanted = if extended {
        EXTENDED_REQUEST_MAGIC
    } else {
        REQUEST_MAGIC
    };
    if magic != wanted {
        return Err(broken("the client sent something that is no request"));
    }
    let flags = read_u16(reader)?;
    let command = Command::of(read_u16(reader)?);
    let cookie = read_u64(reader)?;
    let offset = read_u64(reader)?;
    let len = if extended {
        read_u64(reader)?
    } else {
        read_u32(reader)?.into()
    };
    // With long headers, a write should say that it brings a payload; QEMU's do not, and bring one.
    let has_payload = command == Command::Write || extended && flags & flag::PAYLOAD_LEN != 0;
    let payload = if has_payload { len } else { 0 };
    let payload = u32::try_from(payload).ok();
    let payload = payload.filter(|payload| *payload <= MOST_PAYLOAD);
    let payload = payload.ok_or_else(|| broken("the client sent too much at once"))?;
    Ok(Some(Request {
        command,
        flags,
        cookie,
        offset,
        len,
        payload,
    }))
}
