//! The steps of a specified location: where each VM is made, what can be chosen, and what stands
//! against it.

use serde::{Deserialize, Serialize};

use super::WizardStep;
use crate::{ByteCount, ReplicaId};

/// Everything that the steps Host to Network show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementView {
    /// The VMs to be made, in the order of the chosen replicas.
    pub vms: Vec<PlacedVm>,
    /// Hosts and clusters.
    pub hosts: Vec<PlaceOption>,
    /// Pools and vApps.
    pub pools: Vec<PlaceOption>,
    /// Datastores, with what all choices leave free.
    pub datastores: Vec<PlaceOption>,
    /// VM folders.
    pub folders: Vec<PlaceOption>,
    /// Networks.
    pub networks: Vec<PlaceOption>,
    /// The datastores that are used.
    pub space: Vec<DatastoreSpace>,
}

/// Something that can be chosen for the rows that are ticked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOption {
    /// What the form sends.
    pub value: String,
    /// What operators read.
    pub label: String,
}

/// A choice of one row, or what is proposed until something is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceChoice {
    /// In words.
    pub words: String,
    /// It was chosen; else it is proposed, and Next takes it.
    pub chosen: bool,
}

/// One VM to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedVm {
    /// The replica that it is made from.
    pub replica: ReplicaId,
    /// The replica's name.
    pub name: String,
    /// What operators will call it.
    pub new_name: PlaceChoice,
    /// Host or cluster.
    pub host: PlaceChoice,
    /// Pool or vApp.
    pub pool: PlaceChoice,
    /// VM folder.
    pub folder: PlaceChoice,
    /// The replica's tags.
    pub tags: Vec<String>,
    /// Whether it gets them.
    pub restore_tags: PlaceChoice,
    /// Its configuration files, then its disks.
    pub files: Vec<PlacedFile>,
    /// Its adapters in order.
    pub adapters: Vec<PlacedAdapter>,
    /// What is to be known about its choices, step by step.
    pub findings: Vec<PlaceFinding>,
}

/// The configuration files or a disk of a VM to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedFile {
    /// The row's name in the form.
    pub row: String,
    /// What it is called.
    pub name: String,
    /// Virtual size; none for configuration files.
    pub size: Option<ByteCount>,
    /// What it takes of its datastore.
    pub takes: ByteCount,
    /// Datastore.
    pub datastore: PlaceChoice,
    /// Disk type; none for configuration files.
    pub disk_type: Option<PlaceChoice>,
    /// What it begins with; none for configuration files.
    pub seed: Option<PlaceChoice>,
}

/// An adapter of a VM to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedAdapter {
    /// The row's name in the form.
    pub row: String,
    /// What it is called: `Adapter 1`.
    pub name: String,
    /// Its hardware address.
    pub mac: String,
    /// The network that the replica's adapter is attached to.
    pub source: String,
    /// The network that the new one is attached to.
    pub network: PlaceChoice,
    /// Which hardware address the new one has.
    pub address: PlaceChoice,
}

/// Something to be known about a row's choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceFinding {
    /// The step whose choice it is about.
    pub step: WizardStep,
    /// The row it is about: the VM's, a file's or an adapter's.
    pub row: String,
    /// It stops Next.
    pub blocks: bool,
    /// The finding, with the next step where it blocks.
    pub what: String,
}

/// What all choices together take of a datastore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatastoreSpace {
    /// The datastore.
    pub name: String,
    /// What is free now.
    pub free: ByteCount,
    /// What all VMs that are chosen take.
    pub takes: ByteCount,
    /// What they take once every thin disk is full.
    pub at_most: ByteCount,
    /// What is short; nothing where it suffices.
    pub short: ByteCount,
}

/// The rows that a form changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsInput {
    /// Every row, whichever are ticked.
    pub all: bool,
    /// Those that are ticked: `replica`, `replica/file` or `replica/adapter`; for files, what is
    /// before the slash alone is the whole VM, and an empty name its configuration files.
    pub ticked: Vec<String>,
}

/// What the Datastore step sends. Empty texts keep what was chosen before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatastoreInput {
    /// Datastore.
    pub datastore: String,
    /// Disk type.
    pub disk_type: String,
    /// What disks begin with.
    pub seed: String,
}

/// What the Host step sends. Empty texts keep what was chosen before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInput {
    /// The rows that get the host.
    pub rows: RowsInput,
    /// Host or cluster.
    pub compute: String,
    /// The names as they stand in the rows, ticked or not.
    pub names: Vec<(ReplicaId, String)>,
}
