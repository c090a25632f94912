//! One try of one gate, each within its time. Nothing of it blocks a thread of the runtime.

use std::{error::Error as _, time::Duration};

use http::Uri;
use httparse::{EMPTY_HEADER, Response};
use model::HealthGate;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A gate that takes longer than this to answer is not green.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer in which its first line has to end.
const FIRST_LINE: usize = 4_096;
/// Headers that may arrive with the first line; they are not looked at.
const HEADERS: usize = 64;

/// A gate that is not green.
#[derive(Debug, thiserror::Error)]
pub(super) enum GateError {
    /// Nobody took the connection.
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    /// The connection ended before the answer.
    #[error("the connection broke")]
    Broken(#[source] std::io::Error),
    /// The address cannot be read.
    #[error("its address cannot be read")]
    Address(#[from] http::uri::InvalidUri),
    /// The address has no host.
    #[error("its address names no host")]
    NoHost,
    /// What answers does not speak HTTP.
    #[error("what answers is not HTTP")]
    NotHttp(#[from] httparse::Error),
    /// It ended, or said much, without a first line.
    #[error("what answers says no status")]
    NoStatus,
    /// It answered that it is not well.
    #[error("it answered with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// It did not answer in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TimedOut,
}

impl GateError {
    /// The chain of causes in one line, without the numbers that systems give their errors.
    pub(super) fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text.push_str(": ");
            let cause_text = cause.to_string();
            text.push_str(cause_text.split(" (os error").next().unwrap_or(&cause_text));
            source = cause.source();
        }
        text
    }
}

/// Tries a gate once.
pub(super) async fn attempt(gate: &HealthGate) -> Result<(), GateError> {
    let answer = async {
        match gate {
            HealthGate::Tcp { host, port } => {
                connect(host, *port).await?;
                Ok(())
            }
            HealthGate::Http { url } => get(url).await,
        }
    };
    timeout(PATIENCE, answer)
        .await
        .unwrap_or(Err(GateError::TimedOut))
}

/// Only the status is read.
async fn get(url: &str) -> Result<(), GateError> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().ok_or(GateError::NoHost)?;
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: landfall\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    let mut stream = connect(host, port).await?;
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(GateError::Broken)?;
    match status(&mut stream).await? {
        200..400 => Ok(()),
        status => Err(GateError::Status { status }),
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, GateError> {
    TcpStream::connect((host, port))
        .await
        .map_err(GateError::Connect)
}

async fn status(stream: &mut TcpStream) -> Result<u16, GateError> {
    let mut head = Vec::with_capacity(FIRST_LINE);
    while head.len() < FIRST_LINE {
        let read = stream.read_buf(&mut head).await;
        if read.map_err(GateError::Broken)? == 0 {
            break;
        }
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut response = Response::new(&mut headers);
        let parsed = response.parse(&head);
        // What follows a good first line does not matter.
        if let (Some(code), Some(_)) = (response.code, response.reason) {
            return Ok(code);
        }
        parsed?;
    }
    Err(GateError::NoStatus)
}
