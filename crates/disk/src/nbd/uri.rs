//! NBD URIs, after `doc/uri.md` of the protocol: `nbd://host:port/export` and
//! `nbd+unix:///export?socket=/path`.

use std::{fmt, path::PathBuf};

use thiserror::Error;

/// Port where none is named.
const PORT: u16 = 10_809;

/// Where an NBD server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NbdAddress {
    /// Over TCP.
    Tcp {
        /// Host name or address, without the brackets of IPv6.
        host: String,
        /// Port.
        port: u16,
    },
    /// On a unix socket.
    Unix {
        /// The socket's path.
        path: PathBuf,
    },
}

/// An export of an NBD server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NbdUri {
    /// Where the server listens.
    pub address: NbdAddress,
    /// The export's name; empty for the default one.
    pub export: String,
}

/// Text that is no NBD URI we can use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UriError {
    /// Not an NBD URI at all.
    #[error("it does not begin with nbd:// or nbd+unix://")]
    Scheme,
    /// Encrypted transport.
    #[error("TLS is not built yet: use nbd:// or nbd+unix://, or a tunnel")]
    Tls,
    /// No host.
    #[error("it names no host")]
    NoHost,
    /// No socket.
    #[error("it names no socket: add ?socket=/path")]
    NoSocket,
    /// A port that is no number.
    #[error("{0:?} is no port")]
    Port(String),
    /// A parameter that would be ignored.
    #[error("{0:?} is not understood")]
    Parameter(String),
    /// A wrong escape.
    #[error("it has a wrong % escape")]
    Escape,
}

impl NbdUri {
    /// Whether text looks like an NBD URI rather than a path.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        ["nbd://", "nbds://", "nbd+unix://", "nbds+unix://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
    }

    /// Parses a URI.
    ///
    /// # Errors
    /// [`UriError`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.starts_with("nbds") {
            return Err(UriError::Tls);
        }
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        if let Some(rest) = rest.strip_prefix("nbd+unix://") {
            let export = unescape(rest.strip_prefix('/').unwrap_or(rest))?;
            let path = socket(query)?;
            let address = NbdAddress::Unix { path };
            return Ok(Self { address, export });
        }
        let rest = rest.strip_prefix("nbd://").ok_or(UriError::Scheme)?;
        if !query.is_empty() {
            return Err(UriError::Parameter(query.to_owned()));
        }
        let (authority, export) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            address: NbdAddress::Tcp { host, port },
            export: unescape(export)?,
        })
    }
}

fn host_and_port(authority: &str) -> Result<(String, u16), UriError> {
    // The colons of IPv6 are inside brackets.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_brackets..].rfind(':') {
        Some(at) => {
            let (host, port) = authority.split_at(after_brackets + at);
            let port = &port[1..];
            let parsed = port.parse().map_err(|_| UriError::Port(port.to_owned()))?;
            (host, parsed)
        }
        None => (authority, PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(UriError::NoHost);
    }
    Ok((host.to_owned(), port))
}

fn socket(query: &str) -> Result<PathBuf, UriError> {
    let mut found = None;
    for parameter in query.split('&').filter(|it| !it.is_empty()) {
        match parameter.strip_prefix("socket=") {
            Some(path) => found = Some(PathBuf::from(unescape(path)?)),
            None => return Err(UriError::Parameter(parameter.to_owned())),
        }
    }
    found.ok_or(UriError::NoSocket)
}

fn unescape(text: &str) -> Result<String, UriError> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|pair| str::from_utf8(pair).ok());
        let byte = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.ok_or(UriError::Escape)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| UriError::Escape)
}

impl fmt::Display for NbdUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            NbdAddress::Tcp { host, port } if host.contains(':') => {
                write!(f, "nbd://[{host}]:{port}/{}", self.export)
            }
            NbdAddress::Tcp { host, port } => write!(f, "nbd://{host}:{port}/{}", self.export),
            NbdAddress::Unix { path } => {
                write!(f, "nbd+unix:///{}?socket={}", self.export, path.display())
            }
        }
    }
}
