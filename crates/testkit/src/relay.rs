//! A relay between a client and a server on unix sockets: a link that falls silent or breaks.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// Passes on what both ends say, until it is told otherwise. Ends when dropped.
#[derive(Debug)]
pub struct Relay {
    listen: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: PathBuf,
    ended: AtomicBool,
    /// Connections before this one are silent.
    silent_before: AtomicU64,
    /// A connection is cut once so many bytes of the server have passed.
    cut_after: AtomicU64,
    accepted: AtomicU64,
    streams: Mutex<Vec<UnixStream>>,
}

impl Shared {
    fn streams(&self) -> MutexGuard<'_, Vec<UnixStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        for stream in self.streams().drain(..) {
            // It may have ended by itself.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl Relay {
    /// Listens at `listen` for whoever wants to speak with the server at `to`.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub fn start(listen: &Path, to: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(listen)?;
        let shared = Arc::new(Shared {
            to: to.to_owned(),
            ended: AtomicBool::new(false),
            silent_before: AtomicU64::new(0),
            cut_after: AtomicU64::new(u64::MAX),
            accepted: AtomicU64::new(0),
            streams: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.ended.load(Ordering::SeqCst) {
                    return;
                }
                // A client whose server is not there is hung up on.
                drop(client.and_then(|client| join(&of_thread, client)));
            }
        });
        Ok(Self {
            listen: listen.to_owned(),
            shared,
        })
    }

    /// Passes on nothing more of what the server says; connections stay.
    pub fn fall_silent(&self) {
        self.shared.silent_before.store(u64::MAX, Ordering::SeqCst);
    }

    /// Cuts every connection as a server that dies with them: nothing that it says after `dies`
    /// comes through. New connections may be made.
    pub fn cut_with(&self, dies: impl FnOnce()) {
        let so_far = self.accepted();
        self.shared.silent_before.store(so_far, Ordering::SeqCst);
        dies();
        self.cut();
    }

    /// Cuts every connection; new ones may be made.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts each connection once so many bytes of the server have passed over it.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// Connections so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.cut();
        // Wakes who listens.
        drop(UnixStream::connect(&self.listen));
        drop(fs::remove_file(&self.listen));
    }
}

fn join(shared: &Arc<Shared>, client: UnixStream) -> io::Result<()> {
    let server = UnixStream::connect(&shared.to)?;
    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
    shared
        .streams()
        .extend([client.try_clone()?, server.try_clone()?]);
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || pass(&up, from, to, None));
    thread::spawn(move || pass(&down, server, client, Some(number)));
    Ok(())
}

/// Passes on one direction until an end is gone; `number` is the connection's where it is the
/// server that speaks.
fn pass(shared: &Shared, mut from: UnixStream, mut to: UnixStream, number: Option<u64>) {
    let (mut buffer, mut passed) = (vec![0; 16 * 1024], 0);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let silent_before = shared.silent_before.load(Ordering::SeqCst);
        if number.is_some_and(|number| number < silent_before) {
            continue;
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
        passed += read as u64;
        if number.is_some() && passed >= shared.cut_after.load(Ordering::SeqCst) {
            break;
        }
    }
    for stream in [from, to] {
        // The other direction may have ended it.
        drop(stream.shutdown(Shutdown::Both));
    }
}
