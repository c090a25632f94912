//! Negotiation: from a fresh connection to an export that answers requests.

use std::io::{self, Read, Write};

use super::{
    proto::{
        ALLOCATION, DIRTY_BITMAP, FLAG_FIXED_NEWSTYLE, FLAG_NO_ZEROES, Headers, INFO_BLOCK_SIZE,
        MAGIC, MOST_PAYLOAD, OPT_EXTENDED_HEADERS, OPT_GO, OPT_SET_META_CONTEXT, OPT_STARTTLS,
        OPT_STRUCTURED_REPLY, OPTION_MAGIC, OPTION_REPLY_MAGIC, REP_ACK, REP_ERROR, REP_INFO,
        REP_META_CONTEXT,
    },
    wire::{broken, length, read_u16, read_u32, read_u64, size},
};

/// No reply of the negotiation is longer.
const MOST_REPLY: u32 = 64 * 1024;
/// No option is answered with more replies.
const MOST_REPLIES: usize = 1024;

/// What block status is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status<'a> {
    /// What reads as zeroes, where the server knows.
    Allocation,
    /// What a dirty bitmap of QEMU names; the server must have it.
    Dirty(&'a str),
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) size: u64,
    /// Of [`super::proto::export`].
    pub(super) flags: u16,
    /// Requests must be multiples of this and begin on one.
    pub(super) min_block: u32,
    pub(super) most_payload: u32,
    pub(super) headers: Headers,
    /// The number of the context that was asked for, where the server has it.
    pub(super) context: Option<u32>,
}

/// The first words of both sides: before these, nobody knows what the other is.
///
/// # Errors
/// When the server is none that we can speak with.
pub(super) fn greet<S: Read + Write>(stream: &mut S) -> io::Result<()> {
    if read_u64(stream)? != MAGIC || read_u64(stream)? != OPTION_MAGIC {
        return Err(broken("this is no NBD server with newstyle negotiation"));
    }
    let server = read_u16(stream)?;
    if server & FLAG_FIXED_NEWSTYLE == 0 {
        return Err(broken("the NBD server has no fixed newstyle negotiation"));
    }
    let client = u32::from(server & (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES));
    stream.write_all(&client.to_be_bytes())
}

/// Asks for encryption; the next bytes of both sides are TLS.
///
/// # Errors
/// When the server has none.
pub(super) fn ask_tls<S: Read + Write>(stream: &mut S) -> io::Result<()> {
    send(stream, OPT_STARTTLS, &[])?;
    let reply = receive(stream, OPT_STARTTLS)?;
    if reply.kind == REP_ACK {
        return Ok(());
    }
    let meaning = reply.refusal();
    let text = format!("the NBD server has no TLS: {meaning}");
    Err(io::Error::other(text))
}

/// Negotiates for an export, after [`greet`].
///
/// # Errors
/// With the server's own words where it refuses.
pub(super) fn negotiate<S: Read + Write>(
    stream: &mut S,
    export: &str,
    status: Status<'_>,
) -> io::Result<Agreed> {
    let headers = if ask(stream, OPT_EXTENDED_HEADERS)? {
        Headers::Extended
    } else if ask(stream, OPT_STRUCTURED_REPLY)? {
        Headers::Structured
    } else {
        Headers::Simple
    };
    let context = match headers {
        Headers::Simple => None,
        Headers::Structured | Headers::Extended => ask_context(stream, export, status)?,
    };
    let agreed = go(stream, export)?;
    if let Status::Dirty(bitmap) = status
        && context.is_none()
    {
        let text = format!("the NBD server has no dirty bitmap {bitmap:?} of export {export:?}");
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(Agreed {
        headers,
        context,
        ..agreed
    })
}

/// One option's reply.
struct Reply {
    kind: u32,
    data: Vec<u8>,
}

impl Reply {
    /// Why an option was refused, with the server's own words where it has any.
    fn refusal(&self) -> String {
        let meaning = match self.kind.saturating_sub(REP_ERROR) {
            1 => "not supported",
            2 => "forbidden",
            5 => "it asks for TLS: use nbds:// or nbds+unix://",
            6 => "there is no such export",
            7 => "the server is going down",
            8 => "it asks for block sizes",
            10 => "it asks for extended headers",
            _ => "refused",
        };
        if self.data.is_empty() {
            return meaning.to_owned();
        }
        format!("{meaning} ({})", String::from_utf8_lossy(&self.data))
    }
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
    let mut data = vec![0; size(len)];
    stream.read_exact(&mut data)?;
    Ok(Reply { kind, data })
}

/// Asks for an option without data: whether the server has it.
fn ask<S: Read + Write>(stream: &mut S, option: u32) -> io::Result<bool> {
    send(stream, option, &[])?;
    Ok(receive(stream, option)?.kind == REP_ACK)
}

fn ask_context<S: Read + Write>(
    stream: &mut S,
    export: &str,
    status: Status<'_>,
) -> io::Result<Option<u32>> {
    let wanted = match status {
        Status::Allocation => ALLOCATION.to_owned(),
        Status::Dirty(bitmap) => format!("{DIRTY_BITMAP}{bitmap}"),
    };
    let mut data = length(export.len())?.to_be_bytes().to_vec();
    data.extend(export.as_bytes());
    data.extend(1_u32.to_be_bytes());
    data.extend(length(wanted.len())?.to_be_bytes());
    data.extend(wanted.as_bytes());
    send(stream, OPT_SET_META_CONTEXT, &data)?;
    let mut found = None;
    for _ in 0..MOST_REPLIES {
        let reply = receive(stream, OPT_SET_META_CONTEXT)?;
        match reply.kind {
            REP_ACK => return Ok(found),
            REP_META_CONTEXT => {
                let (id, name) = reply
                    .data
                    .split_first_chunk::<4>()
                    .ok_or_else(|| broken("a meta context is cut off"))?;
                if name == wanted.as_bytes() {
                    found = Some(u32::from_be_bytes(*id));
                }
            }
            kind if kind >= REP_ERROR => return Ok(None),
            _ => {}
        }
    }
    Err(broken("the NBD server does not stop answering"))
}

fn go<S: Read + Write>(stream: &mut S, export: &str) -> io::Result<Agreed> {
    let mut data = length(export.len())?.to_be_bytes().to_vec();
    data.extend(export.as_bytes());
    data.extend(1_u16.to_be_bytes());
    data.extend(INFO_BLOCK_SIZE.to_be_bytes());
    send(stream, OPT_GO, &data)?;
    let mut agreed = None;
    let (mut min_block, mut most_payload) = (1, MOST_PAYLOAD);
    let mut acknowledged = false;
    for _ in 0..MOST_REPLIES {
        let reply = receive(stream, OPT_GO)?;
        match reply.kind {
            REP_ACK => {
                acknowledged = true;
                break;
            }
            REP_INFO => match *reply.data.as_slice() {
                [0, 0, a, b, c, d, e, f, g, h, i, j] => {
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
                let meaning = reply.refusal();
                let text = format!("the NBD server refuses export {export:?}: {meaning}");
                return Err(io::Error::other(text));
            }
            _ => {}
        }
    }
    if !acknowledged {
        return Err(broken("the NBD server does not stop answering"));
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
        headers: Headers::Simple,
        context: None,
    })
}
