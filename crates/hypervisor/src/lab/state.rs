//! What changes of one VM while the lab is open: its description, its open disks and the record of
//! what is written. Whoever holds it has the lock.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use disk::{Access, Disk, DiskError};
use model::{ByteRange, EpochId, PowerState, Timestamp};

use super::{
    chain,
    guest::Guest,
    meta::{self, VmFile, io_error, sync_parent},
    tracking::{self, Bitmap, Bits, Header},
};
use crate::{PlatformError, clock};

/// The first revision of the VM that is loaded next.
static LOADED: AtomicU64 = AtomicU64::new(0);

/// The description and what is open.
pub(crate) struct Runtime {
    directory: PathBuf,
    data_dir: PathBuf,
    /// The description; equal to the saved one.
    pub(crate) file: VmFile,
    pub(super) handles: Vec<Option<Arc<dyn Disk>>>,
    records: Vec<Record>,
    /// What was written since a merge began to watch, per disk.
    watched: Vec<Option<Bits>>,
    pub(super) guest: Option<Guest>,
    /// Counts starts and stops, so that the end of an old guest says nothing of a new one.
    pub(super) run: u64,
    pub(super) shutting_down: bool,
    /// Its files are another VM's now.
    pub(super) retired: bool,
    /// Grows with each change of the description and each write of a guest.
    revision: u64,
}

/// The change record of the epoch that is open.
#[derive(Debug)]
enum Record {
    NotOpened,
    Open(Bitmap),
    /// It is not whole, and has been removed so that nobody believes it later.
    Broken,
}

impl Runtime {
    /// The state of a VM whose guest is not started.
    pub(super) fn of(data_dir: &Path, file: VmFile) -> Self {
        let disks = file.disks.len();
        Self {
            directory: meta::vm_dir(data_dir, &file.vm),
            data_dir: data_dir.to_owned(),
            file,
            handles: vec![None; disks],
            records: (0..disks).map(|_| Record::NotOpened).collect(),
            watched: vec![None; disks],
            guest: None,
            run: 0,
            shutting_down: false,
            retired: false,
            // No two labs of one process share a number: a VM of an estate made anew is another one.
            revision: LOADED.fetch_add(1 << 32, Ordering::Relaxed),
        }
    }

    /// See [`crate::Platform::revision`]: whoever holds the VM may write past the lab.
    pub(super) fn revision(&self) -> Option<u64> {
        let written = self.handles.iter().any(Option::is_some);
        let merged = self.watched.iter().any(Option::is_some);
        let busy = self.guest.is_some() || self.file.held_by.is_some() || written || merged;
        (!busy).then_some(self.revision)
    }

    /// Whether it runs.
    pub(crate) fn power(&self) -> PowerState {
        match self.file.power {
            PowerState::Off => PowerState::Off,
            PowerState::On | PowerState::ShuttingDown if self.shutting_down => {
                PowerState::ShuttingDown
            }
            PowerState::On | PowerState::ShuttingDown => PowerState::On,
        }
    }

    pub(super) fn check_not_retired(&self) -> Result<(), PlatformError> {
        if self.retired {
            return Err(PlatformError::NoVm(self.file.vm.clone()));
        }
        Ok(())
    }

    /// Saves a new description, and only then works by it.
    pub(crate) fn commit(&mut self, file: VmFile) -> Result<(), PlatformError> {
        self.check_not_retired()?;
        self.revision += 1;
        if let Err(error) = meta::save_vm(&self.data_dir, &file) {
            // The new one may be in place without being durable: put the old one back.
            if let Err(again) = meta::save_vm(&self.data_dir, &self.file) {
                tracing::error!(error = %again, vm = %file.vm, "the description is not saved");
            }
            return Err(error);
        }
        self.file = file;
        Ok(())
    }

    /// The newest layer of a disk, open for writing.
    pub(crate) fn handle(&mut self, index: usize) -> Result<Arc<dyn Disk>, DiskError> {
        if let Some(handle) = &self.handles[index] {
            return Ok(Arc::clone(handle));
        }
        let disk = &self.file.disks[index];
        let locator = chain::locator(&self.directory, disk, disk.layers.len());
        let handle = disk::open(&locator, Access::Write)?;
        self.handles[index] = Some(Arc::clone(&handle));
        Ok(handle)
    }

    /// Flushes the disks that are open.
    pub(crate) fn flush(&self) -> Result<(), PlatformError> {
        for handle in self.handles.iter().flatten() {
            handle
                .flush()
                .map_err(|source| chain::disk_error(&self.file.vm, source))?;
        }
        Ok(())
    }

    /// Flushes and closes the disks that are open; the next access opens what the description then
    /// says.
    pub(crate) fn close(&mut self) -> Result<(), PlatformError> {
        self.flush()?;
        self.handles.fill(None);
        Ok(())
    }

