//! Connections of a server: accepted, counted, negotiated with, served and ended.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::Shutdown,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustls::ServerConfig;

use super::{
    super::{link::Link, socket::Socket},
    Limits,
    export::Export,
    handshake::{Offer, Security, Step, greet, haggle},
    listen::{Arrival, Listener},
    lock,
    session::Session,
};

/// How often connections that take too long are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// After a failure to accept, which mostly means that something has run out.
const PAUSE: Duration = Duration::from_millis(100);

/// What the threads of a server share.
pub(super) struct Shared {
    exports: Vec<Export>,
    limits: Limits,
    tls: Option<Arc<ServerConfig>>,
    stopping: AtomicBool,
    open: Mutex<Table>,
    closed: Condvar,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("exports", &self.exports)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    connections: BTreeMap<u64, Open>,
}

/// A connection as others see it.
#[derive(Debug)]
struct Open {
    socket: Socket,
    /// Since when it negotiates; nothing once it is done.
    negotiates: Option<Instant>,
}

impl Shared {
    pub(super) fn new(
        exports: Vec<Export>,
        limits: Limits,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self {
            exports,
            limits,
            tls,
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            closed: Condvar::new(),
        }
    }

    /// Begins the end: nothing more is read from anybody.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for open in lock(&self.open).connections.values() {
            open.socket.shut_down(Shutdown::Read);
        }
    }

    /// Waits until every connection is closed; cuts off those that take too long.
    pub(super) fn drain(&self) {
        let mut open = lock(&self.open);
        let begun = Instant::now();
        while !open.connections.is_empty() {
            let left = self.limits.grace.saturating_sub(begun.elapsed());
            let waited = self.closed.wait_timeout(open, left.max(PAUSE));
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
            if begun.elapsed() < self.limits.grace {
                continue;
            }
            for open in open.connections.values() {
                open.socket.shut_down(Shutdown::Both);
            }
            // A disk that does not answer is not waited for: its thread ends with the process.
            let waited = self.closed.wait_timeout(open, PAUSE);
            drop(waited);
            return;
        }
    }

    /// Counts a connection, unless there are enough.
    fn enter(&self, socket: &Socket) -> Option<u64> {
        let mut open = lock(&self.open);
        // Looked at under the lock: who enters before the end begins is told of it.
        let stopping = self.stopping.load(Ordering::Acquire);
        if stopping || open.connections.len() >= self.limits.connections {
            return None;
        }
        let socket = socket.try_clone().ok()?;
        open.next += 1;
        let id = open.next;
        let negotiates = Some(Instant::now());
        let entry = Open { socket, negotiates };
        open.connections.insert(id, entry);
        Some(id)
    }

    fn leave(&self, id: u64) {
        lock(&self.open).connections.remove(&id);
        self.closed.notify_all();
    }

    /// Ends connections that do not come to an agreement.
    fn lose_patience(&self) {
        for open in lock(&self.open).connections.values() {
            let since = open.negotiates.map(|since| since.elapsed());
            if since.is_some_and(|since| since > self.limits.negotiation) {
                open.socket.shut_down(Shutdown::Both);
            }
        }
    }
}

/// Accepts until the server stops.
pub(super) fn accept(listener: &Listener, shared: &Arc<Shared>) {
    while !shared.stopping.load(Ordering::Acquire) {
        shared.lose_patience();
        match listener.wait(LOOK) {
            Ok(Arrival::Client(socket)) => begin(shared, socket),
            Ok(Arrival::Nobody) => {}
            Ok(Arrival::Woken) => break,
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn begin(shared: &Arc<Shared>, socket: Socket) {
    let Some(id) = shared.enter(&socket) else {
        return;
    };
    let entered = Entered {
        shared: Arc::clone(shared),
        id,
    };
    // Where no thread is to be had, the closure is dropped, and with it the connection.
    let _dropped = thread::Builder::new()
        .name("nbd-connection".to_owned())
        .spawn(move || {
            // A connection that fails is the client's to report: it sees it end.
            let _ended = converse(&entered, socket);
        });
}

/// A counted connection; it counts until this is dropped.
struct Entered {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.shared.leave(self.id);
    }
}

fn converse(entered: &Entered, socket: Socket) -> io::Result<()> {
    let shared = &*entered.shared;
    socket.be_impatient()?;
    let mut link = Link::new(socket);
    let no_zeroes = greet(&mut link)?;
    let mut offer = Offer {
        exports: &shared.exports,
        security: if shared.tls.is_some() {
            Security::Demanded
        } else {
            Security::Plain
        },
        no_zeroes,
    };
    let (export, terms) = loop {
        match (haggle(&mut link, offer)?, &shared.tls) {
            (Step::Serve(export, terms), _) => break (export, terms),
            (Step::Encrypt, Some(tls)) => {
                link.encrypt_as_server(Arc::clone(tls))?;
                offer.security = Security::Encrypted;
            }
            (Step::Encrypt, None) | (Step::Over, _) => {
                link.say_goodbye();
                return Ok(());
            }
        }
    };
    if let Some(open) = lock(&shared.open).connections.get_mut(&entered.id) {
        open.negotiates = None;
    }
    // A client may think for as long as it likes between its requests.
    link.wait_for_reads(None)?;
    let ends = (link.another(), link.another());
    let hang_up = || link.hang_up();
    let session = Session::new(export, terms, ends, &shared.stopping, &hang_up);
    session.run(shared.limits.requests).say_goodbye();
    Ok(())
}
