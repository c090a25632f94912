//! What Landfall asks of a platform.

use std::{fmt, time::Duration};

use disk::Locator;
use model::{
    ByteCount, ByteRange, DiskKey, DiskPair, EpochId, Job, JobId, NewDisk, NewVm, PointName,
    ProtectedVmId, ReplicaId, ReplicaState, RestorePoint, SeedDisk, SiteId, SiteResources,
    SiteRole, Timestamp, TransportMode, VmInfo, VmRef,
};
use serde::{Deserialize, Serialize};

use crate::{FirmwareState, PlatformError, Retry};

/// What a platform can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Its word in product terms: `lab`.
    pub platform: &'static str,
    /// How proxies reach its disks, best first.
    pub transport_modes: Vec<TransportMode>,
    /// It records which ranges are written.
    pub change_tracking: bool,
    /// Why its change tracking is no ground for quick rollback; none where it is.
    pub no_quick_rollback: Option<&'static str>,
    /// It has storage policies.
    pub storage_policies: bool,
    /// It can make VMs, and remove those it made.
    pub creates_vms: bool,
    /// Its jobs can be made to name another VM.
    pub repoints_jobs: bool,
    /// How long a guest may take to shut down before it is powered off.
    pub shutdown_timeout: Duration,
}

/// A replica as the replication that keeps it recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRecord {
    /// Landfall's id of the replica.
    pub id: ReplicaId,
    /// Landfall's id of the VM that it protects.
    pub protected: ProtectedVmId,
    /// The replica VM.
    pub vm: VmRef,
    /// The original VM.
    pub original: VmRef,
    /// Its state as replication left it.
    pub state: ReplicaState,
    /// The job that keeps it.
    pub job: JobId,
    /// Replication of this VM is on hold.
    pub on_hold: bool,
    /// The restore point it was failed over to.
    pub restore_point: Option<RestorePoint>,
    /// Since when it runs in place of production.
    pub running_since: Option<Timestamp>,
    /// Its disks whose pair at the original VM has another key.
    pub disk_pairs: Vec<DiskPair>,
    /// The storage policy that the original VM had at replication.
    pub stored_policy: Option<String>,
}

/// Everything a site holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The site.
    pub site: SiteId,
    /// What operators call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// Free space where layers are made.
    pub free: ByteCount,
    /// Its VMs.
    pub vms: Vec<VmInfo>,
    /// Its replicas.
    pub replicas: Vec<ReplicaRecord>,
    /// The jobs that keep them.
    pub jobs: Vec<Job>,
    /// What it offers to place VMs in.
    pub resources: SiteResources,
}

/// A layer that a session makes on a production VM's disks: pre-failback snapshot or working
/// snapshot. Named by session and pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerName(pub String);

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A point that becomes a restore point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptPoint<'a> {
    /// Its name.
    pub name: &'a PointName,
    /// Both sides hold the same as of it.
    pub common: bool,
}

/// A frozen moment of a VM's disks, and the tracking epoch that began then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The point's name.
    pub point: PointName,
    /// Writes from this moment on belong to this epoch.
    pub epoch: EpochId,
    /// What it holds of what its guest was about to write.
    pub consistency: Consistency,
}

/// What a point holds of what its guest was about to write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Everything: the VM was off.
    Off,
    /// All that its file systems were given: its agent had frozen them.
    Frozen,
    /// What a loss of power leaves: there is no agent that could be asked.
    #[default]
    NoAgent,
    /// The same, although there is one, which said this.
    AgentFailed(String),
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("the VM is off"),
            Self::Frozen => f.write_str("its file systems were frozen by its agent"),
            Self::NoAgent => f.write_str("crash-consistent, its guest has no agent connected"),
            Self::AgentFailed(why) => write!(
                f,
                "crash-consistent, its agent did not freeze its file systems: {why}"
            ),
        }
    }
}

