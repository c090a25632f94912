//! The sites page: what is connected, and which VMs are registered as replicas.

use serde::{Deserialize, Serialize};

use crate::{DiskKey, SiteId, SiteRole, Timestamp, VmRef};

/// The sites page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitesView {
    /// All sites, the lab's too.
    pub sites: Vec<ConnectedSite>,
    /// A connection is being tried, or another request is at work.
    pub at_work: bool,
    /// How the newest request ended; an error with the cause.
    pub last_result: Option<Result<String, String>>,
    /// The registered pairs.
    pub pairs: Vec<RegisteredPair>,
    /// VMs at DR sites that may be registered as replicas.
    pub proposals: Vec<PairProposal>,
    /// How many there are beyond.
    pub more: usize,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectedSite {
    /// Its id.
    pub id: SiteId,
    /// What operators call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// Its address; none for a site of the lab.
    pub uri: Option<String>,
    /// How many VMs it has, when it was read.
    pub vms: Option<usize>,
    /// When it was read last.
    pub read_at: Option<Timestamp>,
    /// Why the newest reading failed.
    pub error: Option<String>,
    /// Why it cannot be forgotten now; only where it has an address.
    pub keep_why: Option<String>,
}

/// A registered pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredPair {
    /// The VM at the DR site.
    pub vm: VmRef,
    /// Its name and site.
    pub replica: String,
    /// The original's name and site.
    pub original: String,
    /// Which disks pair, in words.
    pub disks: String,
    /// Why it cannot be forgotten now.
    pub keep_why: Option<String>,
}

/// A VM that may be a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairProposal {
    /// The VM at the DR site.
    pub vm: VmRef,
    /// Its name and site.
    pub replica: String,
    /// The best original, and what speaks for it; none where nothing does.
    pub original: Option<String>,
}

/// The form for one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairView {
    /// The VM at the DR site.
    pub vm: VmRef,
    /// Its name and site.
    pub replica: String,
    /// VMs that may be its original, the best first: what the form sends, and words.
    pub originals: Vec<(String, String)>,
    /// The one that is chosen, as the form sends it.
    pub original: Option<String>,
    /// Its disks, each with what pairs with it.
    pub disks: Vec<PairDisk>,
    /// Disks of the original that nothing pairs with, in words.
    pub left_over: Vec<String>,
}

/// A disk of a VM that may be a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairDisk {
    /// Its key.
    pub key: DiskKey,
    /// Its name and size.
    pub words: String,
    /// Disks of the original, with name and size.
    pub choices: Vec<(DiskKey, String)>,
    /// The one that is proposed.
    pub chosen: Option<DiskKey>,
}

/// Which form for a pair is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairQuery {
    /// The VM at the DR site, as `SITE/ID`.
    pub vm: String,
    /// The original, as `SITE/ID`; empty is the best one.
    pub original: String,
}

/// A pair as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairInput {
    /// The VM at the DR site, as `SITE/ID`.
    pub vm: String,
    /// The original, as `SITE/ID`.
    pub original: String,
    /// For each of its disks `KEY=KEY`; nothing after the sign leaves it without a pair.
    pub disks: Vec<String>,
}

/// A site as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSiteInput {
    /// What operators will call it.
    pub name: String,
    /// `production` or `disaster_recovery`.
    pub role: String,
    /// Its address.
    pub uri: String,
}
