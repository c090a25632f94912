//! The records: 512 bytes each, in a ring of a preallocated file.

use std::{io, sync::Arc};

use disk::Disk;

use crate::lab::guestfs::{self, Volume};

/// The file with the records.
pub(crate) const JOURNAL: &str = "JOURNAL.DAT";
/// Its length, preallocated: 4 MiB.
pub(crate) const JOURNAL_LEN: usize = 4 << 20;
/// A file that the guest rewrites in place now and then.
pub(crate) const STATUS: &str = "STATUS.TXT";
/// Its length.
pub(crate) const STATUS_LEN: usize = 16 << 10;

const MAGIC: &[u8; 8] = b"LANDFREC";
const RECORD: usize = 512;
const SLOTS: u64 = (JOURNAL_LEN / RECORD) as u64;

/// What the journal on a disk holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// The lowest sequence number; 0 without records.
    pub(crate) first: u64,
    /// The highest.
    pub(crate) last: u64,
    /// How many good records there are.
    pub(crate) count: u64,
    /// Sequence numbers between first and last that are missing.
    pub(crate) gaps: u64,
    /// Slots that hold something that is no good record.
    pub(crate) bad: u64,
}

impl Records {
    /// Every record from the first to the last is there and good.
    pub(crate) fn is_whole(&self) -> bool {
        self.gaps == 0 && self.bad == 0
    }
}

/// One record: magic, sequence, UTC microseconds, filling made of the sequence, checksum.
pub(crate) fn record_at(sequence: u64, micros: i64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(MAGIC);
    record[8..16].copy_from_slice(&sequence.to_le_bytes());
    record[16..24].copy_from_slice(&micros.to_le_bytes());
    for chunk in record[24..504].chunks_exact_mut(8) {
        chunk.copy_from_slice(&sequence.to_be_bytes());
    }
    let sum = crc32c::crc32c(&record[..RECORD - 4]);
    record[RECORD - 4..].copy_from_slice(&sum.to_le_bytes());
    record
}

/// Where a record goes in the file. Sequence numbers begin at 1.
pub(super) fn slot_offset(sequence: u64) -> u64 {
    sequence.wrapping_sub(1) % SLOTS * RECORD as u64
}

/// The status file's new content.
pub(super) fn status_text(sequence: u64) -> Vec<u8> {
    let mut text = format!("last record {sequence}\n").into_bytes();
    text.resize(STATUS_LEN, b' ');
    text
}

/// The number that the next record gets.
pub(super) fn next_sequence(volume: &Volume) -> io::Result<u64> {
    Ok(scan(&volume.read_file(JOURNAL)?).last + 1)
}

/// Reads the records of a disk's file system as it is, without writing.
pub(crate) fn read_records(disk: Arc<dyn Disk>) -> io::Result<Records> {
    let volume = guestfs::mount(disk)?;
    Ok(scan(&volume.read_file(JOURNAL)?))
}

fn scan(journal: &[u8]) -> Records {
    let mut records = Records::default();
    for slot in journal.chunks_exact(RECORD) {
        if slot.iter().all(|byte| *byte == 0) {
            continue;
        }
        let Some(sequence) = sequence_of(slot) else {
            records.bad += 1;
            continue;
        };
        let none_yet = records.count == 0;
        records.first = if none_yet {
            sequence
        } else {
            records.first.min(sequence)
        };
        records.last = records.last.max(sequence);
        records.count += 1;
    }
    if records.count > 0 {
        records.gaps = (records.last - records.first + 1).saturating_sub(records.count);
    }
    records
}

/// The sequence number of a good record.
fn sequence_of(slot: &[u8]) -> Option<u64> {
    let (body, sum) = slot.split_last_chunk::<4>()?;
    let sequence = body.get(8..16)?.first_chunk::<8>()?;
    let good = body.starts_with(MAGIC) && crc32c::crc32c(body) == u32::from_le_bytes(*sum);
    good.then(|| u64::from_le_bytes(*sequence))
}
