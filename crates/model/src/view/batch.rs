//! The page of one batch: its sessions in order, and what can be asked of several at once.

use serde::{Deserialize, Serialize};

use super::{PageInfo, SessionSummary};
use crate::{Actor, BatchId, Operation, SessionId, Timestamp};

/// What can be asked of some of a batch's sessions at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchAction {
    /// The operation.
    pub operation: Operation,
    /// How many sessions' state allows it.
    pub count: usize,
    /// The names of the first of their VMs.
    pub names: Vec<String>,
    /// All of these sessions, where the answer is about confirming this; else none.
    pub asked: Vec<SessionId>,
    /// What it will do to them, as a sentence.
    pub consequence: String,
}

/// A batch, whole. This is also the snapshot that the live stream carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchView {
    /// Its id.
    pub id: BatchId,
    /// When the answer was made.
    pub now: Timestamp,
    /// One line that says the state of the whole.
    pub headline: String,
    /// Who started it.
    pub started_by: Actor,
    /// When.
    pub started_at: Timestamp,
    /// The reason given.
    pub reason: String,
    /// How many may run at once, in words.
    pub at_once: String,
    /// A page of its sessions, in order unless asked otherwise.
    pub sessions: Vec<SessionSummary>,
    /// Which page of them.
    pub page: PageInfo,
    /// What can be asked of several of them now.
    pub actions: Vec<BatchAction>,
}
