//! Replies as a client reads them: simple, in chunks, or in chunks with long headers.
//!
//! Every length is checked against what was asked for before anything is read or kept.

use std::io::{self, Read};

use super::{
    proto::{
        EXTENDED_REPLY_MAGIC, Headers, MOST_PAYLOAD, REPLY_BLOCK_STATUS, REPLY_BLOCK_STATUS_EXT,
        REPLY_ERROR, REPLY_FLAG_DONE, REPLY_NONE, REPLY_OFFSET_DATA, REPLY_OFFSET_HOLE,
        SIMPLE_REPLY_MAGIC, STRUCTURED_REPLY_MAGIC,
    },
    status::{BadStatus, MOST},
    wire::{broken, read_u16, read_u32, read_u64, size},
};

/// Parts of one answer that do not touch, while more of it comes: an honest server sends them in
/// order, or some at a time.
const MOST_PARTS: usize = 1024;

/// Where the answer of a request goes.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// Nothing but the status.
    Status,
    /// The content of a read.
    Data(&'a mut [u8]),
    /// Lengths and flags of a block status.
    Extents(&'a mut Vec<(u64, u64)>),
}

impl Sink<'_> {
    /// The same place, empty, for another try.
    pub(super) fn again(&mut self) -> Sink<'_> {
        match self {
            Self::Status => Sink::Status,
            Self::Data(buffer) => Sink::Data(buffer),
            Self::Extents(extents) => {
                extents.clear();
                Sink::Extents(extents)
            }
        }
    }
}

/// What the reader has to know of a request that is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) offset: u64,
    pub(super) kind: Kind,
}

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Status,
    /// So many bytes.
    Data(u32),
    /// The status of this context.
    Extents(u32),
}

/// What came of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    covered: Covered,
    has_extents: bool,
    error: Option<io::Error>,
}

impl Answer {
    /// The answer's end: everything has come, or an error.
    ///
    /// # Errors
    /// [`Failure::Answer`] as the server said it; [`Failure::Connection`] when something is missing
    /// and nobody said why.
    pub(super) fn end(self, expected: Expected) -> Result<(), Failure> {
        if let Some(error) = self.error {
            return Err(Failure::Answer(error));
        }
        let whole = match expected.kind {
            Kind::Status => true,
            Kind::Data(len) => self.covered.is_all(u64::from(len)),
            Kind::Extents(_) => self.has_extents,
        };
        if whole {
            Ok(())
        } else {
            Err(broken("the NBD server answered with less than was asked for").into())
        }
    }
}

/// Which parts of a read have come: apart, not touching, in order.
#[derive(Debug, Default)]
struct Covered(Vec<(u64, u64)>);

impl Covered {
    /// Takes a part in.
    ///
    /// # Errors
    /// When something of it has come before, it is empty, or the answer is in too many parts.
    fn add(&mut self, from: u64, len: u64) -> io::Result<()> {
        let end = from + len;
        let place = self.0.partition_point(|(start, _)| *start < from);
        let before = place.checked_sub(1).map(|before| self.0[before].1);
        let after = self.0.get(place).map(|(start, _)| *start);
        if len == 0 || before.is_some_and(|it| it > from) || after.is_some_and(|it| it < end) {
            return Err(broken("the NBD server sent a part of an answer twice"));
        }
        match (before == Some(from), after == Some(end)) {
            (true, true) => {
                let (_, last) = self.0.remove(place);
                self.0[place - 1].1 = last;
            }
            (true, false) => self.0[place - 1].1 = end,
            (false, true) => self.0[place].0 = from,
            (false, false) if self.0.len() < MOST_PARTS => self.0.insert(place, (from, end)),
            (false, false) => {
                return Err(broken("the NBD server sent an answer in too many parts"));
            }
        }
        Ok(())
    }

    /// Whether exactly so many bytes have come, from the first on.
    fn is_all(&self, len: u64) -> bool {
        match *self.0.as_slice() {
            [] => len == 0,
            [(from, end)] => from == 0 && end == len,
            [..] => false,
        }
    }
}

/// Why a call failed: the connection is gone, or the server answered with an error.
#[derive(Debug)]
pub(super) enum Failure {
    Connection(io::Error),
    Answer(io::Error),
}