/// A restore point or protective snapshot that a VM has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub name: PointName,
    /// Who made it: a session, or replication.
    pub owner: String,
    /// When.
    pub taken_at: Timestamp,
    /// The epoch that began then.
    pub epoch: EpochId,
}

/// What was written since an epoch began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Exactly these ranges, sorted, apart, in units of the tracking granularity.
    Written(Vec<ByteRange>),
    /// The record is not whole, with the reason: everything must be looked at.
    Broken(String),
}

/// Which content of a disk to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskAt {
    /// The newest layer.
    Active,
    /// The frozen content at a point.
    Point(PointName),
}

/// A platform: every call is blocking, and asking twice does nothing a second time.
pub trait Platform: Send + Sync + fmt::Debug {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// How proxies reach the disks of a site, best first: those of [`Capabilities`] where all its sites are
    /// alike.
    fn transport_modes(&self, site: &SiteId) -> Vec<TransportMode> {
        let _ = site;
        self.capabilities().transport_modes
    }

    /// The sites it has.
    fn sites(&self) -> Vec<SiteId>;

    /// Everything a site holds, read now.
    ///
    /// # Errors
    /// When the site cannot be read.
    fn inventory(&self, site: &SiteId) -> Result<Inventory, PlatformError>;

    /// One VM, read now.
    ///
    /// # Errors
    /// [`PlatformError::NoVm`] and failures to read.
    fn vm(&self, vm: &VmRef) -> Result<VmInfo, PlatformError>;

    /// Powers a VM on. `holder` must be given when the VM is held, and be its holder.
    ///
    /// # Errors
    /// [`PlatformError::Held`] when somebody else holds it.
    fn power_on(&self, vm: &VmRef, holder: Option<&str>) -> Result<(), PlatformError>;

    /// Powers a VM off at once, as if its plug were pulled, and waits until it is off.
    ///
    /// # Errors
    /// When the platform refuses.
    fn power_off(&self, vm: &VmRef) -> Result<(), PlatformError>;

    /// Asks the guest to shut down; poll [`Platform::vm`]. It may never answer.
    ///
    /// # Errors
    /// When the platform refuses.
    fn request_shutdown(&self, vm: &VmRef) -> Result<(), PlatformError>;

    /// Keeps everybody but `holder` from starting the VM.
    ///
    /// # Errors
    /// [`PlatformError::Held`] when somebody else holds it already.
    fn hold(&self, vm: &VmRef, holder: &str) -> Result<(), PlatformError>;

    /// Ends the hold of `holder`; no hold is fine.
    ///
    /// # Errors
    /// [`PlatformError::Held`] when somebody else holds it.
    fn release(&self, vm: &VmRef, holder: &str) -> Result<(), PlatformError>;

    /// A number that grows whenever anybody may have written to the VM's disks other than through
    /// [`Platform::open_disk`] of the holder: when it is started, reverted, or its layers change
    /// by another hand.
    ///
    /// # Errors
    /// When the VM cannot be read.
    fn write_epoch(&self, vm: &VmRef) -> Result<u64, PlatformError>;

    /// Takes a point of all disks of a VM, running or not, and opens a tracking epoch, in one step.
    /// A point of that name that is there already is returned as it is.
    ///
    /// # Errors
    /// When layers cannot be made; the VM then runs on as before.
    fn freeze(&self, vm: &VmRef, point: &PointName, owner: &str) -> Result<Frozen, PlatformError>;

    /// The points that a VM has, oldest first, foreign ones too.
    ///
    /// # Errors
    /// When the VM cannot be read.
    fn points(&self, vm: &VmRef) -> Result<Vec<Point>, PlatformError>;

    /// Removes a point that `owner` made; the VM's content stays as it is, running or not.
    /// A point that is gone already is fine.
    ///
    /// # Errors
    /// [`PlatformError::Unexpected`] when somebody else owns it.
    fn drop_point(&self, vm: &VmRef, point: &PointName, owner: &str) -> Result<(), PlatformError>;

