//! One connection after its negotiation: many callers, each with one request at a time.
//!
//! Whoever waits first reads for all. Its own payload goes straight into its buffer; what belongs
//! to another caller is kept for it.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    handshake::{Agreed, Status, ask_tls, greet, negotiate},
    interrupt::Interrupt,
    link::Link,
    proto::{CMD_DISC, CMD_WRITE, EXTENDED_REQUEST_MAGIC, Headers, REQUEST_MAGIC, flag},
    reply::{Answer, Expected, Failure, Kind, Sink, chunk, receive},
    socket::Socket,
    tls,
    uri::NbdUri,
    wire::{broken, size},
};

/// A request; ranges lie within the export.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) command: u16,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) payload: &'a [u8],
}

/// Pieces of memory that are kept for what comes next.
const SPARE: usize = 4;

/// What is kept for a caller that does not read itself.
#[derive(Debug, Default)]
struct Kept {
    /// Of a read, as long as it once something of it has come.
    data: Vec<u8>,
    extents: Vec<(u64, u64)>,
    answer: Answer,
    done: bool,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    someone_reads: bool,
    expected: HashMap<u64, Expected>,
    kept: HashMap<u64, Kept>,
    /// Memory of data that was handed over, for the next to be kept: allocated in one thread and freed in
    /// another it would come to much more than is ever in use.
    spare: Vec<Vec<u8>>,
    /// Why nothing works any more.
    broken: Option<(io::ErrorKind, String)>,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) agreed: Agreed,
    writer: Mutex<Link>,
    reader: Mutex<io::BufReader<Link>>,
    state: Mutex<State>,
    changed: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Connects and negotiates, until `interrupt` ends that and everything after.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(super) fn open(
        uri: &NbdUri,
        status: Status<'_>,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let config = uri.tls.as_ref().map(|tls| tls::client(&tls.certificates));
        let config = config.transpose()?;
        let mut link = Link::new(Socket::connect(&uri.address)?);
        interrupt.watch(link.socket())?;
        greet(&mut link)?;
        if let Some(config) = config {
            ask_tls(&mut link)?;
            link.encrypt_as_client(config, uri.certified_name())?;
        }
        let agreed = negotiate(&mut link, &uri.export, status)?;
        Ok(Self {
            agreed,
            writer: Mutex::new(link.another()),
            reader: Mutex::new(io::BufReader::with_capacity(4096, link)),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// What the server answered, or why the connection is gone.
    pub(super) fn call(&self, request: Request<'_>, mut sink: Sink<'_>) -> Result<(), Failure> {
        let expected = Expected {
            offset: request.offset,
            kind: match &sink {
                Sink::Status => Kind::Status,
                Sink::Data(_) => Kind::Data(self.fitting(request.len).map_err(Failure::Answer)?),
                Sink::Extents(_) => Kind::Extents(self.agreed.context.unwrap_or_default()),
            },
        };
        let cookie = {
            let mut state = lock(&self.state);
            check(&state)?;
            state.next += 1;
            let cookie = state.next;
            state.expected.insert(cookie, expected);
            cookie
        };
        if let Err(error) = self.send(cookie, request) {
            self.break_down(&error);
            return Err(error.into());
        }
        self.wait(cookie, expected, &mut sink)
    }

    /// A length that the server takes at once.
    fn fitting(&self, len: u64) -> io::Result<u32> {
        let fitting = u32::try_from(len).ok();
        let fitting = fitting.filter(|len| *len <= self.agreed.most_payload);
        fitting.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too long a request"))
    }

    fn send(&self, cookie: u64, request: Request<'_>) -> io::Result<()> {
        let mut frame = Vec::with_capacity(32);
        let extended = self.agreed.headers == Headers::Extended;
        let (magic, flags) = match (extended, request.command) {
            (false, _) => (REQUEST_MAGIC, 0),
            (true, CMD_WRITE) => (EXTENDED_REQUEST_MAGIC, flag::PAYLOAD_LEN),
            (true, _) => (EXTENDED_REQUEST_MAGIC, 0),
        };
        frame.extend(magic.to_be_bytes());
        frame.extend(flags.to_be_bytes());
        frame.extend(request.command.to_be_bytes());
        frame.extend(cookie.to_be_bytes());
        frame.extend(request.offset.to_be_bytes());
        if extended {
            frame.extend(request.len.to_be_bytes());
        } else {
            let len = u32::try_from(request.len);
            frame.extend(len.map_err(|_| broken("too long a request"))?.to_be_bytes());
        }
        let mut writer = lock(&self.writer);
        writer.write_all(&frame)?;
        writer.write_all(request.payload)
    }

    fn wait(&self, cookie: u64, expected: Expected, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let mut state = lock(&self.state);
        loop {
            if state.kept.get(&cookie).is_some_and(|kept| kept.done) {
                let kept = state.kept.remove(&cookie).unwrap_or_default();
                state.expected.remove(&cookie);
                drop(state);
                return self.hand_over(kept, sink).end(expected);
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
            let earlier = state.kept.remove(&cookie).unwrap_or_default();
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
            return result;
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
        earlier: Kept,
        expected: Expected,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let mut reader = lock(&self.reader);
        let mut answer = self.hand_over(earlier, sink);
        loop {
            let chunk = chunk(&mut *reader, self.agreed.headers)?;
            if chunk.cookie == cookie {
                receive(&mut *reader, &chunk, expected, sink, &mut answer)?;
                if chunk.done {
                    return answer.end(expected);
                }
                continue;
            }
            let (other, mut kept) = {
                let mut state = lock(&self.state);
                let expected = state.expected.get(&chunk.cookie).copied();
                let mut kept = state.kept.remove(&chunk.cookie);
                if kept.is_none() && matches!(expected.map(|it| it.kind), Some(Kind::Data(_))) {
                    kept = state.spare.pop().map(|data| Kept {
                        data,
                        ..Kept::default()
                    });
                }
                (expected, kept)
            };
            let done = kept.as_ref().is_some_and(|kept| kept.done);
            let Some(other) = other.filter(|_| !done) else {
                return Err(broken("an answer to nothing that was asked").into());
            };
            let mut kept = kept.take().unwrap_or_default();
            kept.done = chunk.done;
            let mut sink = match other.kind {
                Kind::Status => Sink::Status,
                Kind::Data(len) => {
                    kept.data.resize(size(len), 0);
                    Sink::Data(&mut kept.data)
                }
                Kind::Extents(_) => Sink::Extents(&mut kept.extents),
            };
            receive(&mut *reader, &chunk, other, &mut sink, &mut kept.answer)?;
            lock(&self.state).kept.insert(chunk.cookie, kept);
            if chunk.done {
                self.changed.notify_all();
            }
        }
    }

    /// Gives a caller what was kept for it.
    fn hand_over(&self, kept: Kept, sink: &mut Sink<'_>) -> Answer {
        match sink {
            Sink::Data(buffer) if kept.data.len() == buffer.len() => {
                buffer.copy_from_slice(&kept.data);
            }
            Sink::Extents(extents) => extents.extend(kept.extents),
            // Nothing was kept, or nothing can be.
            Sink::Status | Sink::Data(_) => {}
        }
        let mut memory = kept.data;
        // Nobody may take what it holds for an answer.
        memory.clear();
        if memory.capacity() > 0 {
            let mut state = lock(&self.state);
            if state.spare.len() < SPARE {
                state.spare.push(memory);
            }
        }
        kept.answer
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
        if self.send(0, goodbye).is_ok() {
            lock(&self.writer).say_goodbye();
        }
    }
}

fn check(state: &State) -> io::Result<()> {
    match &state.broken {
        None => Ok(()),
        Some((kind, words)) => Err(io::Error::new(*kind, words.clone())),
    }
}
