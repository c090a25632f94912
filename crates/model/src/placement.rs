//! Where VMs can be: what a site offers to place one, and the description of one to be made.
//!
//! Data only. A platform says what it has as [`SiteResources`]; the wizard chooses among it; a
//! session carries the outcome as [`NewVm`].

use serde::{Deserialize, Serialize};

use crate::{
    Adapter, ByteCount, ClusterId, DatastoreId, DiskFormat, DiskKey, Firmware, FolderId, HostId,
    NetworkId, PolicyId, PoolId, ProxyChoice, SessionId, SiteId, VmRef,
};

/// The oldest virtual hardware whose disk types can be chosen.
pub const DISK_TYPE_SINCE_HARDWARE: u32 = 7;

/// Everything that a site offers to place VMs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteResources {
    /// Clusters.
    pub clusters: Vec<Cluster>,
    /// Hosts.
    pub hosts: Vec<Host>,
    /// Resource pools and vApps.
    pub pools: Vec<Pool>,
    /// Datastores.
    pub datastores: Vec<Datastore>,
    /// VM folders.
    pub folders: Vec<Folder>,
    /// Networks.
    pub networks: Vec<Network>,
    /// Storage policies.
    pub policies: Vec<Policy>,
}

/// Hosts that share their load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// What operators call it.
    pub name: String,
}

/// What runs VMs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// What operators call it.
    pub name: String,
    /// The cluster it belongs to; none for a standalone host, which has no VM folders.
    pub cluster: Option<ClusterId>,
    /// The datastores that it reaches.
    pub datastores: Vec<DatastoreId>,
    /// The networks that it reaches.
    pub networks: Vec<NetworkId>,
}

impl Host {
    /// Whether it stands alone: then it has no VM folders.
    #[must_use]
    pub const fn is_standalone(&self) -> bool {
        self.cluster.is_none()
    }
}

/// Where a VM computes: a host, or a cluster that picks one of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compute {
    /// This host.
    Host(HostId),
    /// The host of this cluster that has the fewest VMs.
    Cluster(ClusterId),
}

/// What a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// A resource pool.
    ResourcePool,
    /// A vApp.
    VApp,
}

/// A resource pool or vApp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// What operators call it.
    pub name: String,
    /// Which of the two it is.
    pub kind: PoolKind,
    /// The host or cluster whose resources it divides.
    pub of: Compute,
    /// The pool that it is in; none at the top.
    pub parent: Option<PoolId>,
}

/// Where files of VMs lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datastore {
    /// Its id.
    pub id: DatastoreId,
    /// What operators call it.
    pub name: String,
    /// What it holds in all.
    pub capacity: ByteCount,
    /// What of it is free.
    pub free: ByteCount,
    /// The policy of what is put there without one; none where it has no default.
    pub default_policy: Option<PolicyId>,
}

/// A VM folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// Its path from the top, with `/` between names: `Business/Databases`.
    pub path: String,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// What operators call it, and what [`Adapter::network`] says.
    pub name: String,
}

/// A storage policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// What operators call it, and what a VM's `storage_policy` says.
    pub name: String,
}

/// Where a VM is in its site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The host that it is on.
    pub host: Option<HostId>,
    /// The pool or vApp that it is in.
    pub pool: Option<PoolId>,
    /// The folder that it is in.
    pub folder: Option<FolderId>,
    /// The datastore of its configuration files.
    pub config_datastore: Option<DatastoreId>,
    /// The version of its virtual hardware, where the platform counts it.
    pub hardware_version: Option<u32>,
}

/// The controller and unit that a disk is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The controller, as the platform names it: `scsi0`.
    pub controller: String,
    /// The unit on it.
    pub unit: u32,
}

/// How the space of a disk is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskType {
    /// As the replica's disk has it.
    AsSource,
    /// Space is taken when it is written to.
    Thin,
    /// All space is taken at once, and zeroed when it is first written to.
    ThickLazyZeroed,
    /// All space is taken and zeroed at once.
    ThickEagerZeroed,
}

