//! The lab's description on disk: the estate, and each VM with its disks, layers and points.
//!
//! Every save is atomic and durable: a temporary file, synced, renamed, its directory synced. A
//! SIGKILL at any moment leaves the old description or the new one.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use model::{
    Adapter, ByteCount, DatastoreId, DiskFormat, DiskKey, DiskPair, EpochId, Firmware, Job, JobId,
    Placement, PointName, PowerState, ProtectedVmId, ReplicaId, ReplicaState, RestorePoint, SiteId,
    SiteResources, SiteRole, Slot, Timestamp, VmRef,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::PlatformError;

/// `<data-dir>/lab/estate.json`: sites, replicas and jobs. What changed of one replica since lies in
/// `replica.json` beside its VM's description, so that a change costs the same in a large estate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EstateFile {
    /// Version of this form; 1.
    pub(crate) version: u32,
    /// The sites, production first.
    pub(crate) sites: Vec<SiteFile>,
    /// The replicas.
    pub(crate) replicas: Vec<ReplicaFile>,
    /// The jobs that keep them.
    pub(crate) jobs: Vec<Job>,
    /// How many VMs it was made with; 0 is those of its scale.
    #[serde(default)]
    pub(crate) vms: u32,
}

/// One site; its VMs lie in `<data-dir>/lab/<site id>/<platform id>/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteFile {
    pub(crate) id: SiteId,
    pub(crate) name: String,
    pub(crate) role: SiteRole,
    /// What it offers to place VMs in; free space is as when it was made.
    #[serde(default)]
    pub(crate) resources: SiteResources,
}

/// One replica as replication recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplicaFile {
    pub(crate) id: ReplicaId,
    pub(crate) protected: ProtectedVmId,
    pub(crate) vm: VmRef,
    pub(crate) original: VmRef,
    pub(crate) state: ReplicaState,
    pub(crate) job: JobId,
    pub(crate) on_hold: bool,
    pub(crate) restore_point: Option<RestorePoint>,
    pub(crate) running_since: Option<Timestamp>,
    /// See [`crate::ReplicaRecord::disk_pairs`].
    #[serde(default)]
    pub(crate) disk_pairs: Vec<DiskPair>,
    /// See [`crate::ReplicaRecord::stored_policy`].
    #[serde(default)]
    pub(crate) stored_policy: Option<String>,
}

impl ReplicaFile {
    /// The key that the pair of a replica's disk has at the original VM.
    pub(crate) fn paired_key<'a>(&'a self, replica: &'a DiskKey) -> &'a DiskKey {
        let pair = self.disk_pairs.iter().find(|pair| pair.replica == *replica);
        pair.map_or(replica, |pair| &pair.production)
    }
}

/// `<vm dir>/vm.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VmFile {
    /// Version of this form; 1.
    pub(crate) version: u32,
    pub(crate) vm: VmRef,
    pub(crate) name: String,
    /// See [`model::VmInfo::identity`].
    #[serde(default)]
    pub(crate) identity: Option<String>,
    pub(crate) cpus: u32,
    pub(crate) memory: ByteCount,
    pub(crate) firmware: Firmware,
    pub(crate) adapters: Vec<Adapter>,
    pub(crate) tags: Vec<String>,
    pub(crate) storage_policy: Option<String>,
    pub(crate) change_tracking: bool,
    /// How it was left: `On` or `Off`; a guest that shuts down counts as on until it is off.
    pub(crate) power: PowerState,
    pub(crate) held_by: Option<String>,
    /// See [`crate::Platform::write_epoch`].
    pub(crate) write_epoch: u64,
    /// The tracking epoch that is open now; grows by one at each freeze.
    pub(crate) epoch: EpochId,
    /// Its guest never answers a request to shut down.
    pub(crate) deaf: bool,
    /// Its guest writes nothing by itself.
    #[serde(default)]
    pub(crate) idle: bool,
    pub(crate) disks: Vec<DiskFile>,
    /// Points, oldest first.
    pub(crate) points: Vec<PointFile>,
    /// Who made it with [`crate::Platform::create_vm`].
    #[serde(default)]
    pub(crate) created_by: Option<String>,
    /// Where it is in its site.
    #[serde(default)]
    pub(crate) placement: Placement,
}

