//! A place for one connection: when it is lost another one is made, and the request is sent again.
//! Every request names its bytes, so a second time changes nothing.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    connection::{Connection, Request},
    handshake::{Agreed, Status},
    interrupt::Interrupt,
    reply::{Failure, Sink},
    uri::NbdUri,
    writes::{Before, Writes},
};

/// How long is waited before each try to connect again: two seconds in all.
const WAITS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_secs(1),
];
/// Connections that are made again in a disk's life: a server that drops more is of no use.
const MOST: u64 = 64;

/// What the connections of one disk have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) uri: NbdUri,
    /// What every connection must agree on.
    pub(super) agreed: Agreed,
    pub(super) interrupt: Interrupt,
    pub(super) writes: Writes,
}

/// A connection with the number of callers that wait for it.
#[derive(Debug)]
pub(super) struct Slot {
    current: Mutex<Current>,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Current {
    connection: Arc<Connection>,
    /// It was lost and no other one could be made.
    given_up: bool,
}

impl Slot {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            current: Mutex::new(Current {
                connection: Arc::new(connection),
                given_up: false,
            }),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Callers that wait for an answer here.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for its answer; sends it once more over another connection when
    /// this one is lost. Returns what was so before it was sent, the time that it was answered.
    ///
    /// # Errors
    /// What the server answered, or why the connection is gone.
    pub(super) fn call(
        &self,
        common: &Common,
        request: Request<'_>,
        sink: Sink<'_>,
    ) -> io::Result<Before> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let result = self.call_twice(common, request, sink);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        result.map_err(named)
    }

    fn call_twice(
        &self,
        common: &Common,
        request: Request<'_>,
        mut sink: Sink<'_>,
    ) -> io::Result<Before> {
        let before = common.writes.before();
        let connection = Arc::clone(&self.lock().connection);
        let error = match connection.call(request, sink.again()) {
            Ok(()) => return Ok(before),
            Err(Failure::Connection(error)) if is_lost(&error) => error,
            Err(failure) => return Err(failure.into_inner()),
        };
        let next = self.connect_again(common, &connection, error)?;
        let before = common.writes.before();
        let done = next.call(request, sink);
        done.map(|()| before).map_err(Failure::into_inner)
    }

    /// Another connection instead of one that was lost; whoever comes first makes it.
    fn connect_again(
        &self,
        common: &Common,
        lost: &Arc<Connection>,
        error: io::Error,
    ) -> io::Result<Arc<Connection>> {
        let mut current = self.lock();
        if !Arc::ptr_eq(&current.connection, lost) {
            return Ok(Arc::clone(&current.connection));
        }
        if current.given_up {
            return Err(error);
        }
        common.writes.lost();
        let made = connect(common);
        match made {
            Ok(made) => {
                current.connection = Arc::new(made);
                Ok(Arc::clone(&current.connection))
            }
            Err(why) => {
                current.given_up = true;
                // Of the kind that the loss was: it is not the medium that fails.
                let words = format!("{error}, and connecting again failed: {why}");
                Err(io::Error::new(error.kind(), words))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(common: &Common) -> io::Result<Connection> {
    let (connections, _) = common.writes.losses();
    if connections > MOST {
        return Err(io::Error::other("it was lost too often"));
    }
    let mut why = io::Error::from(io::ErrorKind::NotConnected);
    for wait in WAITS {
        common.interrupt.rest(wait)?;
        match Connection::open(&common.uri, Status::Allocation, &common.interrupt) {
            Ok(made) if made.agreed == common.agreed => return Ok(made),
            Ok(_) => return Err(io::Error::other("the export is another one now")),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// A peer that closes in the middle of an answer is gone; of a file the same kind says that it is short.
pub(super) fn named(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let words = format!("the server is gone: {error}");
        return io::Error::new(io::ErrorKind::ConnectionAborted, words);
    }
    error
}

/// Whether the peer is gone, rather than silent or speaking nonsense.
fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::BrokenPipe
            | Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::NotConnected
            | Kind::UnexpectedEof
    )
}
