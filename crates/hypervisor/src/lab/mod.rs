//! The lab: two sites in a directory, with real disks and guests that write.
//!
//! One process owns it. Its descriptions are files that are replaced whole, its layers are qcow2
//! overlays, its guests are threads; what a SIGKILL leaves is taken up at the next start.

mod chain;
mod create;
mod firmware;
mod guest;
mod guestfs;
mod jobs;
mod load;
mod lock;
mod merge;
mod meta;
mod platform_impl;
mod points;
mod resources;
mod runtime;
mod sample;
mod state;
mod tracked;
mod tracking;
mod verify;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use model::{PointName, ReplicaId, ReplicaState, RestorePoint, SiteId, VmRef};

use self::{
    load::{Vms, create, load, own},
    meta::{EstateFile, ReplicaFile},
    runtime::VmCell,
};
use crate::{PlatformError, clock};

pub use self::{
    lock::{LabLock, own_data_dir},
    sample::Scale,
    verify::{DiskRow, RecordsRow, Verdict, VerifyReport, VerifyResult, verify},
};

/// How a lab is made and how its guests behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabSettings {
    /// The estate that is made where there is none.
    pub scale: Scale,
    /// How many original VMs that estate has; those that its scale does not have are generated, with
    /// a replica each, small disks, and guests that write nothing. 0 is those of the scale.
    pub vms: u32,
    /// Between two records that a guest writes.
    pub guest_tick: Duration,
    /// How long a guest takes to shut down.
    pub shutdown_delay: Duration,
    /// How long a guest may take before it is powered off.
    pub shutdown_timeout: Duration,
}

impl Default for LabSettings {
    fn default() -> Self {
        Self {
            scale: Scale::Sample,
            vms: 0,
            guest_tick: Duration::from_millis(250),
            shutdown_delay: Duration::from_secs(2),
            shutdown_timeout: Duration::from_secs(20),
        }
    }
}

/// A lab that this process has open. Clones are the same lab; with the last one its guests end, as
/// they do when the process is killed.
#[derive(Clone)]
pub struct Lab {
    inner: Arc<Inner>,
}

struct Inner {
    data_dir: PathBuf,
    settings: LabSettings,
    estate: Mutex<EstateFile>,
    vms: RwLock<Vms>,
    /// Held while a VM is made.
    creation: Mutex<()>,
    _lock: LabLock,
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("data_dir", &self.inner.data_dir)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        suspend_all(&self.cells());
    }
}

impl Inner {
    fn cells_at(&self, site: &SiteId) -> Vec<Arc<VmCell>> {
        let vms = self.vms.read().unwrap_or_else(PoisonError::into_inner);
        let here = vms.iter().filter(|(vm, _)| vm.site == *site);
        here.map(|(_, cell)| Arc::clone(cell)).collect()
    }

    fn cells(&self) -> Vec<Arc<VmCell>> {
        self.vms
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

impl Lab {
    /// Opens the lab in a data directory, makes the sample estate where there is none, and starts
    /// the guests of the VMs that were on.
    ///
    /// # Errors
    /// When another process has it open, or its files cannot be read or made.
    pub fn open(data_dir: &Path, settings: LabSettings) -> Result<Self, PlatformError> {
        let (data_dir, lock) = own(data_dir)?;
        if !meta::lab_dir(&data_dir).join("estate.json").exists() {
            create(&data_dir, settings.scale, settings.vms)?;
        }
        Self::opened(data_dir, lock, settings)
    }

    /// Opens the lab in a data directory with an estate that is made anew; everything in an old one
    /// is lost.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_anew(data_dir: &Path, settings: LabSettings) -> Result<Self, PlatformError> {
        let (data_dir, lock) = own(data_dir)?;
        create(&data_dir, settings.scale, settings.vms)?;
        Self::opened(data_dir, lock, settings)
    }

    fn opened(
        data_dir: PathBuf,
        lock: LabLock,
        settings: LabSettings,
    ) -> Result<Self, PlatformError> {
        let (estate, vms) = load(&data_dir, settings)?;
        let lab = Self {
            inner: Arc::new(Inner {
                data_dir,
                settings,
                estate: Mutex::new(estate),
                vms: RwLock::new(vms),
                creation: Mutex::default(),
                _lock: lock,
            }),
        };
        lab.start_guests();
        Ok(lab)
    }

    /// The directory that it lies in.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// What it was opened with.
    #[must_use]
    pub fn settings(&self) -> LabSettings {
        self.inner.settings
    }

    /// Ends the guests; VMs that are on stay recorded as on, and go on at the next start.
    pub fn shutdown(&self) {
        suspend_all(&self.inner.cells());
    }

    /// Makes the estate anew, with as many VMs as it was made with; everything in the old one is
    /// lost.
    ///
    /// # Errors
    /// When files cannot be removed or made; opening the lab again then makes the estate.
    pub fn reset(&self, scale: Scale) -> Result<(), PlatformError> {
        let mut estate = self.estate();
        let mut vms = self
            .inner
            .vms
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for cell in std::mem::take(&mut *vms).values() {
            cell.retire();
        }
        create(&self.inner.data_dir, scale, estate.vms)?;
        let (new_estate, new_vms) = load(&self.inner.data_dir, self.inner.settings)?;
        *estate = new_estate;
        *vms = new_vms;
        drop((estate, vms));
        self.start_guests();
        Ok(())
    }

    /// Fails a replica in Ready over, as after a new disaster: production loses its power, and the
    /// replica runs from its restore point on. Asking again after a failure goes on.
    ///
    /// # Errors
    /// [`PlatformError::Unexpected`] when the replica is not in Ready.
    pub fn fail_over(&self, replica: &ReplicaId) -> Result<(), PlatformError> {
        let record = self.replica(replica)?;
        let cell = self.cell(&record.vm)?;
        if record.state != ReplicaState::Ready {
            return Err(state::unexpected(
                &cell.file(),
                "its replica is not in Ready",
            ));
        }
        if let Ok(production) = self.cell(&record.original) {
            production.power_off()?;
        }
        let point = common_point(&cell, &record)?;
        diverge(&cell)?;
        cell.power_on(None)?;
        self.update_replica(replica, |record| {
            record.state = ReplicaState::Failover;
            record.restore_point = Some(point);
            record.running_since = Some(clock::now());
        })
    }

    fn start_guests(&self) {
        for cell in self.inner.cells() {
            cell.resume();
        }
    }

    fn estate(&self) -> MutexGuard<'_, EstateFile> {
        self.inner
            .estate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, vm: &VmRef) -> Result<Arc<VmCell>, PlatformError> {
        let vms = self
            .inner
            .vms
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        vms.get(vm)
            .cloned()
            .ok_or_else(|| PlatformError::NoVm(vm.clone()))
    }

