//! Sessions: what they are, how they are read, and the one way in which they advance.

mod advance;
mod insert;
mod past;
mod plan;
mod read;

use std::{collections::BTreeMap, sync::Arc};

use model::{
    Actor, BatchId, ByteCount, BytesPerSecond, Destination, DiskKey, ProtectedVmId, ReplicaId,
    SessionChoices, SessionId, SessionRecord, Timestamp, VmRef, view::SessionPlan,
};

use serde::{Deserialize, Serialize};

pub(crate) use insert::insert_on_conn;
pub use past::{PastOrder, PastQuery};

/// Format of a session's machine; its record carries its own version beside this.
const FORMAT: i64 = 1;
/// Format of a session's choices.
const CHOICES_FORMAT: i64 = 1;
const WHAT: &str = "a session";

/// A pair of disks that a session was planned for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDisk {
    /// The key of the replica's disk, which names the pair.
    pub key: DiskKey,
    /// The key of production's disk; the same where replication recorded the pair.
    pub target: DiskKey,
    /// What operators call it.
    pub name: String,
    /// Virtual size of both.
    pub size: ByteCount,
}

/// A session to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The batch it belongs to.
    pub batch: BatchId,
    /// The replica.
    pub replica: ReplicaId,
    /// The VM that the replica protects.
    pub protected: ProtectedVmId,
    /// What operators call the VM.
    pub vm_name: String,
    /// The replica VM.
    pub replica_vm: VmRef,
    /// The VM that it writes to.
    pub production_vm: VmRef,
    /// Where it returns to.
    pub destination: Destination,
    /// What its effects need to know beyond the machine.
    pub choices: SessionChoices,
    /// Its machine before the first step.
    pub machine: SessionRecord,
    /// Limit of bytes per second; none is unlimited.
    pub limit: Option<BytesPerSecond>,
    /// Who started it.
    pub started_by: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub started_at: Timestamp,
    /// The pairs of disks, in order.
    pub layout: Vec<SessionDisk>,
    /// What the plan that it was started from said; read again with
    /// [`Store::session_plan_fetch`](crate::Store::session_plan_fetch).
    pub plan: Option<SessionPlan>,
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The batch it belongs to.
    pub batch: BatchId,
    /// Its place in the batch, from 0.
    pub batch_position: u32,
    /// How many sessions of the batch may be at work at once; none is all.
    pub at_once: Option<u32>,
    /// The replica.
    pub replica: ReplicaId,
    /// The VM that the replica protects.
    pub protected: ProtectedVmId,
    /// What operators call the VM.
    pub vm_name: String,
    /// The replica VM.
    pub replica_vm: VmRef,
    /// The VM that it writes to.
    pub production_vm: VmRef,
    /// What was the production VM when the session was recorded; none for sessions from before
    /// this was known.
    pub previous_production: Option<VmRef>,
    /// Where it returns to.
    pub destination: Destination,
    /// What its effects need to know beyond the machine.
    pub choices: SessionChoices,
    /// Its machine.
    pub machine: SessionRecord,
    /// Grows by one with each save of the machine.
    pub version: i64,
    /// Limit of bytes per second; none is unlimited.
    pub limit: Option<BytesPerSecond>,
    /// Who started it.
    pub started_by: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub started_at: Timestamp,
    /// When it ended; none while it is at work.
    pub ended_at: Option<Timestamp>,
    /// The pairs of disks, in order.
    pub layout: Vec<SessionDisk>,
}

/// The sessions at work, as a reader keeps them that asks for what changed.
#[derive(Clone, Debug, Default)]
pub struct ActiveSessions {
    /// The number of the newest change that was read; none before the first reading.
    read: Option<i64>,
    rows: BTreeMap<SessionId, Arc<SessionRow>>,
}

impl ActiveSessions {
    /// All of them, by id. One that did not change since is the same allocation.
    #[must_use]
    pub const fn rows(&self) -> &BTreeMap<SessionId, Arc<SessionRow>> {
        &self.rows
    }
}
