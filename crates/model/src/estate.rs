//! What the platforms hold: sites, VMs, disks, replicas, jobs, and how two VMs differ.

use serde::{Deserialize, Serialize};

use crate::{
    ByteCount, DatastoreId, DiskKey, DiskPair, EpochId, JobId, Placement, PointName, SiteId, Slot,
    Timestamp, VmRef,
};

/// What a site is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteRole {
    /// Where the original VMs run.
    Production,
    /// Where the replicas are.
    DisasterRecovery,
}

/// A site that somebody wants to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSite {
    /// What operators will call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// Where its platform is reached: `qemu+ssh://root@host/system`.
    pub uri: String,
}

/// A site that people connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSettings {
    /// Its id: its host's own, so that it is the same one when it is connected again.
    pub id: SiteId,
    /// What operators call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// Where its platform is reached: `qemu+ssh://root@host/system`.
    pub uri: String,
}

/// A VM that other tools made of another, to be registered as its replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPair {
    /// The VM at the DR site.
    pub replica: VmRef,
    /// The VM that it is a copy of.
    pub original: VmRef,
    /// Which disks pair, one to one.
    pub disk_pairs: Vec<DiskPair>,
}

/// Whether a VM runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// It runs.
    On,
    /// Its guest was asked to shut down and has not finished.
    ShuttingDown,
    /// It is off.
    Off,
}

/// A VM's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Firmware {
    /// Legacy BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

/// A network adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Its hardware address.
    pub mac: String,
    /// The network it is attached to; none when disconnected.
    pub network: Option<String>,
    /// The address that the platform set, where it set one.
    pub address: Option<String>,
}

/// The format of a disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFormat {
    /// Bytes as they are.
    Raw,
    /// QEMU copy-on-write, version 2 or 3.
    Qcow2,
}

impl DiskFormat {
    /// Its name for QEMU, in an image's header, and at the end of a file's name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// How a proxy reaches a disk, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportMode {
    /// The proxy opens the storage itself.
    DirectStorage,
    /// The disk is attached to the proxy's own VM.
    VirtualAppliance,
    /// Through the platform's management network.
    Network,
}

/// One disk of a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskInfo {
    /// Stable key; the two disks of a pair have the same, recorded at replication.
    pub key: DiskKey,
    /// What operators call it.
    pub name: String,
    /// Virtual size.
    pub size: ByteCount,
    /// Bytes allocated in the image and its layers, without holes.
    pub allocated: ByteCount,
    /// Format of the lowest image.
    pub format: DiskFormat,
    /// Logical sector size in bytes.
    pub sector: u32,
    /// Where it is attached, where the platform says so.
    #[serde(default)]
    pub slot: Option<Slot>,
    /// Where its lowest image lies, where the platform says so.
    #[serde(default)]
    pub datastore: Option<DatastoreId>,
}

/// One VM as its platform shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmInfo {
    /// Where it is.
    pub vm: VmRef,
    /// What operators call it.
    pub name: String,
    /// What its firmware tells the guest that it is, where the platform says so. A copy and a
    /// restored VM keep it.
    #[serde(default)]
    pub identity: Option<String>,
    /// Whether it runs.
    pub power: PowerState,
    /// Number of virtual CPUs.
    pub cpus: u32,
    /// Memory.
    pub memory: ByteCount,
    /// Firmware.
    pub firmware: Firmware,
    /// Network adapters in order.
    pub adapters: Vec<Adapter>,
    /// Tags.
    pub tags: Vec<String>,
    /// The storage policy it is associated with.
    pub storage_policy: Option<String>,
    /// Whether the platform records which ranges are written.
    pub change_tracking: bool,
    /// Its disks in order.
    pub disks: Vec<DiskInfo>,
    /// Who holds it so that nobody else can start it.
    pub held_by: Option<String>,
    /// What it keeps that is on no disk: `UEFI variables`, `TPM state`.
    #[serde(default)]
    pub beside_disks: Vec<String>,
    /// Where it is in its site.
    #[serde(default)]
    pub placement: Placement,
}

/// A replica's state when no session is at work on it, or the state its session puts it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// Kept up to date, not running.
    Ready,
    /// Being brought up to date.
    Processing,
    /// Running in place of the production VM.
    Failover,
}

/// A moment of the original VM kept at the replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// Its name at the platform.
    pub name: PointName,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The change-tracking epoch that the replica's side opened then.
    pub replica_epoch: Option<EpochId>,
    /// The change-tracking epoch that production's side opened then.
    pub production_epoch: Option<EpochId>,
}

impl RestorePoint {
    /// The moment as change tracking of both sides names it; none where one side recorded nothing.
    #[must_use]
    pub const fn common(&self) -> Option<CommonPoint> {
        match (self.replica_epoch, self.production_epoch) {
            (Some(replica), Some(production)) => Some(CommonPoint {
                replica,
                production,
            }),
            (None, _) | (_, None) => None,
        }
    }
}

/// A moment at which both sides held the same: the epochs of change tracking that began then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonPoint {
    /// At the replica.
    pub replica: EpochId,
    /// At the original VM.
    pub production: EpochId,
}

/// How much was written since both sides held the same, all disks together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenSince {
    /// Both records are whole.
    Known {
        /// At the replica.
        replica: ByteCount,
        /// At the original VM.
        production: ByteCount,
        /// At either of them.
        either: ByteCount,
    },
    /// A record is not whole, with the reason.
    Broken(String),
}

/// What happened at production before the failover, as the operator declares it: whether what its
/// change tracking recorded can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Something within the guest, or nothing: a planned failover, a failed update, a lost file.
    #[default]
    Guest,
    /// The power failed: the last records may not have been written.
    PowerLoss,
    /// Hardware or storage failed: disks may differ where nobody wrote.
    HardwareOrStorage,
}

/// What keeps replicas up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What operators call it.
    pub name: String,
    /// Whether it is held as a whole.
    pub held: bool,
    /// The VMs that it names.
    #[serde(default)]
    pub vms: Vec<VmRef>,
}

/// Something configured differently on the replica, which is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What differs, by name: `data2`, `memory`.
    pub item: String,
    /// The difference, to be read after the item's name.
    pub what: String,
}

/// What the layout check found about one pair of disks, or about a disk without a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutFinding {
    /// The disk's name.
    pub disk: String,
    /// What it means for the failback to this destination.
    pub kind: LayoutKind,
    /// The finding, to be read after the disk's name, with the next step where it blocks.
    pub what: String,
}

/// What a finding of the layout check means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayoutKind {
    /// The pair fits.
    Fits,
    /// The disk is on one side only: nothing of it is sent or written.
    Unpaired,
    /// It stops the failback.
    Blocks,
}
