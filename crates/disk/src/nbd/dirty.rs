//! What a dirty bitmap of an export names.

use std::{collections::VecDeque, io, path::PathBuf};

use model::ByteRange;

use super::{
    connection::{Connection, Request},
    disk::LONGEST,
    handshake::Status,
    interrupt::Interrupt,
    proto::{CMD_BLOCK_STATUS, STATE_DIRTY},
    reply::{Failure, Sink},
    status,
    uri::NbdUri,
};
use crate::DiskError;

/// Opens an export to list what its dirty bitmap `bitmap` names: the context
/// `qemu:dirty-bitmap:NAME`, as `qemu-nbd -B NAME` and libvirt's pull backups have it.
///
/// # Errors
/// [`DiskError::Open`] when the export cannot be opened or has no such bitmap.
pub fn dirty_ranges(uri: &NbdUri, bitmap: &str) -> Result<DirtyRanges, DiskError> {
    let connection = Connection::open(uri, Status::Dirty(bitmap), &Interrupt::default());
    let connection = connection.map_err(|source| DiskError::Open {
        path: PathBuf::from(uri.to_string()),
        source,
    })?;
    Ok(DirtyRanges {
        connection,
        at: 0,
        open: None,
        found: VecDeque::new(),
    })
}

/// The ranges of a dirty bitmap, in order, apart and not touching. They are asked for window by
/// window: no more than one answer of the server is in memory.
///
/// After an error there is nothing more.
#[derive(Debug)]
pub struct DirtyRanges {
    connection: Connection,
    /// The first byte that was not asked about.
    at: u64,
    /// The last range so far: the next window may go on with it.
    open: Option<ByteRange>,
    found: VecDeque<ByteRange>,
}

impl DirtyRanges {
    /// Asks about the next window.
    fn ask(&mut self) -> io::Result<()> {
        let size = self.connection.agreed.size;
        let mut answer = Vec::new();
        let asked = (size - self.at).min(LONGEST);
        let request = Request {
            command: CMD_BLOCK_STATUS,
            offset: self.at,
            len: asked,
            payload: &[],
        };
        let called = self.connection.call(request, Sink::Extents(&mut answer));
        called.map_err(Failure::into_inner)?;
        status::check(&answer, asked)?;
        for (len, flags) in answer {
            // The last one may reach past what was asked for.
            let end = self.at.saturating_add(len).min(size);
            if flags & u64::from(STATE_DIRTY) != 0 {
                self.add(self.at, end);
            }
            self.at = end;
        }
        Ok(())
    }

    fn add(&mut self, from: u64, to: u64) {
        match &mut self.open {
            Some(open) if open.end() == from => open.len += to - from,
            open => self
                .found
                .extend(open.replace(ByteRange::new(from, to - from))),
        }
    }
}

impl Iterator for DirtyRanges {
    type Item = Result<ByteRange, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let size = self.connection.agreed.size;
        loop {
            if let Some(range) = self.found.pop_front() {
                return Some(Ok(range));
            }
            if self.at >= size {
                return self.open.take().filter(|range| range.len > 0).map(Ok);
            }
            let range = ByteRange::new(self.at, (size - self.at).min(LONGEST));
            if let Err(source) = self.ask() {
                self.at = size;
                self.open = None;
                return Some(Err(DiskError::Map { range, source }));
            }
        }
    }
}
