//! Health gates: what has to answer before a timer commits, and whose silence lets one undo.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Something of the production VM that answers while it is well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gate")]
pub enum HealthGate {
    /// A port that accepts a connection.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// An address that answers GET over HTTP/1.1 with a status from 200 to 399.
    Http {
        /// The address, `http://host/path`.
        url: String,
    },
}

impl fmt::Display for HealthGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Http { url } => f.write_str(url),
        }
    }
}

/// What a gate said when it was tried last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswer {
    /// The gate.
    pub gate: HealthGate,
    /// Why it is not green, as a fragment; none when it is.
    pub failing: Option<String>,
    /// When it was tried.
    pub at: Timestamp,
}
