//! What was chosen for a VM that is to be made. Nothing chosen means: as proposed.

use std::collections::BTreeMap;

use model::{
    Compute, DatastoreId, DiskKey, DiskType, FolderId, MacChoice, NetworkId, PoolId, SiteId,
};
use serde::{Deserialize, Serialize};

/// The choices for one VM, step by step. They outlive a change of an earlier step, so that they
/// apply again when it is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlacementChoice {
    /// What operators will call it.
    pub name: Option<String>,
    /// The site, and the host or cluster there.
    pub compute: Option<(SiteId, Compute)>,
    /// The pool or vApp.
    pub pool: Option<PoolChoice>,
    /// Where its configuration files lie.
    pub config_datastore: Option<DatastoreId>,
    /// Where its disks lie, and how each takes its space.
    pub disks: BTreeMap<DiskKey, DiskChoice>,
    /// The folder.
    pub folder: Option<FolderChoice>,
    /// Give it the replica's tags.
    pub restore_tags: Option<bool>,
    /// The network of each adapter, by the adapter's hardware address.
    pub networks: BTreeMap<String, NetworkChoice>,
    /// Which address each adapter gets, by the one that the replica's has.
    pub macs: BTreeMap<String, MacChoice>,
}

/// The choices for one disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskChoice {
    /// Where its image lies.
    pub datastore: Option<DatastoreId>,
    /// How its space is taken.
    pub disk_type: Option<DiskType>,
    /// What it begins with.
    pub seed: Option<SeedChoice>,
}

/// What a disk to be made begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedChoice {
    /// Nothing: all of the replica's is sent.
    Nothing,
    /// A copy of the original VM's disk.
    Original,
}

/// Where a VM is among the pools of its host or cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolChoice {
    /// In none of them.
    Top,
    /// In this one.
    In(PoolId),
}

/// Where a VM is among the folders of its site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderChoice {
    /// In none of them.
    Top,
    /// In this one.
    In(FolderId),
}

/// What an adapter is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkChoice {
    /// Nothing.
    Disconnected,
    /// This network.
    To(NetworkId),
}
