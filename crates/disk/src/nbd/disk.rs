//! An export as a disk.

use std::{io, path::PathBuf};

use model::{ByteCount, ByteRange};

use super::{
    connection::{Connection, Request},
    handshake::{Agreed, Status},
    interrupt::Interrupt,
    proto::{
        CMD_BLOCK_STATUS, CMD_FLUSH, CMD_READ, CMD_WRITE, CMD_WRITE_ZEROES, STATE_ZERO, export,
    },
    reply::Sink,
    slot::{Common, Slot, named},
    status::{self, BadStatus},
    uri::NbdUri,
    writes::{Before, Writes},
};
use crate::{
    Access, Disk, DiskError, Extent, ExtentKind, Losses,
    traits::{check_range, push_extent},
};

/// Connections to a server that allows several: as many as requests that are worth having on
/// their way at once.
const CONNECTIONS: usize = 4;
/// Of a request without payload: what headers of every length can say, and a server does in time.
pub(super) const LONGEST: u64 = 1 << 30;
/// Zeroes for servers that cannot make them.
static ZEROES: [u8; 65_536] = [0; 65_536];

/// An export, over one connection or several.
#[derive(Debug)]
pub(crate) struct NbdDisk {
    slots: Vec<Slot>,
    common: Common,
    sector: u32,
}

impl NbdDisk {
    pub(crate) fn open(uri: &NbdUri, access: Access) -> Result<Self, DiskError> {
        let failed = |source: io::Error| DiskError::Open {
            path: PathBuf::from(uri.to_string()),
            source: named(source),
        };
        let interrupt = Interrupt::default();
        let first = Connection::open(uri, Status::Allocation, &interrupt).map_err(failed)?;
        let agreed = first.agreed;
        if access == Access::Write && agreed.flags & export::READ_ONLY != 0 {
            let read_only = io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only");
            return Err(failed(read_only));
        }
        let mut slots = vec![Slot::new(first)];
        if agreed.flags & export::CAN_MULTI_CONN != 0 {
            for _ in 1..CONNECTIONS {
                // A server may have fewer to give than it allows.
                let Ok(more) = Connection::open(uri, Status::Allocation, &interrupt) else {
                    break;
                };
                if more.agreed != agreed {
                    break;
                }
                slots.push(Slot::new(more));
            }
        }
        Ok(Self {
            slots,
            common: Common {
                uri: uri.clone(),
                agreed,
                interrupt,
                writes: Writes::default(),
            },
            sector: agreed.min_block.max(512),
        })
    }

    const fn agreed(&self) -> &Agreed {
        &self.common.agreed
    }

    fn most(&self) -> usize {
        usize::try_from(self.agreed().most_payload).unwrap_or(usize::MAX)
    }

    fn has(&self, flag: u16) -> bool {
        self.agreed().flags & flag != 0
    }

    fn call(&self, request: Request<'_>, sink: Sink<'_>) -> io::Result<Before> {
        // A reply to a caller that does not read itself is copied once more: callers spread out.
        let slot = self.slots.iter().min_by_key(|slot| slot.waiting());
        let slot = slot.expect("a disk has a connection");
        slot.call(&self.common, request, sink)
    }

