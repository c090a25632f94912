//! Where clients come in: a listening socket, and a way to wake who waits at it.

use std::{
    io::{self, Write as _},
    net::TcpListener,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::super::{socket::Socket, uri::NbdAddress};

/// A listening socket; one on a path is removed with it.
#[derive(Debug)]
pub(super) struct Listener {
    kind: Kind,
    woken: UnixStream,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Wakes a listener for good.
#[derive(Debug)]
pub(super) struct Waker(UnixStream);

/// What came of waiting.
#[derive(Debug)]
pub(super) enum Arrival {
    Client(Socket),
    Nobody,
    Woken,
}

impl Listener {
    pub(super) fn open(address: &NbdAddress) -> io::Result<(Self, Waker)> {
        let kind = match address {
            NbdAddress::Tcp { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port))?;
                listener.set_nonblocking(true)?;
                Kind::Tcp(listener)
            }
            NbdAddress::Unix { path } => {
                let listener = UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Kind::Unix(listener, path.clone())
            }
        };
        let (waker, woken) = UnixStream::pair()?;
        Ok((Self { kind, woken }, Waker(waker)))
    }

    /// Where it listens, with the port it got.
    pub(super) fn address(&self) -> io::Result<NbdAddress> {
        Ok(match &self.kind {
            Kind::Tcp(listener) => {
                let address = listener.local_addr()?;
                NbdAddress::Tcp {
                    host: address.ip().to_string(),
                    port: address.port(),
                }
            }
            Kind::Unix(_, path) => NbdAddress::Unix { path: path.clone() },
        })
    }

    /// Waits for a client.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<Arrival> {
        let clients = match &self.kind {
            Kind::Tcp(listener) => PollFd::new(listener, PollFlags::IN),
            Kind::Unix(listener, _) => PollFd::new(listener, PollFlags::IN),
        };
        let mut both = [clients, PollFd::new(&self.woken, PollFlags::IN)];
        let patience = Timespec::try_from(patience).unwrap_or_default();
        match poll(&mut both, Some(&patience)) {
            Ok(0) | Err(Errno::INTR) => return Ok(Arrival::Nobody),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !both[1].revents().is_empty() {
            return Ok(Arrival::Woken);
        }
        let accepted = match &self.kind {
            Kind::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                Ok(Socket::Tcp(stream))
            }),
            Kind::Unix(listener, _) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                Ok(Socket::Unix(stream))
            }),
        };
        match accepted {
            Ok(socket) => Ok(Arrival::Client(socket)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Arrival::Nobody),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Kind::Unix(_, path) = &self.kind {
            // Somebody else may have removed it.
            let _gone = std::fs::remove_file(path);
        }
    }
}

impl Waker {
    pub(super) fn wake(&self) {
        // A listener that is gone is awake.
        let _gone = (&self.0).write_all(&[1]);
    }
}
