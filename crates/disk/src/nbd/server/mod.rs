//! A small NBD server: any disk, over a unix socket or TCP, encrypted or not.
//!
//! One thread accepts; each connection has a few that take turns at reading a request, answer it
//! and write the reply, so that requests of one connection are under way at once. Everything has a
//! limit: connections, requests and bytes of each, time for the negotiation. Shutdown: nothing new
//! is accepted or read, requests under way are answered, and what does not end in time is cut off.

mod buffer;
mod export;
mod handshake;
mod listen;
mod options;
mod perform;
mod reply;
mod request;
mod serve;
mod session;
mod status;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use thiserror::Error;

pub use self::export::{Bitmap, Export};
use self::{
    listen::{Listener, Waker},
    serve::Shared,
};
use super::{
    tls,
    uri::{NbdAddress, NbdTls, NbdUri},
};

pub(super) use self::{
    handshake::{Offer, Security, Step, greet, haggle},
    session::Session,
};

/// How much a server takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; one more is hung up on.
    pub connections: usize,
    /// Requests of one connection that are worked on at once.
    pub requests: usize,
    /// How long a client may take to negotiate.
    pub negotiation: Duration,
    /// How long requests under way are waited for when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            requests: 8,
            negotiation: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Nothing can listen there.
    #[error("listen on {address:?}")]
    Listen {
        /// Where.
        address: NbdAddress,
        /// Why.
        source: io::Error,
    },
    /// The certificates cannot be used.
    #[error("read the certificates in {dir}")]
    Certificates {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that no client could ask for: longer than 4096 bytes, with a zero byte, or twice.
    #[error("offer an export of the name {name:?}")]
    Name {
        /// The name.
        name: String,
    },
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct NbdServer {
    address: NbdAddress,
    certificates: Option<PathBuf>,
    shared: Arc<Shared>,
    waker: Waker,
    accepting: Option<JoinHandle<()>>,
}

impl NbdServer {
    /// Offers `exports` at `address`; port 0 takes any that is free. With `certificates`, a
    /// directory of `ca-cert.pem`, `server-cert.pem` and `server-key.pem`, every client must speak
    /// TLS and show a certificate that `ca-cert.pem` knows.
    ///
    /// # Errors
    /// [`ServeError`]. A socket that exists is never taken over.
    pub fn start(
        address: &NbdAddress,
        exports: Vec<Export>,
        limits: Limits,
        certificates: Option<&Path>,
    ) -> Result<Self, ServeError> {
        for (index, export) in exports.iter().enumerate() {
            let name = &export.name;
            let twice = exports[..index].iter().any(|other| other.name == *name);
            if twice || name.len() > export::LONGEST_NAME || name.contains('\0') {
                let name = name.clone();
                return Err(ServeError::Name { name });
            }
        }
        let tls = certificates.map(|dir| {
            tls::server(dir).map_err(|source| ServeError::Certificates {
                dir: dir.to_owned(),
                source,
            })
        });
        let shared = Arc::new(Shared::new(exports, limits, tls.transpose()?));
        let failed = |source| ServeError::Listen {
            address: address.clone(),
            source,
        };
        let (listener, waker) = Listener::open(address).map_err(failed)?;
        let bound = listener.address().map_err(failed)?;
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("nbd-accept".to_owned())
                .spawn(move || serve::accept(&listener, &shared))
                .map_err(failed)?
        };
        Ok(Self {
            address: bound,
            certificates: certificates.map(Path::to_owned),
            shared,
            waker,
            accepting: Some(accepting),
        })
    }

    /// How a client on this host names one of the exports. The certificates are the server's own
    /// directory: a client elsewhere has its own.
    #[must_use]
    pub fn uri(&self, export: &str) -> NbdUri {
        NbdUri {
            address: self.address.clone(),
            export: export.to_owned(),
            tls: self.certificates.clone().map(|certificates| NbdTls {
                certificates,
                hostname: None,
            }),
        }
    }

    /// Stops: answers what is under way, hangs up, and removes the socket.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for NbdServer {
    fn drop(&mut self) {
        self.shared.stop();
        self.waker.wake();
        if let Some(accepting) = self.accepting.take() {
            // A thread that panicked has said so.
            let _panicked = accepting.join();
        }
        self.shared.drain();
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
