//! One request, checked and done.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use model::ByteRange;

use super::{
    super::{
        proto::{MOST_PAYLOAD, errno, flag},
        wire::size,
    },
    buffer::Buffer,
    export::Export,
    handshake::Terms,
    reply::Refusal,
    request::{Command, Request},
    status::{self, State},
};
use crate::{Disk, DiskError};

/// Zeroes that a client wants written out.
static ZEROES: [u8; 65_536] = [0; 65_536];
/// Between so many bytes made zero, a server that stops is noticed.
const PIECE: u64 = 1 << 30;

/// The number of `base:allocation` among the contexts of a connection.
pub(super) const ALLOCATION_ID: u32 = 1;
/// The number of the bitmap.
pub(super) const BITMAP_ID: u32 = 2;

/// What a request that was done is answered with.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    /// So many bytes of the buffer's payload.
    Data(u32),
    /// Extents of each context.
    Status(Vec<(u32, Vec<State>)>),
}

/// Does what was asked; the payload of a write is in the buffer, and that of a read comes there.
pub(super) fn perform(
    export: &Export,
    terms: Terms,
    request: &Request,
    buffer: &mut Buffer,
    stopping: &AtomicBool,
) -> Result<Outcome, Refusal> {
    let range = check(export, request)?;
    let disk = &*export.disk;
    match request.command {
        Command::Read => {
            let len = u32::try_from(range.len).unwrap_or(u32::MAX);
            let payload = buffer.payload(size(len));
            disk.read_at(range.start, payload).map_err(refusal)?;
            Ok(Outcome::Data(len))
        }
        Command::Write => {
            let payload = buffer.payload(size(request.payload));
            disk.write_at(range.start, payload).map_err(refusal)?;
            durable(disk, request)
        }
        Command::WriteZeroes | Command::Trim => {
            zero(disk, range, request.flags & flag::NO_HOLE != 0, stopping)?;
            durable(disk, request)
        }
        Command::Flush => {
            disk.flush().map_err(refusal)?;
            Ok(Outcome::Done)
        }
        Command::BlockStatus => states(export, terms, range, request),
        // A disconnect is no request to answer, and never comes here.
        Command::Disconnect | Command::Other => {
            Err(Refusal::new(errno::INVALID, "there is no such command"))
        }
    }
}

fn check(export: &Export, request: &Request) -> Result<ByteRange, Refusal> {
    let invalid = |words| Err(Refusal::new(errno::INVALID, words));
    if request.flags & !request.command.flags() != 0 {
        return invalid("a flag of the request has no meaning here");
    }
    let writes = match request.command {
        Command::Read | Command::BlockStatus => false,
        Command::Write | Command::Trim | Command::WriteZeroes => true,
        Command::Flush | Command::Disconnect | Command::Other => {
            return Ok(ByteRange::new(0, 0));
        }
    };
    if writes && export.read_only {
        return Err(Refusal::new(errno::PERM, "the export is read-only"));
    }
    let range = ByteRange::new(request.offset, request.len);
    let end = range.start.checked_add(range.len);
    if end.is_none_or(|end| end > export.disk.size().0) {
        let number = if writes {
            errno::NO_SPACE
        } else {
            errno::INVALID
        };
        return Err(Refusal::new(
            number,
            "it reaches past the end of the export",
        ));
    }
    let block = u64::from(export.min_block());
    if range.len == 0 || !range.start.is_multiple_of(block) || !range.len.is_multiple_of(block) {
        return invalid("it is no multiple of the export's block");
    }
    if request.command == Command::Read && range.len > u64::from(MOST_PAYLOAD) {
        return invalid("it is longer than the export allows");
    }
    Ok(range)
}

fn zero(
    disk: &dyn Disk,
    range: ByteRange,
    written_out: bool,
    stopping: &AtomicBool,
) -> Result<(), Refusal> {
    let longest = if written_out {
        ZEROES.len() as u64
    } else {
        PIECE
    };
    let mut at = range.start;
    while at < range.end() {
        if stopping.load(Ordering::Relaxed) {
            return Err(Refusal::new(errno::SHUTDOWN, "the server stops"));
        }
        let piece = ByteRange::new(at, longest.min(range.end() - at));
        if written_out {
            let zeroes = usize::try_from(piece.len).map_or(&ZEROES[..], |len| &ZEROES[..len]);
            disk.write_at(at, zeroes).map_err(refusal)?;
        } else {
            disk.write_zeroes(piece).map_err(refusal)?;
        }
        at = piece.end();
    }
    Ok(())
}

fn durable(disk: &dyn Disk, request: &Request) -> Result<Outcome, Refusal> {
    if request.flags & flag::FUA != 0 {
        disk.flush().map_err(refusal)?;
    }
    Ok(Outcome::Done)
}

fn states(
    export: &Export,
    terms: Terms,
    range: ByteRange,
    request: &Request,
) -> Result<Outcome, Refusal> {
    let one = request.flags & flag::REQ_ONE != 0;
    let mut contexts = Vec::new();
    if terms.allocation {
        let states = status::allocation(&*export.disk, range, one).map_err(refusal)?;
        contexts.push((ALLOCATION_ID, states));
    }
    if let Some(bitmap) = export.bitmap.as_ref().filter(|_| terms.bitmap) {
        contexts.push((BITMAP_ID, status::dirty(bitmap, range, one)));
    }
    if contexts.is_empty() {
        return Err(Refusal::new(errno::INVALID, "no context was negotiated"));
    }
    Ok(Outcome::Status(contexts))
}

/// What a disk's error is in the protocol.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it ends here, as an argument of map_err"
)]
fn refusal(error: DiskError) -> Refusal {
    let source = match &error {
        DiskError::Open { source, .. }
        | DiskError::Create { source, .. }
        | DiskError::Read { source, .. }
        | DiskError::Write { source, .. }
        | DiskError::Flush { source }
        | DiskError::Map { source, .. } => source,
        DiskError::WritesLost => return Refusal::new(errno::IO, &error.to_string()),
        DiskError::Unaligned { .. } | DiskError::PastEnd { .. } => {
            return Refusal::new(errno::INVALID, &error.to_string());
        }
    };
    Refusal {
        number: number(source),
        words: format!("{error}: {source}"),
    }
}

fn number(source: &io::Error) -> u32 {
    use io::ErrorKind::{
        FileTooLarge, OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull, Unsupported,
    };
    let numbers = [
        (StorageFull, errno::NO_SPACE),
        (QuotaExceeded, errno::NO_SPACE),
        (FileTooLarge, errno::NO_SPACE),
        (PermissionDenied, errno::PERM),
        (ReadOnlyFilesystem, errno::PERM),
        (OutOfMemory, errno::NO_MEMORY),
        (Unsupported, errno::NOT_SUPPORTED),
    ];
    let known = numbers.iter().find(|(kind, _)| *kind == source.kind());
    known.map_or(errno::IO, |(_, number)| *number)
}
