//! One VM while the lab is open: its description, its open disks, change tracking and its guest.
//!
//! Three locks, always taken in this order: `operation` (one change of the chain, or power-on, at a
//! time, however long it takes), `power` (one change of power), `state` (held for moments only; a
//! guest takes it for each read and write).

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use disk::{Access, Disk, DiskError, Extent};
use model::{ByteCount, ByteRange, EpochId, PowerState, Timestamp, VmInfo, VmRef};

use super::{
    LabSettings, chain,
    guest::{self, Guest, GuestSettings},
    meta::{self, VmFile, io_error, sync_parent},
    tracking::{self, Bitmap, Bits, Header},
};
use crate::PlatformError;

const POLL: Duration = Duration::from_millis(20);

/// One VM.
pub(crate) struct VmCell {
    pub(crate) directory: PathBuf,
    settings: LabSettings,
    operation: Mutex<()>,
    power: Mutex<()>,
    state: Mutex<Runtime>,
}

/// What changes of a VM.
pub(crate) struct Runtime {
    directory: PathBuf,
    data_dir: PathBuf,
    /// The description; equal to the saved one.
    pub(crate) file: VmFile,
    handles: Vec<Option<Arc<dyn Disk>>>,
    records: Vec<Record>,
    /// What was written since a merge began to watch, per disk.
    watched: Vec<Option<Bits>>,
    guest: Option<Guest>,
    /// Counts starts and stops, so that the end of an old guest says nothing of a new one.
    run: u64,
    shutting_down: bool,
    /// Its files are another VM's now.
    retired: bool,
}

/// The change record of the epoch that is open.
#[derive(Debug)]
enum Record {
    NotOpened,
    Open(Bitmap),
    /// It is not whole, and has been removed so that nobody believes it later.
    Broken,
}

impl fmt::Debug for VmCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VmCell")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The moment.
pub(crate) fn now() -> Timestamp {
    Timestamp(guest::now_micros())
}

impl VmCell {
    /// Loads a VM, removes what a crash left, and puts its chain in order. Starts nothing.
    pub(crate) fn load(
        data_dir: &Path,
        vm: &VmRef,
        settings: LabSettings,
    ) -> Result<Arc<Self>, PlatformError> {
        let file = meta::load_vm(data_dir, vm)?;
        let directory = meta::vm_dir(data_dir, vm);
        chain::clean(&directory, &file)?;
        let disks = file.disks.len();
        let mut runtime = Runtime {
            directory: directory.clone(),
            data_dir: data_dir.to_owned(),
            file,
            handles: vec![None; disks],
            records: (0..disks).map(|_| Record::NotOpened).collect(),
            watched: vec![None; disks],
            guest: None,
            run: 0,
            shutting_down: false,
            retired: false,
        };
        runtime.cover_points()?;
        Ok(Arc::new(Self {
            directory,
            settings,
            operation: Mutex::default(),
            power: Mutex::default(),
            state: Mutex::new(runtime),
        }))
    }

