//! Replies as a server writes them.

use super::{
    super::proto::{
        EXTENDED_REPLY_MAGIC, Headers, REPLY_BLOCK_STATUS, REPLY_BLOCK_STATUS_EXT, REPLY_ERROR,
        REPLY_FLAG_DONE, REPLY_NONE, REPLY_OFFSET_DATA, SIMPLE_REPLY_MAGIC, STRUCTURED_REPLY_MAGIC,
    },
    request::Request,
    status::State,
};

/// The general error of the specification's chunk types.
const GENERAL_ERROR: u16 = REPLY_ERROR | 1;

/// Why a request was not done, in the protocol's number and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) number: u32,
    pub(super) words: String,
}

impl Refusal {
    pub(super) fn new(number: u32, words: &str) -> Self {
        Self {
            number,
            words: words.to_owned(),
        }
    }
}

/// The whole reply to a request that was done and answers nothing more.
pub(super) fn done(headers: Headers, request: &Request) -> Vec<u8> {
    match headers {
        Headers::Simple => simple(request, 0),
        Headers::Structured | Headers::Extended => {
            chunk(headers, request, REPLY_FLAG_DONE, REPLY_NONE, 0)
        }
    }
}

/// The whole reply to a request that was not done.
pub(super) fn refused(headers: Headers, request: &Request, refusal: &Refusal) -> Vec<u8> {
    if headers == Headers::Simple {
        return simple(request, refusal.number);
    }
    // Our words are short; what a disk says may not be.
    let words = refusal.words.as_bytes();
    let (len, words) = match u16::try_from(words.len()) {
        Ok(len) if len <= 512 => (len, words),
        _ => (0, &[][..]),
    };
    let payload = 6 + u32::from(len);
    let mut frame = chunk(headers, request, REPLY_FLAG_DONE, GENERAL_ERROR, payload);
    frame.extend(refusal.number.to_be_bytes());
    frame.extend(len.to_be_bytes());
    frame.extend(words);
    frame
}

/// What stands before the data of a read.
pub(super) fn data(headers: Headers, request: &Request, len: u32) -> Vec<u8> {
    if headers == Headers::Simple {
        return simple(request, 0);
    }
    let mut frame = chunk(
        headers,
        request,
        REPLY_FLAG_DONE,
        REPLY_OFFSET_DATA,
        len + 8,
    );
    frame.extend(request.offset.to_be_bytes());
    frame
}

/// The whole reply to a block status: one chunk for each context.
pub(super) fn status(
    headers: Headers,
    request: &Request,
    contexts: &[(u32, Vec<State>)],
) -> Vec<u8> {
    let mut frame = Vec::new();
    let wide = headers == Headers::Extended;
    for (index, (context, states)) in contexts.iter().enumerate() {
        let flags = if index + 1 == contexts.len() {
            REPLY_FLAG_DONE
        } else {
            0
        };
        // Bounded by the number of extents of an answer.
        let count = u32::try_from(states.len()).unwrap_or_default();
        let (kind, len) = if wide {
            (REPLY_BLOCK_STATUS_EXT, 8 + 16 * count)
        } else {
            (REPLY_BLOCK_STATUS, 4 + 8 * count)
        };
        frame.extend(chunk(headers, request, flags, kind, len));
        frame.extend(context.to_be_bytes());
        if wide {
            frame.extend(count.to_be_bytes());
        }
        for state in states {
            if wide {
                frame.extend(state.len.to_be_bytes());
                frame.extend(u64::from(state.flags).to_be_bytes());
            } else {
                // No longer than what was asked for, which had 32 bits.
                let len = u32::try_from(state.len).unwrap_or(u32::MAX);
                frame.extend(len.to_be_bytes());
                frame.extend(state.flags.to_be_bytes());
            }
        }
    }
    frame
}

fn simple(request: &Request, error: u32) -> Vec<u8> {
    let mut frame = SIMPLE_REPLY_MAGIC.to_be_bytes().to_vec();
    frame.extend(error.to_be_bytes());
    frame.extend(request.cookie.to_be_bytes());
    frame
}

fn chunk(headers: Headers, request: &Request, flags: u16, kind: u16, len: u32) -> Vec<u8> {
    let wide = headers == Headers::Extended;
    let magic = if wide {
        EXTENDED_REPLY_MAGIC
    } else {
        STRUCTURED_REPLY_MAGIC
    };
    let mut frame = magic.to_be_bytes().to_vec();
    frame.extend(flags.to_be_bytes());
    frame.extend(kind.to_be_bytes());
    frame.extend(request.cookie.to_be_bytes());
    if wide {
        frame.extend(request.offset.to_be_bytes());
        frame.extend(u64::from(len).to_be_bytes());
    } else {
        frame.extend(len.to_be_bytes());
    }
    frame
}