impl DiskType {
    /// Whether all of its space is taken when it is made.
    #[must_use]
    pub const fn takes_all_space(self) -> bool {
        match self {
            Self::AsSource | Self::Thin => false,
            Self::ThickLazyZeroed | Self::ThickEagerZeroed => true,
        }
    }
}

/// A disk that is there already, with whose content a new one begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedDisk {
    /// Its VM, at the site of the new one.
    pub vm: VmRef,
    /// Which of its disks; as large as the new one.
    pub disk: DiskKey,
}

/// A disk of a VM to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDisk {
    /// The key of the replica's disk, which the new one shares.
    pub key: DiskKey,
    /// What operators call it.
    pub name: String,
    /// Virtual size.
    pub size: ByteCount,
    /// Logical sector size in bytes.
    pub sector: u32,
    /// Format of the replica's disk.
    pub format: DiskFormat,
    /// Where it is attached.
    pub slot: Option<Slot>,
    /// Where its image lies.
    pub datastore: DatastoreId,
    /// How its space is taken.
    pub disk_type: DiskType,
    /// What it begins with: the platform copies it there, so that only what differs from the replica
    /// travels. Nothing of it is believed; it is compared as any other content. None begins empty.
    #[serde(default)]
    pub seed: Option<SeedDisk>,
}

/// Which hardware address an adapter of a VM to be made has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacChoice {
    /// That of the replica's adapter, to which guests and switches may be bound.
    #[default]
    Keep,
    /// A new one, which the platform gives.
    Renew,
}

/// An adapter of a VM to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAdapter {
    /// The replica's adapter.
    pub source: Adapter,
    /// The network that the new one is attached to; none disconnects it.
    pub network: Option<NetworkId>,
    /// Its hardware address.
    #[serde(default)]
    pub mac: MacChoice,
}

/// A VM to be made from a replica's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVm {
    /// The VM to be made, as [`NewVm::made_by`] names it.
    pub vm: VmRef,
    /// What operators will call it.
    pub name: String,
    /// Where it computes.
    pub compute: Compute,
    /// The pool or vApp; none is the top of the host or cluster.
    pub pool: Option<PoolId>,
    /// The folder; none where there are none.
    pub folder: Option<FolderId>,
    /// Where its configuration files lie.
    pub config_datastore: DatastoreId,
    /// Its disks in order.
    pub disks: Vec<NewDisk>,
    /// Its adapters in order.
    pub adapters: Vec<NewAdapter>,
    /// Give it the replica's tags.
    pub restore_tags: bool,
    /// The replica's tags.
    pub tags: Vec<String>,
    /// Number of virtual CPUs.
    pub cpus: u32,
    /// Memory.
    pub memory: ByteCount,
    /// Firmware.
    pub firmware: Firmware,
    /// The version of its virtual hardware, where the platform counts it.
    pub hardware_version: Option<u32>,
    /// Record which ranges are written.
    pub change_tracking: bool,
    /// The replica VM: a platform that knows it gives the new VM what else its configuration says.
    #[serde(default)]
    pub like: Option<VmRef>,
}

impl NewVm {
    /// The VM that a session makes at a site: named by the session, so that a restart finds it.
    #[must_use]
    pub fn made_by(session: &SessionId, site: SiteId) -> VmRef {
        VmRef {
            site,
            platform_id: format!("landfall-{session}"),
        }
    }
}

/// Which storage policy a production VM gets at the switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyChoice {
    /// What the production VM has now.
    Current,
    /// The one of the datastore that it lies on.
    Default,
    /// The one that it had at replication.
    Stored,
}

/// What an operator chose for a session beyond what its machine knows; the effects need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionChoices {
    /// The VM that the session makes; for the specified location only.
    pub new_vm: Option<NewVm>,
    /// The policy to associate at the switchover; none takes away the one that is there. Looked at
    /// where the machine associates one.
    pub storage_policy: Option<String>,
    /// The policy that the production VM had before the session, to which undo returns.
    pub policy_before: Option<String>,
    /// Which proxies may carry its disks.
    pub proxies: ProxyChoice,
}

/// Two disks that are a pair though their keys differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DiskPair {
    /// The replica's disk.
    pub replica: DiskKey,
    /// The production VM's disk.
    pub production: DiskKey,
}