impl Failure {
    pub(super) fn into_inner(self) -> io::Error {
        match self {
            Self::Connection(error) | Self::Answer(error) => error,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

/// The header of a reply, or of one chunk of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) cookie: u64,
    /// Whether it is the last of its reply.
    pub(super) done: bool,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Simple { error: u32 },
    Chunk { kind: u16, len: u32 },
}

/// Reads the header of the next reply.
pub(super) fn chunk(reader: &mut impl Read, headers: Headers) -> io::Result<Chunk> {
    let magic = read_u32(reader)?;
    match (magic, headers) {
        (SIMPLE_REPLY_MAGIC, Headers::Simple | Headers::Structured) => {
            let error = read_u32(reader)?;
            Ok(Chunk {
                cookie: read_u64(reader)?,
                done: true,
                content: Content::Simple { error },
            })
        }
        (STRUCTURED_REPLY_MAGIC, Headers::Structured)
        | (EXTENDED_REPLY_MAGIC, Headers::Extended) => {
            let flags = read_u16(reader)?;
            let kind = read_u16(reader)?;
            let cookie = read_u64(reader)?;
            let len = if headers == Headers::Extended {
                let _offset = read_u64(reader)?;
                read_u64(reader)?
            } else {
                u64::from(read_u32(reader)?)
            };
            let len = u32::try_from(len).ok();
            let len = len.filter(|len| *len <= MOST_PAYLOAD + 8);
            let len = len.ok_or_else(|| broken("a chunk of the NBD server is too long"))?;
            Ok(Chunk {
                cookie,
                done: flags & REPLY_FLAG_DONE != 0,
                content: Content::Chunk { kind, len },
            })
        }
        _ => Err(broken("the NBD server answered something that is no reply")),
    }
}

/// Reads a chunk's payload to where it belongs; an error that the server reports is noted in the
/// answer.
pub(super) fn receive(
    reader: &mut impl Read,
    chunk: &Chunk,
    expected: Expected,
    sink: &mut Sink<'_>,
    answer: &mut Answer,
) -> io::Result<()> {
    let (kind, len) = match chunk.content {
        Content::Simple { error: 0 } => {
            if let Sink::Data(buffer) = sink {
                reader.read_exact(buffer)?;
                answer.covered.add(0, buffer.len() as u64)?;
            }
            return Ok(());
        }
        Content::Simple { error } => {
            answer.error = Some(server_error(error, ""));
            return Ok(());
        }
        Content::Chunk { kind, len } => (kind, len),
    };
    match (kind, sink) {
        (REPLY_NONE, _) if len == 0 => Ok(()),
        (REPLY_OFFSET_DATA, Sink::Data(buffer)) if len > 8 => {
            let offset = read_u64(reader)?;
            let part = part(buffer, expected, offset, len - 8)?;
            answer
                .covered
                .add(offset - expected.offset, u64::from(len - 8))?;
            reader.read_exact(part)
        }
        (REPLY_OFFSET_HOLE, Sink::Data(buffer)) if len == 12 => {
            let offset = read_u64(reader)?;
            let hole = read_u32(reader)?;
            let part = part(buffer, expected, offset, hole)?;
            answer
                .covered
                .add(offset - expected.offset, u64::from(hole))?;
            part.fill(0);
            Ok(())
        }
        (REPLY_BLOCK_STATUS | REPLY_BLOCK_STATUS_EXT, Sink::Extents(extents)) => {
            if answer.has_extents {
                return Err(broken("the NBD server sent one block status twice"));
            }
            answer.has_extents = true;
            status(reader, kind, len, expected, extents)
        }
        (kind, _) if kind & REPLY_ERROR != 0 && len >= 6 => {
            let error = reported(reader, len)?;
            answer.error.get_or_insert(error);
            Ok(())
        }
        _ => Err(broken("the NBD server sent a chunk that was not asked for")),
    }
}

fn status(
    reader: &mut impl Read,
    kind: u16,
    len: u32,
    expected: Expected,
    extents: &mut Vec<(u64, u64)>,
) -> io::Result<()> {
    let wide = kind == REPLY_BLOCK_STATUS_EXT;
    let (head, each) = if wide { (8, 16) } else { (4, 8) };
    let count = len.saturating_sub(head) / each;
    if size(count) > MOST {
        return Err(BadStatus::TooMany.into());
    }
    if count == 0 || head + count * each != len {
        return Err(broken("a block status of the NBD server makes no sense"));
    }
    let context = read_u32(reader)?;
    if expected.kind != Kind::Extents(context) || wide && read_u32(reader)? != count {
        return Err(broken(
            "the NBD server sent a block status of something else",
        ));
    }
    for _ in 0..count {
        extents.push(if wide {
            (read_u64(reader)?, read_u64(reader)?)
        } else {
            (read_u32(reader)?.into(), read_u32(reader)?.into())
        });
    }
    Ok(())
}

/// An error chunk; an offset may follow its text.
fn reported(reader: &mut impl Read, len: u32) -> io::Result<io::Error> {
    let error = read_u32(reader)?;
    let words = u32::from(read_u16(reader)?).min(len - 6);
    let mut text = vec![0; size(words)];
    reader.read_exact(&mut text)?;
    let rest = u64::from(len - 6 - words);
    if io::copy(&mut reader.take(rest), &mut io::sink())? < rest {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(server_error(error, &String::from_utf8_lossy(&text)))
}

/// The part of a read's buffer that a chunk names.
fn part(buffer: &mut [u8], expected: Expected, offset: u64, len: u32) -> io::Result<&mut [u8]> {
    let from = offset.checked_sub(expected.offset);
    let from = from.and_then(|from| usize::try_from(from).ok());
    from.and_then(|from| buffer.get_mut(from..from.checked_add(size(len))?))
        .ok_or_else(|| broken("the NBD server sent a range that was not asked for"))
}

fn server_error(number: u32, words: &str) -> io::Error {
    let number = i32::try_from(number).unwrap_or(5);
    let error = io::Error::from_raw_os_error(number);
    if words.is_empty() {
        return error;
    }
    io::Error::new(error.kind(), format!("{error}: {words}"))
}

#[cfg(test)]
mod tests;
