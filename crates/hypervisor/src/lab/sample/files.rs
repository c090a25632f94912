//! The sample's disks: what was on them at replication, what was copied, what was written since.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use disk::Disk;
use rustix::fs::SeekFrom as Sparse;

use super::plan::DiskPlan;
use crate::lab::{
    guest::{JOURNAL, JOURNAL_LEN, STATUS, STATUS_LEN, record_at},
    guestfs::{self, Random, Volume, text_like},
};

/// Records in a journal at replication, and as many more before the guest goes on by itself.
pub(super) const RECORDS: u64 = 40;

/// Files that a failover adds begin with this.
const NEW: &str = "new-";
/// So many of the other files are never removed.
const KEPT: usize = 8;

/// Which part of the journal a disk gets.
pub(super) struct Journal {
    /// The first record's number.
    pub(super) first: u64,
    /// The first record's time; the others follow in seconds.
    pub(super) micros: i64,
}

/// Formats a disk and puts on it what a replicated VM had.
pub(super) fn populate(
    disk: &Arc<dyn Disk>,
    plan: &DiskPlan,
    seed: u64,
    journal: Option<&Journal>,
) -> io::Result<()> {
    guestfs::format(disk, seed)?;
    let volume = guestfs::mount(Arc::clone(disk))?;
    if let Some(journal) = journal {
        volume.write_file(JOURNAL, &vec![0; JOURNAL_LEN])?;
        volume.write_file(STATUS, &vec![b' '; STATUS_LEN])?;
        append(&volume, journal)?;
    }
    let mut random = Random::new(seed);
    write_files(&volume, &mut random, "file", plan.files_kib << 10)?;
    volume.unmount()
}

/// Writes what the replica wrote since it runs: new files, overwritten ones, one removed, and the
/// new files of an earlier failover gone, so that the disk never fills.
pub(super) fn diverge(
    disk: Arc<dyn Disk>,
    written_kib: u64,
    seed: u64,
    journal: Option<&Journal>,
) -> io::Result<()> {
    let volume = guestfs::mount(disk)?;
    if let Some(journal) = journal {
        append(&volume, journal)?;
    }
    let mut random = Random::new(seed);
    let budget = written_kib << 10;
    let overwritten = overwrite_files(&volume, &mut random, budget / 3)?;
    remove_old(&volume)?;
    let prefix = format!("{NEW}{:04x}", seed & 0xffff);
    write_files(
        &volume,
        &mut random,
        &prefix,
        budget.saturating_sub(overwritten),
    )?;
    volume.unmount()
}

fn append(volume: &Volume, journal: &Journal) -> io::Result<()> {
    let mut data = Vec::new();
    for step in 0..RECORDS {
        let micros = journal.micros.saturating_add_unsigned(step * 1_000_000);
        data.extend_from_slice(&record_at(journal.first + step, micros));
    }
    volume.overwrite(JOURNAL, (journal.first - 1) * 512, &data)
}

/// Files of together `budget` bytes: one in four like a log, the others like packed data.
fn write_files(volume: &Volume, random: &mut Random, prefix: &str, budget: u64) -> io::Result<()> {
    let (smallest, largest) = ((budget / 64).max(32 << 10), (budget / 12).max(64 << 10));
    let mut left = budget;
    let mut number = 0;
    while left > 0 {
        let len = random.between(smallest, largest).min(left);
        let size = usize::try_from(len).map_err(io::Error::other)?;
        if number % 4 == 3 {
            volume.write_file(
                &format!("{prefix}-{number:03}.log"),
                &text_like(random, size),
            )?;
        } else {
            volume.write_file(&format!("{prefix}-{number:03}.dat"), &random.bytes(size))?;
        }
        left -= len;
        number += 1;
    }
    Ok(())
}

/// Overwrites a stretch of some files; returns how many bytes.
fn overwrite_files(volume: &Volume, random: &mut Random, budget: u64) -> io::Result<u64> {
    let mut written = 0;
    for entry in ordinary_files(volume)?
        .iter()
        .filter(|entry| entry.size > 4_096)
        .step_by(2)
    {
        let len = (entry.size * 2 / 3).min(budget - written);
        let data = random.bytes(usize::try_from(len).map_err(io::Error::other)?);
        let offset = random.between(0, entry.size - len + 1);
        volume.overwrite(&entry.name, offset, &data)?;
        written += len;
        if written >= budget {
            break;
        }
    }
    Ok(written)
}

/// Removes the new files of an earlier failover, and one other while there are some left.
fn remove_old(volume: &Volume) -> io::Result<()> {
    let (new, others): (Vec<_>, Vec<_>) = ordinary_files(volume)?
        .into_iter()
        .partition(|entry| entry.name.starts_with(NEW));
    let last = others.last().filter(|_| others.len() > KEPT);
    new.iter()
        .chain(last)
        .try_for_each(|entry| volume.remove(&entry.name))
}

/// The files that are not the guest's own.
fn ordinary_files(volume: &Volume) -> io::Result<Vec<guestfs::Entry>> {
    let mut entries = volume.list()?;
    entries.retain(|entry| entry.name != JOURNAL && entry.name != STATUS);
    Ok(entries)
}

/// Copies a file's data and leaves its holes; `size` is the new file's length. Durable on return.
pub(super) fn copy_sparse(from: &Path, to: &Path, size: u64) -> io::Result<()> {
    let mut source = File::open(from)?;
    let end = source.metadata()?.len();
    let mut target = File::create(to)?;
    target.set_len(size.max(end))?;
    let mut position = 0;
    while let Some((start, stop)) = next_data(&source, position, end)? {
        source.seek(SeekFrom::Start(start))?;
        target.seek(SeekFrom::Start(start))?;
        copy(&mut source, &mut target, stop - start)?;
        position = stop;
    }
    target.sync_all()
}

/// The next stretch of data at or after `position`.
fn next_data(file: &File, position: u64, end: u64) -> io::Result<Option<(u64, u64)>> {
    if position >= end {
        return Ok(None);
    }
    let start = match rustix::fs::seek(file, Sparse::Data(position)) {
        Ok(start) => start,
        Err(rustix::io::Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some((start, rustix::fs::seek(file, Sparse::Hole(start))?)))
}

fn copy(source: &mut File, target: &mut File, len: u64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut left = len;
    while left > 0 {
        let part = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        source.read_exact(&mut buffer[..part])?;
        target.write_all(&buffer[..part])?;
        left -= part as u64;
    }
    Ok(())
}
