//! The start page: sites, replicas with what may be done, sessions; and the lab's own page.

use serde::{Deserialize, Serialize};

use super::{PageInfo, SessionSummary};
use crate::{
    Allowed, ByteCount, JobId, PowerState, ReplicaId, RestorePoint, SessionId, SiteId, SiteRole,
    Timestamp, VisibleState,
};

/// A site, and how old what is known of it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteView {
    /// Its id.
    pub id: SiteId,
    /// What operators call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// The platform there: `lab`.
    pub platform: String,
    /// When the inventory was read; none before the first reading.
    pub inventory_at: Option<Timestamp>,
    /// Why the newest reading failed, where it did.
    pub inventory_error: Option<String>,
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaView {
    /// Its id.
    pub id: ReplicaId,
    /// Name of the replica VM.
    pub name: String,
    /// Name of the production VM.
    pub production_name: String,
    /// Where the original is: site and VM in words.
    pub original_location: String,
    /// Where the replica is.
    pub replica_location: String,
    /// Its state.
    pub state: VisibleState,
    /// Which site is authoritative for this VM now, in words.
    pub authoritative: String,
    /// Power of the replica.
    pub power: PowerState,
    /// Power of the production VM; none when it cannot be found.
    pub production_power: Option<PowerState>,
    /// Size of all its disks.
    pub size: ByteCount,
    /// Allocated bytes of all its disks.
    pub allocated: ByteCount,
    /// The restore point that it was failed over to.
    pub restore_point: Option<RestorePoint>,
    /// Since when it runs.
    pub running_since: Option<Timestamp>,
    /// The job that keeps it, with whether replication is on hold.
    pub job: String,
    /// Whether replication of this VM is on hold.
    pub on_hold: bool,
    /// The session at work on it.
    pub session: Option<SessionId>,
    /// The session needs a person.
    pub needs_attention: bool,
    /// What may be done now, and why not.
    pub operations: Vec<Allowed>,
}

/// A job, and the VMs that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// What operators call it.
    pub name: String,
    /// Whether it is held as a whole.
    pub held: bool,
    /// How many VMs it names.
    pub count: usize,
    /// The first of those that the filter lets through, with their sites, in words.
    pub vms: Vec<String>,
    /// How many of those there are beyond.
    pub more: usize,
}

/// The jobs of all sites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobsView {
    /// Each once, by name.
    pub jobs: Vec<JobView>,
}

/// The start page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartView {
    /// When the answer was made.
    pub now: Timestamp,
    /// One line that says the state of the whole.
    pub headline: String,
    /// The sites.
    pub sites: Vec<SiteView>,
    /// A page of the replicas.
    pub replicas: Vec<ReplicaView>,
    /// Which page of them.
    pub replica_page: PageInfo,
    /// A page of the sessions at work, newest first unless asked otherwise.
    pub running: Vec<SessionSummary>,
    /// Which page of them.
    pub running_page: PageInfo,
    /// How many sessions at work wait for a person, on all pages.
    pub waiting: usize,
    /// A page of the sessions that are over, newest first unless asked otherwise.
    pub past: Vec<SessionSummary>,
    /// Which page of them.
    pub past_page: PageInfo,
    /// Show that nobody signed in and the console listens beyond loopback.
    pub open_to_network: bool,
}

/// The lab's own page: what it is, and what can be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabView {
    /// Directory of the lab's files.
    pub directory: String,
    /// A reset is at work.
    pub resetting: bool,
    /// How the newest reset or failover ended, in words.
    pub last_result: Option<String>,
    /// Why a reset is not possible now.
    pub reset_why_not: Option<String>,
    /// The first Ready replicas that can be failed over again: id and name.
    pub can_fail_over: Vec<(ReplicaId, String)>,
    /// How many there are beyond.
    pub more: usize,
}
