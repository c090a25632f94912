//! One VM while the lab is open: its power, its guest and who holds it.
//!
//! Three locks, always taken in this order: `operation` (one change of the chain, or power-on, at a
//! time, however long it takes), `power` (one change of power), `state` (held for moments only; a
//! guest takes it for each read and write).

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use disk::Disk;
use model::{PowerState, VmInfo, VmRef};

use super::{
    LabSettings, chain,
    guest::{self, GuestSettings},
    meta::{self, VmFile},
    state::{Runtime, held, unexpected},
    tracked::TrackedDisk,
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
    /// The VM as it was shown last, with the revision that this was of.
    shown: Mutex<Option<(u64, VmInfo)>>,
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
        let mut runtime = Runtime::of(data_dir, file);
        runtime.cover_points()?;
        Ok(Arc::new(Self {
            directory,
            settings,
            operation: Mutex::default(),
            power: Mutex::default(),
            state: Mutex::new(runtime),
            shown: Mutex::default(),
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

    /// See [`crate::Platform::revision`].
    pub(crate) fn revision(&self) -> Option<u64> {
        self.state().revision()
    }

    /// The VM as the platform shows it. Nothing is measured again of a VM that cannot have changed.
    pub(crate) fn info(&self) -> Result<VmInfo, PlatformError> {
        let state = self.state();
        let revision = state.revision();
        let mut shown = lock(&self.shown);
        if let (Some(now), Some((then, info))) = (revision, &*shown)
            && now == *then
        {
            return Ok(info.clone());
        }
        let info = self.measure(&state)?;
        *shown = revision.map(|revision| (revision, info.clone()));
        Ok(info)
    }

    fn measure(&self, state: &Runtime) -> Result<VmInfo, PlatformError> {
        let file = &state.file;
        let disks = file
            .disks
            .iter()
            .map(|disk| chain::disk_info(&self.directory, disk));
        Ok(VmInfo {
            vm: file.vm.clone(),
            name: file.name.clone(),
            identity: file.identity.clone(),
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
            beside_disks: Vec::new(),
            placement: file.placement.clone(),
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
        // One that writes nothing needs no thread before it shuts down.
        if state.file.idle {
            return;
        }
        let Some(disk) = self.tracked(&state.file, 0) else {
            return;
        };
        self.spawn_guest(state, Some(disk));
    }

    fn spawn_guest(self: &Arc<Self>, state: &mut Runtime, disk: Option<Arc<dyn Disk>>) {
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
    pub(crate) fn request_shutdown(self: &Arc<Self>) {
        let mut state = self.state();
        if state.file.idle && state.file.power != PowerState::Off && state.guest.is_none() {
            self.spawn_guest(&mut state, None);
        }
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

    /// See [`crate::Platform::set_storage_policy`].
    pub(crate) fn set_storage_policy(&self, policy: Option<&str>) -> Result<(), PlatformError> {
        let mut state = self.state();
        let mut file = state.file.clone();
        file.storage_policy = policy.map(str::to_owned);
        state.commit(file)
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