    /// Keeps others from changing the chain or starting the VM.
    pub(crate) fn operation(&self) -> Result<MutexGuard<'_, ()>, PlatformError> {
        let operation = lock(&self.operation);
        self.state().check_not_retired()?;
        Ok(operation)
    }

    /// Ends the VM for good, before its files are removed: waits for the operation at work, and
    /// lets none begin again.
    pub(crate) fn retire(&self) {
        let _operation = lock(&self.operation);
        self.stop_guest();
        let mut state = self.state();
        state.handles.fill(None);
        state.retired = true;
    }

    /// The VM's state; held for moments only.
    pub(crate) fn state(&self) -> MutexGuard<'_, Runtime> {
        lock(&self.state)
    }

    /// The VM as its description says.
    pub(crate) fn file(&self) -> VmFile {
        self.state().file.clone()
    }

    /// The VM as the platform shows it.
    pub(crate) fn info(&self) -> Result<VmInfo, PlatformError> {
        let state = self.state();
        let file = &state.file;
        let disks = file
            .disks
            .iter()
            .map(|disk| chain::disk_info(&self.directory, disk));
        Ok(VmInfo {
            vm: file.vm.clone(),
            name: file.name.clone(),
            power: state.power(),
            cpus: file.cpus,
            memory: file.memory,
            firmware: file.firmware,
            adapters: file.adapters.clone(),
            tags: file.tags.clone(),
            storage_policy: file.storage_policy.clone(),
            change_tracking: file.change_tracking,
            disks: disks.collect::<Result<_, _>>()?,
            held_by: file.held_by.clone(),
        })
    }

    /// Starts the guest of a VM that was left on, as after a restart of the lab.
    pub(crate) fn resume(self: &Arc<Self>) {
        let _operation = lock(&self.operation);
        let mut state = self.state();
        if state.file.power != PowerState::Off && state.guest.is_none() && !state.retired {
            self.start_guest(&mut state);
        }
    }

    /// See [`crate::Platform::power_on`].
    pub(crate) fn power_on(self: &Arc<Self>, holder: Option<&str>) -> Result<(), PlatformError> {
        let _operation = self.operation()?;
        let _power = lock(&self.power);
        self.wait_for_shutdown();
        let mut state = self.state();
        if let Some(other) = &state.file.held_by
            && holder != Some(other.as_str())
        {
            return Err(held(&state.file, other));
        }
        if state.file.power != PowerState::Off {
            // A guest that never answered goes on.
            state.shutting_down = false;
            return Ok(());
        }
        self.check_images(&state.file)?;
        let mut file = state.file.clone();
        file.power = PowerState::On;
        file.write_epoch += 1;
        state.commit(file)?;
        self.start_guest(&mut state);
        Ok(())
    }

    fn check_images(&self, file: &VmFile) -> Result<(), PlatformError> {
        let missing = chain::missing_images(&self.directory, file);
        missing.first().map_or(Ok(()), |path| {
            Err(unexpected(
                file,
                format!("its image {} is missing", path.display()),
            ))
        })
    }

    fn start_guest(self: &Arc<Self>, state: &mut Runtime) {
        state.run += 1;
        state.shutting_down = false;
        let Some(disk) = self.tracked(&state.file, 0) else {
            return;
        };
        let settings = GuestSettings {
            tick: self.settings.guest_tick,
            shutdown_delay: self.settings.shutdown_delay,
        };
        let (cell, run) = (Arc::downgrade(self), state.run);
        let on_exit = Box::new(move || guest_exited(&cell, run));
        let guest = guest::spawn(&state.file.name, disk, settings, state.file.deaf, on_exit);
        state.guest = Some(guest);
    }

    /// A disk whose writes are recorded.
    pub(crate) fn tracked_disk(self: &Arc<Self>, index: usize) -> Option<Arc<dyn Disk>> {
        self.tracked(&self.file(), index)
    }

    fn tracked(self: &Arc<Self>, file: &VmFile, index: usize) -> Option<Arc<dyn Disk>> {
        let disk = file.disks.get(index)?;
        Some(Arc::new(TrackedDisk {
            cell: Arc::clone(self),
            index,
            size: disk.size,
            sector: disk.sector,
        }))
    }

    /// Waits until a guest that was asked to shut down is off, or has had its time.
    fn wait_for_shutdown(&self) {
        let until = Instant::now() + self.settings.shutdown_timeout;
        while self.state().shutting_down && Instant::now() < until {
            thread::sleep(POLL);
        }
    }

    /// See [`crate::Platform::power_off`].
    pub(crate) fn power_off(&self) -> Result<(), PlatformError> {
        let _power = lock(&self.power);
        self.stop_guest();
        let mut state = self.state();
        state.close()?;
        if state.file.power == PowerState::Off {
            return Ok(());
        }
        let mut file = state.file.clone();
        file.power = PowerState::Off;
        state.commit(file)
    }

    /// Ends the guest at once; the recorded power stays.
    pub(crate) fn stop_guest(&self) {
        let guest = {
            let mut state = self.state();
            state.run += 1;
            state.shutting_down = false;
            state.guest.take()
        };
        // Without the lock: the guest may be waiting for it.
        if let Some(guest) = guest {
            guest.stop();
        }
    }

    /// Ends the guest and closes the disks; the recorded power stays.
    pub(crate) fn suspend(&self) -> Result<(), PlatformError> {
        let _power = lock(&self.power);
        self.stop_guest();
        self.state().close()
    }

    /// See [`crate::Platform::request_shutdown`].
    pub(crate) fn request_shutdown(&self) {
        let mut state = self.state();
        if let Some(guest) = &state.guest {
            guest.request_shutdown();
            state.shutting_down = true;
        }
    }

    /// See [`crate::Platform::hold`].
    pub(crate) fn hold(&self, holder: &str) -> Result<(), PlatformError> {
        self.set_holder(holder, Some(holder.to_owned()))
    }

    /// See [`crate::Platform::release`].
    pub(crate) fn release(&self, holder: &str) -> Result<(), PlatformError> {
        self.set_holder(holder, None)
    }

    fn set_holder(&self, by: &str, to: Option<String>) -> Result<(), PlatformError> {
        let mut state = self.state();
        if let Some(other) = &state.file.held_by
            && other != by
        {
            return Err(held(&state.file, other));
        }
        if state.file.held_by == to {
            return Ok(());
        }
        let mut file = state.file.clone();
        file.held_by = to;
        state.commit(file)
    }
}

