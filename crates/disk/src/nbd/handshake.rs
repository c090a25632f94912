//! Negotiation: from a fresh connection to an export that answers requests.

use std::io::{self, Read, Write};

use super::proto::{
    FLAG_FIXED_NEWSTYLE, FLAG_NO_ZEROES, INFO_BLOCK_SIZE, INFO_EXPORT, MAGIC, MOST_PAYLOAD, OPT_GO,
    OPT_SET_META_CONTEXT, OPT_STRUCTURED_REPLY, OPTION_MAGIC, OPTION_REPLY_MAGIC, REP_ACK,
    REP_ERROR, REP_INFO, REP_META_CONTEXT,
};

/// No reply of the negotiation is longer.
const MOST_REPLY: u32 = 64 * 1024;
const ALLOCATION: &str = "base:allocation";

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) size: u64,
    /// Of [`super::proto::export`].
    pub(super) flags: u16,
    /// Requests must be multiples of this and begin on one.
    pub(super) min_block: u32,
    pub(super) most_payload: u32,
    pub(super) structured: bool,
    /// The context that tells holes, where the server has it.
    pub(super) allocation: Option<u32>,
}

/// Negotiates for an export.
///
/// # Errors
/// With the server's own words where it refuses.
pub(super) fn negotiate<S: Read + Write>(stream: &mut S, export: &str) -> io::Result<Agreed> {
    if read_u64(stream)? != MAGIC || read_u64(stream)? != OPTION_MAGIC {
        return Err(broken("this is no NBD server with newstyle negotiation"));
    }
    let server = read_u16(stream)?;
    if server & FLAG_FIXED_NEWSTYLE == 0 {
        return Err(broken("the NBD server has no fixed newstyle negotiation"));
    }
    let client = u32::from(server & (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES));
    stream.write_all(&client.to_be_bytes())?;

    let structured = ask_structured(stream)?;
    let allocation = if structured {
        ask_allocation(stream, export)?
    } else {
        None
    };
    go(stream, export).map(|agreed| Agreed {
        structured,
        allocation,
        ..agreed
    })
}

/// One option's reply.
struct Reply {
    kind: u32,
    data: Vec<u8>,
}

fn send<S: Write>(stream: &mut S, option: u32, data: &[u8]) -> io::Result<()> {
    let mut frame = OPTION_MAGIC.to_be_bytes().to_vec();
    frame.extend(option.to_be_bytes());
    frame.extend(length(data.len())?.to_be_bytes());
    frame.extend(data);
    stream.write_all(&frame)
}

fn receive<S: Read>(stream: &mut S, option: u32) -> io::Result<Reply> {
    if read_u64(stream)? != OPTION_REPLY_MAGIC || read_u32(stream)? != option {
        return Err(broken("the NBD server answered something else"));
    }
    let kind = read_u32(stream)?;
    let len = read_u32(stream)?;
    if len > MOST_REPLY {
        return Err(broken("a reply of the NBD server is too long"));
    }
    let mut data = vec![0; usize::try_from(len).unwrap_or_default()];
    stream.read_exact(&mut data)?;
    Ok(Reply { kind, data })
}

fn ask_structured<S: Read + Write>(stream: &mut S) -> io::Result<bool> {
    send(stream, OPT_STRUCTURED_REPLY, &[])?;
    Ok(receive(stream, OPT_STRUCTURED_REPLY)?.kind == REP_ACK)
}

fn ask_allocation<S: Read + Write>(stream: &mut S, export: &str) -> io::Result<Option<u32>> {
    let mut data = length(export.len())?.to_be_bytes().to_vec();
    data.extend(export.as_bytes());
    data.extend(1_u32.to_be_bytes());
    data.extend(length(ALLOCATION.len())?.to_be_bytes());
    data.extend(ALLOCATION.as_bytes());
    send(stream, OPT_SET_META_CONTEXT, &data)?;
    let mut found = None;
    loop {
        let reply = receive(stream, OPT_SET_META_CONTEXT)?;
        match reply.kind {
            REP_ACK => return Ok(found),
            REP_META_CONTEXT => {
                let (id, name) = reply
                    .data
                    .split_first_chunk::<4>()
                    .ok_or_else(|| broken("a meta context is cut off"))?;
                if name == ALLOCATION.as_bytes() {
                    found = Some(u32::from_be_bytes(*id));
                }
            }
            kind if kind >= REP_ERROR => return Ok(None),
            _ => {}
        }
    }
}

fn go<S: Read + Write>(stream: &mut S, export: &str) -> io::Result<Agreed> {
    let mut data = length(export.len())?.to_be_bytes().to_vec();
    data.extend(export.as_bytes());
    data.extend(1_u16.to_be_bytes());
    data.extend(INFO_BLOCK_SIZE.to_be_bytes());
    send(stream, OPT_GO, &data)?;
    let mut agreed = None;
    let (mut min_block, mut most_payload) = (1, MOST_PAYLOAD);
    loop {
        let reply = receive(stream, OPT_GO)?;
        match reply.kind {
            REP_ACK => break,
            REP_INFO => match *reply.data.as_slice() {
                [0, 0, a, b, c, d, e, f, g, h, i, j] => {
                    debug_assert_eq!(INFO_EXPORT, 0);
                    agreed = Some((
                        u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                        u16::from_be_bytes([i, j]),
                    ));
                }
                [0, 3, a, b, c, d, _, _, _, _, e, f, g, h] => {
                    min_block = u32::from_be_bytes([a, b, c, d]);
                    most_payload = u32::from_be_bytes([e, f, g, h]).min(MOST_PAYLOAD);
                }
                _ => {}
            },
            kind if kind >= REP_ERROR => {
                let words = String::from_utf8_lossy(&reply.data).into_owned();
                return Err(io::Error::other(format!(
                    "the NBD server refuses export {export:?}: {}",
                    refusal(kind, &words)
                )));
            }
            _ => {}
        }
    }
    let (size, flags) = agreed.ok_or_else(|| broken("the NBD server named no size"))?;
    if !min_block.is_power_of_two() || min_block > 65_536 || most_payload < min_block {
        return Err(broken("the NBD server's block sizes make no sense"));
    }
    Ok(Agreed {
        size,
        flags,
        min_block,
        most_payload,
        structured: false,
        allocation: None,
    })
}

fn refusal(kind: u32, words: &str) -> String {
    let meaning = match kind - REP_ERROR {
        1 => "not supported",
        2 => "forbidden",
        5 => "it asks for TLS",
        6 => "there is no such export",
        7 => "the server is going down",
        _ => "refused",
    };
    if words.is_empty() {
        meaning.to_owned()
    } else {
        format!("{meaning} ({words})")
    }
}

pub(super) fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn length(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| broken("a name is too long"))
}

fn bytes<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
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