/// One disk: its lowest image, and the qcow2 overlays above it, lowest first. The last is active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiskFile {
    pub(crate) key: DiskKey,
    pub(crate) name: String,
    pub(crate) size: ByteCount,
    pub(crate) sector: u32,
    /// File name of the lowest image in the VM's directory.
    pub(crate) base: String,
    pub(crate) format: DiskFormat,
    #[serde(default)]
    pub(crate) slot: Option<Slot>,
    #[serde(default)]
    pub(crate) datastore: Option<DatastoreId>,
    pub(crate) layers: Vec<LayerFile>,
}

/// One overlay. Overlays at the same index of all disks of a VM were made together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerFile {
    /// File name in the VM's directory.
    pub(crate) file: String,
    /// The layer's name where [`crate::Platform::layer_create`] made it; none where a freeze did.
    pub(crate) name: Option<String>,
    /// Who made it.
    pub(crate) owner: String,
}

/// A point: the content of each disk up to and including `depth` overlays (0 is the base alone).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PointFile {
    pub(crate) name: PointName,
    pub(crate) owner: String,
    pub(crate) taken_at: Timestamp,
    /// The epoch that began when it was taken.
    pub(crate) epoch: EpochId,
    pub(crate) depth: usize,
}

/// `<data-dir>/lab`.
pub(crate) fn lab_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("lab")
}

/// The directory of a VM.
pub(crate) fn vm_dir(data_dir: &Path, vm: &VmRef) -> PathBuf {
    lab_dir(data_dir)
        .join(vm.site.as_str())
        .join(&vm.platform_id)
}

/// Reads the estate, with what changed of single replicas since it was saved.
pub(crate) fn load_estate(data_dir: &Path) -> Result<EstateFile, PlatformError> {
    let mut estate: EstateFile = load(&lab_dir(data_dir).join("estate.json"))?;
    for replica in &mut estate.replicas {
        let path = replica_path(data_dir, replica);
        if path.exists() {
            *replica = load(&path)?;
        }
    }
    Ok(estate)
}

/// Saves one replica; from now on this goes before what the estate's description says of it.
pub(crate) fn save_replica(data_dir: &Path, replica: &ReplicaFile) -> Result<(), PlatformError> {
    save(&replica_path(data_dir, replica), replica)
}

fn replica_path(data_dir: &Path, replica: &ReplicaFile) -> PathBuf {
    vm_dir(data_dir, &replica.vm).join("replica.json")
}

/// Saves the estate.
pub(crate) fn save_estate(data_dir: &Path, estate: &EstateFile) -> Result<(), PlatformError> {
    save(&lab_dir(data_dir).join("estate.json"), estate)
}

/// Reads a VM's description.
pub(crate) fn load_vm(data_dir: &Path, vm: &VmRef) -> Result<VmFile, PlatformError> {
    let path = vm_dir(data_dir, vm).join("vm.json");
    if !path.exists() {
        return Err(PlatformError::NoVm(vm.clone()));
    }
    load(&path)
}

/// Writes the description of a VM that nothing names yet. It is durable when the caller has synced the
/// whole file system.
pub(crate) fn write_new_vm(data_dir: &Path, vm: &VmFile) -> Result<(), PlatformError> {
    let path = vm_dir(data_dir, &vm.vm).join("vm.json");
    let text = serde_json::to_string(vm).map_err(|source| PlatformError::Parse {
        what: path.display().to_string(),
        source,
    })?;
    fs::write(&path, text).map_err(|source| io_error("save", &path, source))
}

/// Saves a VM's description.
pub(crate) fn save_vm(data_dir: &Path, vm: &VmFile) -> Result<(), PlatformError> {
    save(&vm_dir(data_dir, &vm.vm).join("vm.json"), vm)
}

pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<T, PlatformError> {
    let text = fs::read_to_string(path).map_err(|source| io_error("read", path, source))?;
    serde_json::from_str(&text).map_err(|source| PlatformError::Parse {
        what: path.display().to_string(),
        source,
    })
}

pub(super) fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), PlatformError> {
    let text = serde_json::to_string_pretty(value).map_err(|source| PlatformError::Parse {
        what: path.display().to_string(),
        source,
    })?;
    let temporary = path.with_extension("json.new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_parent(path)
    };
    write().map_err(|source| io_error("save", path, source))
}

/// Makes the names in a file's directory durable.
pub(crate) fn sync_parent(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// An error of the lab's own files.
pub(crate) fn io_error(what: &str, path: &Path, source: std::io::Error) -> PlatformError {
    PlatformError::Io {
        operation: format!("{what} {}", path.display()),
        source,
    }
}
