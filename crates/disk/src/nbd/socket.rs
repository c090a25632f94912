//! A connected stream of either kind.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    time::Duration,
};

use super::uri::NbdAddress;

/// A peer that says nothing for so long counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// One end of a connection; clones share it.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn connect(address: &NbdAddress) -> io::Result<Self> {
        let socket = match address {
            NbdAddress::Tcp { host, port } => {
                Self::Tcp(TcpStream::connect((host.as_str(), *port))?)
            }
            NbdAddress::Unix { path } => Self::Unix(UnixStream::connect(path)?),
        };
        socket.be_impatient()?;
        Ok(socket)
    }

    /// Small frames leave at once, and no call waits forever.
    pub(super) fn be_impatient(&self) -> io::Result<()> {
        if let Self::Tcp(stream) = self {
            stream.set_nodelay(true)?;
        }
        self.wait_for_reads(Some(PATIENCE))?;
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(Some(PATIENCE)),
            Self::Unix(stream) => stream.set_write_timeout(Some(PATIENCE)),
        }
    }

    /// How long a read waits; forever where nothing is said.
    pub(super) fn wait_for_reads(&self, patience: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(patience),
            Self::Unix(stream) => stream.set_read_timeout(patience),
        }
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }

    /// Ends one direction or both, for every clone.
    pub(super) fn shut_down(&self, how: Shutdown) {
        // A connection that is gone needs no end.
        let _gone = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Socket::Tcp(stream) => (&mut &*stream).read(buffer),
            Socket::Unix(stream) => (&mut &*stream).read(buffer),
        };
        // The sockets' word for a time-out is the one for "try again".
        read.map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                io::Error::new(io::ErrorKind::TimedOut, "the NBD peer does not answer")
            } else {
                error
            }
        })
    }
}

impl Write for &Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&mut &*stream).write(data),
            Socket::Unix(stream) => (&mut &*stream).write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