    /// [`NbdDisk::call`] of a request that changes the disk.
    fn change(&self, request: Request<'_>) -> io::Result<()> {
        let before = self.call(request, Sink::Status)?;
        self.common.writes.acknowledged(before);
        Ok(())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut at = offset;
        for part in buffer.chunks_mut(self.most()) {
            let request = Request {
                command: CMD_READ,
                offset: at,
                len: part.len() as u64,
                payload: &[],
            };
            at += part.len() as u64;
            self.call(request, Sink::Data(part))?;
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut at = offset;
        for payload in data.chunks(self.most()) {
            let request = Request {
                command: CMD_WRITE,
                offset: at,
                len: payload.len() as u64,
                payload,
            };
            at += payload.len() as u64;
            self.change(request)?;
        }
        Ok(())
    }

    fn zero(&self, range: ByteRange) -> io::Result<()> {
        let mut at = range.start;
        while at < range.end() {
            let left = range.end() - at;
            if self.has(export::SEND_WRITE_ZEROES) {
                let len = left.min(LONGEST);
                let request = Request {
                    command: CMD_WRITE_ZEROES,
                    offset: at,
                    len,
                    payload: &[],
                };
                self.change(request)?;
                at += len;
            } else {
                let len = left.min(ZEROES.len() as u64);
                let zeroes = usize::try_from(len).map_or(&ZEROES[..], |len| &ZEROES[..len]);
                self.write(at, zeroes)?;
                at += len;
            }
        }
        Ok(())
    }

    fn map(&self, range: ByteRange) -> io::Result<Vec<Extent>> {
        let mut extents = Vec::new();
        if self.agreed().context.is_none() {
            push_extent(&mut extents, range.start, range.end(), ExtentKind::Data);
            return Ok(extents);
        }
        let mut at = range.start;
        while at < range.end() {
            let mut found = Vec::new();
            let asked = (range.end() - at).min(LONGEST);
            let request = Request {
                command: CMD_BLOCK_STATUS,
                offset: at,
                len: asked,
                payload: &[],
            };
            self.call(request, Sink::Extents(&mut found))?;
            status::check(&found, asked)?;
            for (len, flags) in found {
                let kind = if flags & u64::from(STATE_ZERO) != 0 {
                    ExtentKind::Zero
                } else {
                    ExtentKind::Data
                };
                // The last one may reach past what was asked for.
                let end = at.saturating_add(len).min(range.end());
                push_extent(&mut extents, at, end, kind);
                at = end;
            }
            if extents.len() > status::MOST {
                return Err(BadStatus::TooMany.into());
            }
        }
        Ok(extents)
    }
}

impl Disk for NbdDisk {
    fn size(&self) -> ByteCount {
        ByteCount(self.agreed().size)
    }

    fn sector(&self) -> u32 {
        self.sector
    }

    fn reads_device(&self) -> bool {
        false
    }

    fn requests(&self) -> usize {
        // Two on each: one is answered while the other is on its way.
        (self.slots.len() * 2).max(4)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let range = check_range(self.size(), offset, buffer.len())?;
        self.read(offset, buffer)
            .map_err(|source| DiskError::Read { range, source })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = check_range(self.size(), offset, data.len())?;
        self.write(offset, data)
            .map_err(|source| DiskError::Write { range, source })
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        check_range(
            self.size(),
            range.start,
            usize::try_from(range.len).unwrap_or(usize::MAX),
        )?;
        self.zero(range)
            .map_err(|source| DiskError::Write { range, source })
    }

    fn flush(&self) -> Result<(), DiskError> {
        if !self.has(export::SEND_FLUSH) {
            return Err(DiskError::Flush {
                source: io::Error::new(
                    io::ErrorKind::Unsupported,
                    "the NBD server cannot make anything durable",
                ),
            });
        }
        // There are several connections only where the server promises that one flush covers all.
        let request = Request {
            command: CMD_FLUSH,
            offset: 0,
            len: 0,
            payload: &[],
        };
        let before = self.call(request, Sink::Status);
        let before = before.map_err(|source| DiskError::Flush { source })?;
        if self.common.writes.flushed(before) {
            Ok(())
        } else {
            Err(DiskError::WritesLost)
        }
    }

    fn interrupt(&self) {
        self.common.interrupt.interrupt();
    }

    fn losses(&self) -> Losses {
        let (connections, writes) = self.common.writes.losses();
        Losses {
            connections,
            writes,
        }
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        check_range(
            self.size(),
            range.start,
            usize::try_from(range.len).unwrap_or(usize::MAX),
        )?;
        self.map(range)
            .map_err(|source| DiskError::Map { range, source })
    }
}
