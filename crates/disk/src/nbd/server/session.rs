//! An agreed connection: a few workers take turns at reading a request, and answer at once.
//!
//! Who holds the reader reads one request with its payload, hands the reader on and does the work;
//! so as many requests are under way as there are workers, and nobody reads more than can be done.

use std::{
    io::{self, BufReader, Read, Write},
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{
    super::{proto::MOST_PAYLOAD, wire::size},
    buffer::Buffer,
    export::Export,
    handshake::Terms,
    lock,
    perform::{Outcome, perform},
    reply,
    request::{self, Command, Request},
};

/// Bytes that the requests of one connection hold together: two of the longest.
const MOST_HELD: u64 = 2 * MOST_PAYLOAD as u64;

/// What the workers of one connection share.
pub(in super::super) struct Session<'a, R, W> {
    export: &'a Export,
    terms: Terms,
    reader: Mutex<BufReader<R>>,
    writer: Mutex<W>,
    held: Mutex<u64>,
    released: Condvar,
    /// Nothing more is read.
    over: AtomicBool,
    stopping: &'a AtomicBool,
    /// Ends the connection at once: a reply that was cut off has no end.
    hang_up: &'a (dyn Fn() + Sync),
}

impl<'a, R: Read + Send, W: Write + Send> Session<'a, R, W> {
    pub(in super::super) fn new(
        export: &'a Export,
        terms: Terms,
        (reader, writer): (R, W),
        stopping: &'a AtomicBool,
        hang_up: &'a (dyn Fn() + Sync),
    ) -> Self {
        Self {
            export,
            terms,
            reader: Mutex::new(BufReader::with_capacity(4096, reader)),
            writer: Mutex::new(writer),
            held: Mutex::new(0),
            released: Condvar::new(),
            over: AtomicBool::new(false),
            stopping,
            hang_up,
        }
    }

    /// Serves until the client is done or gone; gives the writer back when every request that was
    /// read has been answered.
    pub(in super::super) fn run(self, workers: usize) -> W {
        thread::scope(|scope| {
            for _ in 1..workers {
                let worker = thread::Builder::new().name("nbd-worker".to_owned());
                // With fewer threads than wished for, it goes on more slowly.
                let _fewer = worker.spawn_scoped(scope, || self.work());
            }
            self.work();
        });
        self.writer
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let guard = HangUpOnPanic(self.hang_up);
        let mut buffer = Buffer::default();
        while let Some((request, held)) = self.next(&mut buffer) {
            if self.answer(&request, &mut buffer).is_err() {
                self.over.store(true, Ordering::Release);
                (self.hang_up)();
            }
            buffer.shrink();
            drop(held);
        }
        drop(guard);
    }

    /// The next request with its payload; none when there is nothing more to read.
    fn next(&self, buffer: &mut Buffer) -> Option<(Request, Held<'_>)> {
        let mut reader = lock(&self.reader);
        if self.over.load(Ordering::Acquire) {
            return None;
        }
        let read = self.read(&mut reader, buffer);
        // A client that breaks the protocol is answered no more than one that is gone.
        let next = read.ok().flatten();
        if next.is_none() {
            self.over.store(true, Ordering::Release);
        }
        next
    }

    fn read(
        &self,
        reader: &mut BufReader<R>,
        buffer: &mut Buffer,
    ) -> io::Result<Option<(Request, Held<'_>)>> {
        let Some(request) = request::read(reader, self.terms.headers)? else {
            return Ok(None);
        };
        if request.command == Command::Disconnect {
            return Ok(None);
        }
        let reads = match request.command {
            // Longer ones are refused.
            Command::Read => request.len.min(MOST_PAYLOAD.into()),
            Command::Write
            | Command::Disconnect
            | Command::Flush
            | Command::Trim
            | Command::WriteZeroes
            | Command::BlockStatus
            | Command::Other => 0,
        };
        let held = self.hold(reads.max(request.payload.into()));
        if request.payload > 0 {
            reader.read_exact(buffer.payload(size(request.payload)))?;
        }
        Ok(Some((request, held)))
    }

    /// Waits until so many bytes may be held: who holds some needs nothing that this one holds.
    fn hold(&self, bytes: u64) -> Held<'_> {
        let mut held = lock(&self.held);
        while *held > 0 && *held + bytes > MOST_HELD {
            held = self
                .released
                .wait(held)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *held += bytes;
        Held {
            bytes,
            of: &self.held,
            released: &self.released,
        }
    }

    fn answer(&self, request: &Request, buffer: &mut Buffer) -> io::Result<()> {
        let headers = self.terms.headers;
        let outcome = perform(self.export, self.terms, request, buffer, self.stopping);
        let head = match &outcome {
            Ok(Outcome::Done) => reply::done(headers, request),
            Ok(Outcome::Data(len)) => {
                let head = reply::data(headers, request, *len);
                return lock(&self.writer).write_all(buffer.framed(&head));
            }
            Ok(Outcome::Status(contexts)) => reply::status(headers, request, contexts),
            Err(refusal) => reply::refused(headers, request, refusal),
        };
        lock(&self.writer).write_all(&head)
    }
}

/// Bytes that count as held until they are dropped.
struct Held<'a> {
    bytes: u64,
    of: &'a Mutex<u64>,
    released: &'a Condvar,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *lock(self.of) -= self.bytes;
        self.released.notify_all();
    }
}

/// A disk that panics ends the connection, or its other workers would wait for each other.
struct HangUpOnPanic<'a>(&'a (dyn Fn() + Sync));

impl Drop for HangUpOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}