    /// Returns the VM's disks to a point and drops what was written since. The VM must be off.
    ///
    /// # Errors
    /// [`PlatformError::MustBeOff`], [`PlatformError::NoPoint`].
    fn revert(&self, vm: &VmRef, point: &PointName) -> Result<(), PlatformError>;

    /// What was written to a disk from the beginning of epoch `since` until `point` was taken
    /// (until now without one).
    ///
    /// # Errors
    /// [`PlatformError::NoDisk`]; a record that is not whole is [`Ranges::Broken`], no error.
    fn ranges_since(
        &self,
        vm: &VmRef,
        disk: &DiskKey,
        since: EpochId,
        until: Option<&PointName>,
    ) -> Result<Ranges, PlatformError>;

    /// A number that stays the same as long as nothing of a VM has changed, content of its disks and
    /// change records included; none while somebody may be changing it.
    fn revision(&self, vm: &VmRef) -> Option<u64> {
        let _ = vm;
        None
    }

    /// Makes a layer above all disks of a VM that is off. One of that name that is there is fine.
    ///
    /// # Errors
    /// [`PlatformError::MustBeOff`].
    fn layer_create(&self, vm: &VmRef, layer: &LayerName, owner: &str)
    -> Result<(), PlatformError>;

    /// Whether a layer is there.
    ///
    /// # Errors
    /// When the VM cannot be read.
    fn layer_exists(&self, vm: &VmRef, layer: &LayerName) -> Result<bool, PlatformError>;

    /// Merges a layer into the one below it, online when the VM runs, and removes it; resumable.
    /// One that is gone already is fine.
    ///
    /// # Errors
    /// [`PlatformError::Unexpected`] when a foreign layer lies above it.
    fn layer_merge(&self, vm: &VmRef, layer: &LayerName) -> Result<(), PlatformError>;

    /// Removes a layer with what was written to it; the VM must be off. One that is gone is fine.
    ///
    /// # Errors
    /// [`PlatformError::MustBeOff`], [`PlatformError::Unexpected`].
    fn layer_drop(&self, vm: &VmRef, layer: &LayerName) -> Result<(), PlatformError>;

    /// Bytes that a layer takes now, all disks together; 0 when it is not there.
    ///
    /// # Errors
    /// When the VM cannot be read.
    fn layer_size(&self, vm: &VmRef, layer: &LayerName) -> Result<ByteCount, PlatformError>;

    /// Where a mover finds a disk. To write, the VM must be off and held by `writer`.
    ///
    /// # Errors
    /// [`PlatformError::NoDisk`], [`PlatformError::MustBeOff`], [`PlatformError::Held`].
    fn open_disk(
        &self,
        vm: &VmRef,
        disk: &DiskKey,
        at: &DiskAt,
        writer: Option<&str>,
    ) -> Result<Locator, PlatformError>;

    /// Puts replication of a replica's VM on hold or lets it go on.
    ///
    /// # Errors
    /// When the replica is unknown.
    fn set_replication_hold(&self, replica: &ReplicaId, on_hold: bool)
    -> Result<(), PlatformError>;

    /// Records a replica's state: after commit it is Ready with `kept` as a restore point, after
    /// undo it is in Failover. Only where both sides are known to hold the same as of the point
    /// are the epochs of both recorded with it.
    ///
    /// # Errors
    /// When the replica is unknown.
    fn set_replica_state(
        &self,
        replica: &ReplicaId,
        state: ReplicaState,
        kept: Option<KeptPoint<'_>>,
    ) -> Result<(), PlatformError>;

