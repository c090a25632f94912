//! Both sides of the protocol on bytes instead of sockets, for fuzzing: whatever comes in, nothing
//! may panic, and no memory may be taken that the bytes do not justify.

use std::{
    io::{self, Read, Write},
    sync::atomic::AtomicBool,
};

use super::{
    handshake::{self, Status},
    proto::{Headers, MOST_PAYLOAD},
    reply::{Answer, Expected, Kind, Sink, chunk, receive},
    server::{Export, Offer, Security, Session, Step, greet, haggle},
};

/// What one side reads, and where its words go.
struct Ends<R, W>(R, W);

impl<R: Read, W> Read for Ends<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R, W: Write> Write for Ends<R, W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.1.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

/// A whole connection of the server: `input` is what the client sends, from its first flags on.
/// Requests are done by one worker, in order.
///
/// # Errors
/// When the negotiation breaks off; what breaks off later is no error.
pub fn serve(
    exports: &[Export],
    input: impl Read + Send,
    output: impl Write + Send,
) -> io::Result<()> {
    let mut stream = Ends(input, output);
    let no_zeroes = greet(&mut stream)?;
    let offer = Offer {
        exports,
        security: Security::Plain,
        no_zeroes,
    };
    if let Step::Serve(export, terms) = haggle(&mut stream, offer)? {
        let stopping = AtomicBool::new(false);
        let ends = (stream.0, stream.1);
        let _output = Session::new(export, terms, ends, &stopping, &|| {}).run(1);
    }
    Ok(())
}

/// The client's negotiation for export `disk` and, where one is named, its dirty bitmap: `input`
/// is what the server sends, from its greeting on.
///
/// # Errors
/// When the negotiation breaks off.
pub fn negotiate(input: impl Read, bitmap: Option<&str>) -> io::Result<()> {
    let mut stream = Ends(input, io::sink());
    handshake::greet(&mut stream)?;
    let status = bitmap.map_or(Status::Allocation, Status::Dirty);
    handshake::negotiate(&mut stream, "disk", status).map(drop)
}

/// How replies are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One reply per request.
    Simple,
    /// Chunks.
    Structured,
    /// Chunks with long headers.
    Extended,
}

/// What a request was for, and so what its reply may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A write, a flush: nothing but whether it was done.
    Status,
    /// A read of so many bytes at offset 0, at most 32 MiB.
    Read(u32),
    /// The block status of context 1.
    BlockStatus,
}

/// The reply to one request as the client reads it, whatever its cookie: the bytes of a read, or
/// the number of extents.
///
/// # Errors
/// When the reply is an error, or is none that may be given.
pub fn reply(input: impl Read, framing: Framing, asked: Asked) -> io::Result<(Vec<u8>, usize)> {
    let mut input = input;
    let headers = match framing {
        Framing::Simple => Headers::Simple,
        Framing::Structured => Headers::Structured,
        Framing::Extended => Headers::Extended,
    };
    let (mut data, mut extents) = (Vec::new(), Vec::new());
    let (kind, mut sink) = match asked {
        Asked::Status => (Kind::Status, Sink::Status),
        Asked::Read(len) => {
            let len = len.min(MOST_PAYLOAD);
            data.resize(super::wire::size(len), 0);
            (Kind::Data(len), Sink::Data(&mut data))
        }
        Asked::BlockStatus => (Kind::Extents(1), Sink::Extents(&mut extents)),
    };
    let expected = Expected { offset: 0, kind };
    let mut answer = Answer::default();
    loop {
        let chunk = chunk(&mut input, headers)?;
        receive(&mut input, &chunk, expected, &mut sink, &mut answer)?;
        if chunk.done {
            break;
        }
    }
    answer
        .end(expected)
        .map_err(super::reply::Failure::into_inner)?;
    Ok((data, extents.len()))
}
