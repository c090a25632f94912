//! NBD URIs, after `doc/uri.md` of the protocol: `nbd://host:port/export` and
//! `nbd+unix:///export?socket=/path`; `nbds` for TLS, with libnbd's `tls-certificates=DIR` and
//! `tls-hostname=NAME`.

use std::{
    fmt::{self, Write as _},
    path::PathBuf,
};

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

/// How a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NbdTls {
    /// Directory with `ca-cert.pem`, and `client-cert.pem` with `client-key.pem` where the server
    /// asks who is there.
    pub certificates: PathBuf,
    /// The name that the server's certificate must say; without one, the host that is asked for,
    /// and `localhost` on a unix socket.
    pub hostname: Option<String>,
}

/// An export of an NBD server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NbdUri {
    /// Where the server listens.
    pub address: NbdAddress,
    /// The export's name; empty for the default one.
    pub export: String,
    /// Encryption; plain where there is none.
    pub tls: Option<NbdTls>,
}

/// Text that is no NBD URI we can use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UriError {
    /// Not an NBD URI at all.
    #[error("it does not begin with nbd://, nbds://, nbd+unix:// or nbds+unix://")]
    Scheme,
    /// Encrypted, but nothing to know the server by.
    #[error("it names no certificates: add ?tls-certificates=DIR")]
    NoCertificates,
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
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = rest.split_once("://").ok_or(UriError::Scheme)?;
        let (unix, encrypted) = match scheme {
            "nbd" => (false, false),
            "nbds" => (false, true),
            "nbd+unix" => (true, false),
            "nbds+unix" => (true, true),
            _ => return Err(UriError::Scheme),
        };
        let mut query = Query::parse(query)?;
        let (authority, export) = rest.split_once('/').unwrap_or((rest, ""));
        let address = if unix {
            let path = query.take("socket").ok_or(UriError::NoSocket)?.into();
            NbdAddress::Unix { path }
        } else {
            let (host, port) = host_and_port(authority)?;
            NbdAddress::Tcp { host, port }
        };
        let tls = if encrypted {
            let certificates = query.take("tls-certificates");
            Some(NbdTls {
                certificates: certificates.ok_or(UriError::NoCertificates)?.into(),
                hostname: query.take("tls-hostname"),
            })
        } else {
            None
        };
        query.end()?;
        Ok(Self {
            address,
            export: unescape(export)?,
            tls,
        })
    }

    /// The name that the server's certificate must say.
    pub(super) fn certified_name(&self) -> &str {
        let named = self.tls.as_ref().and_then(|tls| tls.hostname.as_deref());
        named.unwrap_or(match &self.address {
            NbdAddress::Tcp { host, .. } => host,
            NbdAddress::Unix { .. } => "localhost",
        })
    }
}

/// What stands behind the question mark.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Result<Self, UriError> {
        let parameters = text.split('&').filter(|it| !it.is_empty());
        let pairs = parameters.map(|parameter| {
            let (name, value) = parameter
                .split_once('=')
                .ok_or_else(|| UriError::Parameter(parameter.to_owned()))?;
            Ok((name.to_owned(), unescape(value)?))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(it, _)| it == name)?;
        Some(self.0.remove(at).1)
    }

    /// Nothing may be left that nobody looked at.
    fn end(self) -> Result<(), UriError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, value)) => Err(UriError::Parameter(format!("{name}={value}"))),
        }
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

/// Escapes what would end a part of a URI, or could not stand in one.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

impl fmt::Display for NbdUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls.is_some() { "s" } else { "" };
        let export = escape(&self.export);
        let mut parameters = Vec::new();
        match &self.address {
            NbdAddress::Tcp { host, port } if host.contains(':') => {
                write!(f, "nbd{s}://[{host}]:{port}/{export}")?;
            }
            NbdAddress::Tcp { host, port } => write!(f, "nbd{s}://{host}:{port}/{export}")?,
            NbdAddress::Unix { path } => {
                write!(f, "nbd{s}+unix:///{export}")?;
                parameters.push(("socket", escape(&path.to_string_lossy())));
            }
        }
        if let Some(tls) = &self.tls {
            let certificates = tls.certificates.to_string_lossy();
            parameters.push(("tls-certificates", escape(&certificates)));
            let hostname = tls.hostname.as_deref().map(escape);
            parameters.extend(hostname.map(|name| ("tls-hostname", name)));
        }
        for (index, (name, value)) in parameters.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{name}={value}")?;
        }
        Ok(())
    }
}