    /// Every point must lie below an overlay: else a write to the newest layer would change it.
    pub(super) fn cover_points(&mut self) -> Result<(), PlatformError> {
        if !chain::is_boundary(&self.file, chain::depth(&self.file)) {
            return Ok(());
        }
        let mut file = self.file.clone();
        chain::push_overlays(&self.directory, &mut file, None, "lab")?;
        self.commit(file)
    }

    /// Marks ranges of a disk as written in the open epoch, durably.
    pub(crate) fn mark(&mut self, index: usize, ranges: &[ByteRange]) -> io::Result<()> {
        self.revision += 1;
        if let Some(watched) = &mut self.watched[index] {
            for range in ranges {
                watched.set(*range);
            }
        }
        if !self.file.change_tracking {
            return Ok(());
        }
        if matches!(self.records[index], Record::NotOpened) {
            self.records[index] = self.open_record(index)?;
        }
        match &mut self.records[index] {
            Record::Open(bitmap) => bitmap.mark_all(ranges),
            Record::NotOpened | Record::Broken => Ok(()),
        }
    }

    fn open_record(&self, index: usize) -> io::Result<Record> {
        let disk = &self.file.disks[index];
        match Bitmap::open(&self.directory, &disk.key, disk.size, self.file.epoch) {
            Ok(bitmap) => Ok(Record::Open(bitmap)),
            Err(reason) => {
                tracing::warn!(vm = %self.file.vm, reason, "writes of this epoch are not recorded");
                let path = self
                    .directory
                    .join(tracking::file_name(&disk.key, self.file.epoch));
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => sync_parent(&path)?,
                }
                Ok(Record::Broken)
            }
        }
    }

    /// Makes the records of an epoch that begins now, with ranges that count as written in it.
    /// They are in force from the commit of `file` and [`Runtime::begin_epoch`] on.
    pub(crate) fn new_records(
        &self,
        file: &VmFile,
        written: &[Vec<ByteRange>],
    ) -> Result<Vec<Bitmap>, PlatformError> {
        if !file.change_tracking {
            return Ok(Vec::new());
        }
        let make = |(index, disk): (usize, &meta::DiskFile)| {
            let header = Header {
                key: disk.key.clone(),
                size: disk.size,
                epoch: file.epoch,
                opened_at: clock::now(),
            };
            let mut bitmap = Bitmap::create(&self.directory, &header)?;
            bitmap.mark_all(written.get(index).map_or(&[], Vec::as_slice))?;
            Ok(bitmap)
        };
        let made = file
            .disks
            .iter()
            .enumerate()
            .map(make)
            .collect::<io::Result<_>>();
        made.map_err(|e| io_error("record changes in", &self.directory, e))
    }

    /// Records writes in `records` from now on.
    pub(crate) fn begin_epoch(&mut self, records: Vec<Bitmap>) {
        let disks = self.file.disks.len();
        let mut records = records.into_iter().map(Record::Open);
        self.records = (0..disks)
            .map(|_| records.next().unwrap_or(Record::NotOpened))
            .collect();
    }

    /// Begins to remember what is written, for a merge.
    pub(crate) fn watch(&mut self) {
        for (watched, disk) in self.watched.iter_mut().zip(&self.file.disks) {
            *watched = Some(Bits::new(disk.size));
        }
    }

    /// What was written to a disk since it was asked for last.
    pub(crate) fn take_watched(&mut self, index: usize) -> Vec<ByteRange> {
        let size = self.file.disks[index].size;
        let seen = self.watched[index].replace(Bits::new(size));
        seen.map(|bits| bits.ranges()).unwrap_or_default()
    }

    /// Bytes of all disks that were written since they were asked for last.
    pub(crate) fn watched_bytes(&self) -> u64 {
        self.watched.iter().flatten().map(Bits::covered).sum()
    }

    /// Forgets it again.
    pub(crate) fn unwatch(&mut self) {
        self.watched.fill(None);
    }

    /// The epoch in force at a moment, after the records that are whole; none when they do not
    /// reach back.
    pub(crate) fn epoch_at(&self, moment: Timestamp) -> Option<EpochId> {
        let disk = self
            .file
            .disks
            .first()
            .filter(|_| self.file.change_tracking)?;
        (0..=self.file.epoch.0)
            .rev()
            .map(EpochId)
            .find_map(
                |epoch| match Bitmap::open(&self.directory, &disk.key, disk.size, epoch) {
                    Ok(record) if record.opened_at() > moment => None,
                    Ok(_) => Some(Some(epoch)),
                    Err(_) => Some(None),
                },
            )?
    }
}

/// Somebody else holds the VM.
pub(crate) fn held(file: &VmFile, holder: &str) -> PlatformError {
    PlatformError::Held {
        vm: file.vm.clone(),
        holder: holder.to_owned(),
    }
}

/// What is there contradicts what was asked for.
pub(crate) fn unexpected(file: &VmFile, what: impl Into<String>) -> PlatformError {
    PlatformError::Unexpected {
        vm: file.vm.clone(),
        what: what.into(),
    }
}