/// On the guest's thread, after it shut down.
fn guest_exited(cell: &Weak<VmCell>, run: u64) {
    let Some(cell) = cell.upgrade() else { return };
    let mut state = cell.state();
    if state.run != run {
        return;
    }
    state.shutting_down = false;
    state.guest = None;
    if let Err(error) = state.close() {
        tracing::error!(%error, vm = %state.file.vm, "a disk could not be flushed at shutdown");
    }
    let mut file = state.file.clone();
    file.power = PowerState::Off;
    if let Err(error) = state.commit(file) {
        tracing::error!(%error, vm = %state.file.vm, "that the VM is off could not be recorded");
        state.file.power = PowerState::Off;
    }
}

impl Runtime {
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

    fn check_not_retired(&self) -> Result<(), PlatformError> {
        if self.retired {
            return Err(PlatformError::NoVm(self.file.vm.clone()));
        }
        Ok(())
    }

    /// Saves a new description, and only then works by it.
    pub(crate) fn commit(&mut self, file: VmFile) -> Result<(), PlatformError> {
        self.check_not_retired()?;
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
    fn cover_points(&mut self) -> Result<(), PlatformError> {
        if !chain::is_boundary(&self.file, chain::depth(&self.file)) {
            return Ok(());
        }
        let mut file = self.file.clone();
        chain::push_overlays(&self.directory, &mut file, None, "lab")?;
        self.commit(file)
    }

    /// Marks ranges of a disk as written in the open epoch, durably.
    pub(crate) fn mark(&mut self, index: usize, ranges: &[ByteRange]) -> io::Result<()> {
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
                opened_at: now(),
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

/// A disk as the VM's guest sees it: every write is recorded before it happens.
#[derive(Debug)]
pub(crate) struct TrackedDisk {
    cell: Arc<VmCell>,
    index: usize,
    size: ByteCount,
    sector: u32,
}

impl TrackedDisk {
    /// Whether a range is on the disk; the record must not be asked to cover more.
    fn check(&self, range: ByteRange) -> Result<(), DiskError> {
        if range.end() > self.size.0 {
            return Err(DiskError::PastEnd {
                range,
                size: self.size,
            });
        }
        Ok(())
    }

    fn write(
        &self,
        range: ByteRange,
        write: impl FnOnce(&dyn Disk) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        self.check(range)?;
        let mut state = self.cell.state();
        let handle = state.handle(self.index)?;
        state
            .mark(self.index, &[range])
            .map_err(|source| DiskError::Write { range, source })?;
        write(handle.as_ref())
    }
}

impl Disk for TrackedDisk {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn sector(&self) -> u32 {
        self.sector
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let mut state = self.cell.state();
        state.handle(self.index)?.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        let range = ByteRange::new(offset, data.len() as u64);
        self.write(range, |disk| disk.write_at(offset, data))
    }

    fn write_zeroes(&self, range: ByteRange) -> Result<(), DiskError> {
        self.write(range, |disk| disk.write_zeroes(range))
    }

    fn flush(&self) -> Result<(), DiskError> {
        let mut state = self.cell.state();
        state.handle(self.index)?.flush()
    }

    fn extents(&self, range: ByteRange) -> Result<Vec<Extent>, DiskError> {
        let mut state = self.cell.state();
        state.handle(self.index)?.extents(range)
    }
}