    fn replica(&self, id: &ReplicaId) -> Result<ReplicaFile, PlatformError> {
        let estate = self.estate();
        let found = estate.replicas.iter().find(|replica| replica.id == *id);
        found.cloned().ok_or_else(|| no_replica(id))
    }

    fn update_replica(
        &self,
        id: &ReplicaId,
        change: impl FnOnce(&mut ReplicaFile),
    ) -> Result<(), PlatformError> {
        let mut estate = self.estate();
        let found = estate.replicas.iter_mut().find(|replica| replica.id == *id);
        let replica = found.ok_or_else(|| no_replica(id))?;
        let mut new = replica.clone();
        change(&mut new);
        if new != *replica {
            meta::save_replica(&self.inner.data_dir, &new)?;
            *replica = new;
        }
        Ok(())
    }

    /// Changes the estate's description with one replica in it, all of it or nothing. A crash in
    /// between leaves the replica as it was, for the change to be asked for again.
    fn update_estate(
        &self,
        id: &ReplicaId,
        change: impl FnOnce(&mut EstateFile) -> Result<(), PlatformError>,
    ) -> Result<(), PlatformError> {
        let mut estate = self.estate();
        let mut new = estate.clone();
        change(&mut new)?;
        if new != *estate {
            meta::save_estate(&self.inner.data_dir, &new)?;
            if let Some(replica) = new.replicas.iter().find(|replica| replica.id == *id) {
                meta::save_replica(&self.inner.data_dir, replica)?;
            }
            *estate = new;
        }
        Ok(())
    }
}

fn no_replica(id: &ReplicaId) -> PlatformError {
    PlatformError::Io {
        operation: format!("find replica {id} in the lab"),
        source: std::io::Error::from(std::io::ErrorKind::NotFound),
    }
}

fn suspend_all(cells: &[Arc<VmCell>]) {
    for cell in cells {
        if let Err(error) = cell.suspend() {
            tracing::error!(%error, ?cell, "the disks of a VM could not be flushed");
        }
    }
}

/// The restore point that both sides have in common. Without a recorded one the replica's present
/// content is frozen; nothing is then known of production's side.
fn common_point(cell: &VmCell, record: &ReplicaFile) -> Result<RestorePoint, PlatformError> {
    let file = cell.file();
    if let Some(point) = &record.restore_point
        && points::find(&file, &point.name).is_ok()
    {
        return Ok(point.clone());
    }
    let name = PointName::new(format!("failover-{}", file.epoch.0 + 1));
    points::freeze(cell, &name, "replication")?;
    restore_point(cell, None, &name)
}

/// A point as a restore point, with the epochs of both sides.
fn restore_point(
    cell: &VmCell,
    production: Option<&VmCell>,
    name: &PointName,
) -> Result<RestorePoint, PlatformError> {
    let file = cell.file();
    let point = points::find(&file, name)?;
    Ok(RestorePoint {
        name: name.clone(),
        taken_at: point.taken_at,
        replica_epoch: file.change_tracking.then_some(point.epoch),
        production_epoch: production.and_then(|vm| vm.state().epoch_at(point.taken_at)),
    })
}

/// Writes what a replica writes in its first minutes.
fn diverge(cell: &Arc<VmCell>) -> Result<(), PlatformError> {
    let _operation = cell.operation()?;
    let seed = clock::now().0.unsigned_abs();
    let file = cell.file();
    for index in 0..file.disks.len() {
        let Some(disk) = cell.tracked_disk(index) else {
            continue;
        };
        if file.idle {
            sample::touch(disk.as_ref(), seed).map_err(|e| chain::disk_error(&file.vm, e))?;
        } else {
            sample::diverge_after_failover(disk, seed.wrapping_add(index as u64))?;
        }
    }
    cell.state().close()
}

#[cfg(test)]
mod tests;