    /// Makes a VM, off, which `owner` may remove. Its disks are empty, or begin with the content of
    /// their seeds as far as that can be read. One that `owner` made under that id already is fine.
    /// Answers what people should know: which disk begins empty after all, and why.
    ///
    /// # Errors
    /// [`PlatformError::Unsupported`]; [`PlatformError::NameTaken`] when a VM of that name is
    /// there; [`PlatformError::NoResource`] when a choice is gone; nothing is left then.
    fn create_vm(&self, spec: &NewVm, owner: &str) -> Result<Vec<String>, PlatformError> {
        let _ = owner;
        Err(unsupported(&spec.vm, "making VMs"))
    }

    /// What the firmware of a VM keeps on no disk; nothing on platforms that keep none. What cannot be
    /// read is told in it, and is no error.
    ///
    /// # Errors
    /// When the VM cannot be read.
    fn firmware_state(&self, vm: &VmRef) -> Result<FirmwareState, PlatformError> {
        self.vm(vm).map(|_| FirmwareState::default())
    }

    /// Gives the firmware of a VM that is off the state of another's. Answers what of it this VM cannot
    /// have, as sentences; what it cannot have is left, the rest is there.
    ///
    /// # Errors
    /// [`PlatformError::MustBeOff`]; when it cannot be written.
    fn set_firmware_state(
        &self,
        vm: &VmRef,
        state: &FirmwareState,
    ) -> Result<Vec<String>, PlatformError> {
        self.vm(vm)?;
        let kept_nowhere = format!("its platform keeps no {}", state.words());
        Ok(if state.is_empty() {
            Vec::new()
        } else {
            vec![kept_nowhere]
        })
    }

    /// Who made a VM with [`Platform::create_vm`]; none for VMs of others and when it is not there.
    ///
    /// # Errors
    /// When the site cannot be read.
    fn created_by(&self, vm: &VmRef) -> Result<Option<String>, PlatformError> {
        let _ = vm;
        Ok(None)
    }

    /// Removes a VM that is off and that `owner` made. One that is gone already is fine.
    ///
    /// # Errors
    /// [`PlatformError::Unsupported`]; [`PlatformError::MustBeOff`];
    /// [`PlatformError::Unexpected`] when somebody else made it.
    fn remove_vm(&self, vm: &VmRef, owner: &str) -> Result<(), PlatformError> {
        let _ = owner;
        Err(unsupported(vm, "removing VMs"))
    }

    /// Associates a VM with a storage policy, or with none.
    ///
    /// # Errors
    /// [`PlatformError::Unsupported`]; [`PlatformError::NoResource`] when there is no such policy.
    fn set_storage_policy(&self, vm: &VmRef, policy: Option<&str>) -> Result<(), PlatformError> {
        let _ = policy;
        Err(unsupported(vm, "storage policies"))
    }

    /// Makes every job that named a replica's original VM name `to`, which is its original VM from
    /// now on, and records which disks pair. Asked for twice is fine.
    ///
    /// # Errors
    /// [`PlatformError::Unsupported`], and when the replica is unknown.
    fn repoint_jobs(
        &self,
        replica: &ReplicaId,
        to: &VmRef,
        pairs: &[DiskPair],
    ) -> Result<(), PlatformError> {
        let _ = (replica, pairs);
        Err(unsupported(to, "changing jobs"))
    }
}

/// Why a disk of a new VM begins empty though a copy was asked for; all of it is sent then.
///
/// # Errors
/// What may go away, so that the same may be asked for again: a way that was lost, or no room.
pub(crate) fn seed_is_not_copied(
    disk: &NewDisk,
    seed: &SeedDisk,
    why: PlatformError,
) -> Result<String, PlatformError> {
    if why.retry() == Retry::Temporary || why.is_full() {
        return Err(why);
    }
    Ok(format!(
        "Disk {} begins empty and is sent whole: disk {} of {} cannot be copied: {why}",
        disk.name, seed.disk, seed.vm
    ))
}

fn unsupported(vm: &VmRef, what: &'static str) -> PlatformError {
    PlatformError::Unsupported {
        site: vm.site.clone(),
        what,
    }
}
