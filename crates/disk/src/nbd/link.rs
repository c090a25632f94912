//! A connection as both sides use it: plain, or encrypted after `STARTTLS`.
//!
//! Clones share the connection. One of them may read while another writes: the session's lock is
//! never held over a wait for the network.

use std::{
    fmt,
    io::{self, Read, Write},
    net::Shutdown,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::{socket::Socket, wire::broken};

/// What one read of the network takes from it when it is encrypted: a few records.
const RAW: usize = 64 * 1024;

/// One end of a connection.
pub(super) struct Link {
    socket: Arc<Socket>,
    session: Option<Arc<Mutex<Connection>>>,
    /// Encrypted bytes that came and were not looked at.
    raw: Vec<u8>,
    looked_at: usize,
    /// Encrypted bytes on their way out.
    out: Vec<u8>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("socket", &self.socket)
            .field("encrypted", &self.session.is_some())
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket: Arc::new(socket),
            session: None,
            raw: Vec::new(),
            looked_at: 0,
            out: Vec::new(),
        }
    }

    /// What all handles share.
    pub(super) const fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Encrypts what follows, as the client; `name` is what the server's certificate must say.
    pub(super) fn encrypt_as_client(
        &mut self,
        config: Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<()> {
        let server = rustls::pki_types::ServerName::try_from(name.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let session = ClientConnection::new(config, server).map_err(|error| refused(&error))?;
        self.shake_hands(session.into())
    }

    /// Encrypts what follows, as the server.
    pub(super) fn encrypt_as_server(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let session = ServerConnection::new(config).map_err(|error| refused(&error))?;
        self.shake_hands(session.into())
    }

    fn shake_hands(&mut self, mut session: Connection) -> io::Result<()> {
        let mut socket = &*self.socket;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        while session.wants_write() {
            session.write_tls(&mut socket)?;
        }
        self.session = Some(Arc::new(Mutex::new(session)));
        Ok(())
    }

    /// Another handle of the same connection; what this one has read ahead stays with it.
    pub(super) fn another(&self) -> Self {
        Self {
            socket: Arc::clone(&self.socket),
            session: self.session.clone(),
            raw: Vec::new(),
            looked_at: 0,
            out: Vec::new(),
        }
    }

    /// How long a read waits; forever where nothing is said.
    pub(super) fn wait_for_reads(&self, patience: Option<Duration>) -> io::Result<()> {
        self.socket.wait_for_reads(patience)
    }

    /// Says that nothing more comes, where the peer still listens.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(session) = &self.session {
            lock(session).send_close_notify();
            // Who is gone needs no goodbye.
            let _gone = self.send_encrypted();
        }
        self.socket.shut_down(Shutdown::Write);
    }

    /// Ends the connection for every handle of it.
    pub(super) fn hang_up(&self) {
        self.socket.shut_down(Shutdown::Both);
    }

    fn read_encrypted(
        &mut self,
        session: &Mutex<Connection>,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            {
                let mut session = lock(session);
                match session.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return done,
                }
                // One step at a time: the session keeps little plain text.
                let mut rest = &self.raw[self.looked_at..];
                if !rest.is_empty() {
                    let taken = session.read_tls(&mut rest)?;
                    self.looked_at += taken;
                    session
                        .process_new_packets()
                        .map_err(|error| refused(&error))?;
                    continue;
                }
            }
            self.raw.resize(RAW, 0);
            let read = (&*self.socket).read(&mut self.raw)?;
            self.raw.truncate(read);
            self.looked_at = 0;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn send_encrypted(&mut self) -> io::Result<()> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        {
            let mut session = lock(session);
            while session.wants_write() {
                session.write_tls(&mut self.out)?;
            }
        }
        let sent = (&*self.socket).write_all(&self.out);
        self.out.clear();
        sent
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.session.clone() {
            None => (&*self.socket).read(buffer),
            Some(session) => self.read_encrypted(&session, buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Some(session) = &self.session else {
            return (&*self.socket).write(data);
        };
        // The session takes as much as it keeps at once, and nothing was left in it.
        let taken = lock(session).writer().write(data)?;
        self.send_encrypted()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock(session: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(error: &rustls::Error) -> io::Error {
    broken(&format!("TLS: {error}"))
}
