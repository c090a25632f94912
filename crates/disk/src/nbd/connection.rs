//! One connection after its negotiation: many callers, each with one request at a time.
//!
//! Whoever waits first reads for all. Its own payload goes straight into its buffer; what belongs
//! to another caller is kept for it.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    handshake::{Agreed, broken, negotiate, read_u16, read_u32, read_u64},
    proto::{
        CMD_DISC, MOST_PAYLOAD, REPLY_BLOCK_STATUS, REPLY_ERROR, REPLY_FLAG_DONE, REPLY_NONE,
        REPLY_OFFSET_DATA, REPLY_OFFSET_HOLE, REQUEST_MAGIC, SIMPLE_REPLY_MAGIC,
        STRUCTURED_REPLY_MAGIC,
    },
    socket::Socket,
    uri::NbdUri,
};

/// A request; ranges lie within the export.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) command: u16,
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) payload: &'a [u8],
}

/// Where the answer of the caller's own request goes.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// Nothing but the status.
    Status,
    /// The content of a read.
    Data(&'a mut [u8]),
    /// Lengths and flags of a block status.
    Extents(&'a mut Vec<(u32, u32)>),
}

/// What is kept for a caller that does not read itself.
#[derive(Debug, Default)]
struct Kept {
    /// Offset into the request, and what is there; nothing for a hole.
    data: Vec<(u64, u32, Option<Vec<u8>>)>,
    extents: Vec<(u32, u32)>,
    error: Option<io::Error>,
    done: bool,
}

/// What the reader has to know of a request that is on its way.
#[derive(Clone, Copy, Debug)]
struct Expected {
    offset: u64,
    len: u32,
    reads: bool,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    someone_reads: bool,
    expected: HashMap<u64, Expected>,
    kept: HashMap<u64, Kept>,
    /// Why nothing works any more.
    broken: Option<(io::ErrorKind, String)>,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) agreed: Agreed,
    writer: Mutex<Socket>,
    reader: Mutex<io::BufReader<Socket>>,
    state: Mutex<State>,
    changed: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    pub(super) fn open(uri: &NbdUri) -> io::Result<Self> {
        let mut socket = Socket::connect(&uri.address)?;
        let agreed = negotiate(&mut socket, &uri.export)?;
        let reader = io::BufReader::with_capacity(4096, socket.try_clone()?);
        Ok(Self {
            agreed,
            writer: Mutex::new(socket),
            reader: Mutex::new(reader),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// What the server answered, or why the connection is gone.
    pub(super) fn call(&self, request: Request<'_>, mut sink: Sink<'_>) -> io::Result<()> {
        let cookie = {
            let mut state = lock(&self.state);
            check(&state)?;
            state.next += 1;
            let cookie = state.next;
            let expected = Expected {
                offset: request.offset,
                len: request.len,
                reads: matches!(sink, Sink::Data(_)),
            };
            state.expected.insert(cookie, expected);
            cookie
        };
        if let Err(error) = self.send(cookie, request) {
            self.break_down(&error);
            return Err(error);
        }
        self.wait(cookie, &mut sink)
    }

    fn send(&self, cookie: u64, request: Request<'_>) -> io::Result<()> {
        let mut frame = [0; 28];
        frame[..4].copy_from_slice(&REQUEST_MAGIC.to_be_bytes());
        frame[6..8].copy_from_slice(&request.command.to_be_bytes());
        frame[8..16].copy_from_slice(&cookie.to_be_bytes());
        frame[16..24].copy_from_slice(&request.offset.to_be_bytes());
        frame[24..].copy_from_slice(&request.len.to_be_bytes());
        let mut writer = lock(&self.writer);
        writer.write_all(&frame)?;
        writer.write_all(request.payload)
    }

    fn wait(&self, cookie: u64, sink: &mut Sink<'_>) -> io::Result<()> {
        let mut state = lock(&self.state);
        loop {
            if state.kept.get(&cookie).is_some_and(|kept| kept.done) {
                let kept = state.kept.remove(&cookie).unwrap_or_default();
                let expected = state.expected.remove(&cookie);
                drop(state);
                return hand_over(kept, expected, sink);
            }
            check(&state)?;
            if state.someone_reads {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.someone_reads = true;
            // Chunks that others kept before this caller began to read.
            let earlier = state.kept.remove(&cookie);
            let expected = state.expected.get(&cookie).copied();
            drop(state);
            let result = self.read_until(cookie, earlier, expected, sink);
            let mut after = lock(&self.state);
            after.someone_reads = false;
            after.expected.remove(&cookie);
            if let Err(Failure::Connection(error)) = &result {
                after.broken = Some((error.kind(), error.to_string()));
            }
            drop(after);
            self.changed.notify_all();
            return result.map_err(Failure::into_inner);
        }
    }

    fn break_down(&self, error: &io::Error) {
        lock(&self.state).broken = Some((error.kind(), error.to_string()));
        self.changed.notify_all();
    }

    /// Reads replies until the caller's own is complete.
    fn read_until(
        &self,
        cookie: u64,
        earlier: Option<Kept>,
        expected: Option<Expected>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let mut reader = lock(&self.reader);
        let mut error = None;
        if let Some(mut kept) = earlier {
            error = kept.error.take();
            kept.done = true;
            hand_over(kept, expected, sink).map_err(Failure::Connection)?;
        }
        loop {
            let chunk = self.chunk(&mut reader)?;
            let mine = chunk.cookie == cookie;
            let wanted = if mine {
                expected
            } else {
                lock(&self.state).expected.get(&chunk.cookie).copied()
            };
            let Some(wanted) = wanted else {
                return Err(broken("an answer to nothing that was asked").into());
            };
            if mine {
                let failed = receive(&mut reader, &chunk, wanted, sink)?;
                error = error.or(failed);
                if chunk.done {
                    return error.map_or(Ok(()), |error| Err(Failure::Answer(error)));
                }
                continue;
            }
            let mut kept = Kept::default();
            keep(&mut reader, &chunk, wanted, &mut kept)?;
            let mut state = lock(&self.state);
            let all = state.kept.entry(chunk.cookie).or_default();
            all.data.extend(kept.data);
            all.extents.extend(kept.extents);
            all.error = all.error.take().or(kept.error);
            all.done = chunk.done;
            drop(state);
            if chunk.done {
                self.changed.notify_all();
            }
        }
    }

    /// The header of the next reply, simple or structured.
    fn chunk(&self, reader: &mut io::BufReader<Socket>) -> Result<Chunk, Failure> {
        match read_u32(reader)? {
            SIMPLE_REPLY_MAGIC => {
                let error = read_u32(reader)?;
                let cookie = read_u64(reader)?;
                Ok(Chunk {
                    cookie,
                    done: true,
                    content: Content::Simple { error },
                })
            }
            STRUCTURED_REPLY_MAGIC if self.agreed.structured => {
                let flags = read_u16(reader)?;
                let kind = read_u16(reader)?;
                let cookie = read_u64(reader)?;
                let len = read_u32(reader)?;
                if len > MOST_PAYLOAD + 8 {
                    return Err(broken("a chunk of the NBD server is too long").into());
                }
                Ok(Chunk {
                    cookie,
                    done: flags & REPLY_FLAG_DONE != 0,
                    content: Content::Structured { kind, len },
                })
            }
            _ => Err(broken("the NBD server answered something that is no reply").into()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let goodbye = Request {
            command: CMD_DISC,
            offset: 0,
            len: 0,
            payload: &[],
        };
        // A server that is gone needs no goodbye.
        drop(self.send(0, goodbye));
    }
}

fn check(state: &State) -> io::Result<()> {
    match &state.broken {
        None => Ok(()),
        Some((kind, words)) => Err(io::Error::new(*kind, words.clone())),
    }
}

/// Why a call failed: the connection is gone, or the server answered with an error.
enum Failure {
    Connection(io::Error),
    Answer(io::Error),
}

impl Failure {
    fn into_inner(self) -> io::Error {
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

struct Chunk {
    cookie: u64,
    done: bool,
    content: Content,
}

enum Content {
    Simple { error: u32 },
    Structured { kind: u16, len: u32 },
}

/// Reads a chunk's payload to where it belongs; an error that the server reports is returned.
fn receive(
    reader: &mut io::BufReader<Socket>,
    chunk: &Chunk,
    expected: Expected,
    sink: &mut Sink<'_>,
) -> io::Result<Option<io::Error>> {
    let (kind, len) = match chunk.content {
        Content::Simple { error: 0 } => {
            if let Sink::Data(buffer) = sink {
                reader.read_exact(buffer)?;
            }
            return Ok(None);
        }
        Content::Simple { error } => return Ok(Some(server_error(error, ""))),
        Content::Structured { kind, len } => (kind, len),
    };
    match (kind, sink) {
        (REPLY_NONE, _) if len == 0 => Ok(None),
        (REPLY_OFFSET_DATA, Sink::Data(buffer)) if len > 8 => {
            let offset = read_u64(reader)?;
            reader.read_exact(part(buffer, expected, offset, len - 8)?)?;
            Ok(None)
        }
        (REPLY_OFFSET_HOLE, Sink::Data(buffer)) if len == 12 => {
            let offset = read_u64(reader)?;
            let hole = read_u32(reader)?;
            part(buffer, expected, offset, hole)?.fill(0);
            Ok(None)
        }
        (REPLY_BLOCK_STATUS, Sink::Extents(extents)) if len >= 12 && len % 8 == 4 => {
            let _context = read_u32(reader)?;
            for _ in 0..len / 8 {
                extents.push((read_u32(reader)?, read_u32(reader)?));
            }
            Ok(None)
        }
        (kind, _) if kind & REPLY_ERROR != 0 && len >= 6 => {
            let error = read_u32(reader)?;
            let words = u32::from(read_u16(reader)?);
            let mut text = vec![0; size(words.min(len - 6))];
            reader.read_exact(&mut text)?;
            // An offset may follow.
            io::copy(
                &mut reader.take(u64::from(len - 6).saturating_sub(text.len() as u64)),
                &mut io::sink(),
            )?;
            Ok(Some(server_error(error, &String::from_utf8_lossy(&text))))
        }
        _ => Err(broken("the NBD server sent a chunk that was not asked for")),
    }
}

/// Reads a chunk for a caller that is not the reader.
fn keep(
    reader: &mut io::BufReader<Socket>,
    chunk: &Chunk,
    expected: Expected,
    kept: &mut Kept,
) -> io::Result<()> {
    let whole = matches!(chunk.content, Content::Simple { error: 0 });
    let data_len = match chunk.content {
        Content::Simple { error: 0 } if expected.reads => Some((expected.offset, expected.len)),
        Content::Structured {
            kind: REPLY_OFFSET_DATA,
            len,
        } if expected.reads && len > 8 => Some((read_u64(reader)?, len - 8)),
        Content::Structured {
            kind: REPLY_OFFSET_HOLE,
            len: 12,
        } if expected.reads => {
            let offset = read_u64(reader)?;
            let hole = read_u32(reader)?;
            kept.data.push((offset, hole, None));
            return Ok(());
        }
        Content::Simple { .. } | Content::Structured { .. } => None,
    };
    if let Some((offset, len)) = data_len {
        if !whole && len > expected.len {
            return Err(broken("the NBD server sent more than was asked for"));
        }
        let mut data = vec![0; size(len)];
        reader.read_exact(&mut data)?;
        kept.data.push((offset, len, Some(data)));
        return Ok(());
    }
    let mut sink = if expected.reads {
        Sink::Status
    } else {
        Sink::Extents(&mut kept.extents)
    };
    kept.error = receive(reader, chunk, expected, &mut sink)?;
    Ok(())
}

/// Gives a caller what was kept for it.
fn hand_over(mut kept: Kept, expected: Option<Expected>, sink: &mut Sink<'_>) -> io::Result<()> {
    if let Some(error) = kept.error.take() {
        return Err(error);
    }
    match (sink, expected) {
        (Sink::Data(buffer), Some(expected)) => {
            for (offset, len, data) in kept.data {
                let to = part(buffer, expected, offset, len)?;
                match data {
                    Some(data) => to.copy_from_slice(&data),
                    None => to.fill(0),
                }
            }
        }
        (Sink::Extents(extents), _) => extents.extend(kept.extents),
        (Sink::Status | Sink::Data(_), _) => {}
    }
    Ok(())
}

/// The part of a read's buffer that a chunk names.
fn part(buffer: &mut [u8], expected: Expected, offset: u64, len: u32) -> io::Result<&mut [u8]> {
    let from = offset.checked_sub(expected.offset);
    let from = from.and_then(|from| usize::try_from(from).ok());
    from.and_then(|from| buffer.get_mut(from..from.checked_add(size(len))?))
        .ok_or_else(|| broken("the NBD server sent a range that was not asked for"))
}

fn size(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

fn server_error(number: u32, words: &str) -> io::Error {
    let number = i32::try_from(number).unwrap_or(5);
    let error = io::Error::from_raw_os_error(number);
    if words.is_empty() {
        return error;
    }
    io::Error::new(error.kind(), format!("{error}: {words}"))
}
