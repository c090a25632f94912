//! What belongs to several VMs of one Finish: their order, how many run at once, and own modes.

use serde::{Deserialize, Serialize};

use crate::ReplicaId;

/// One VM of several, as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnInput {
    /// The replica's id.
    pub replica: String,
    /// Its place in the order, from 1; empty leaves it where it is.
    pub place: String,
    /// `auto`, `scheduled` or `manual`; empty is the mode of all.
    pub mode: String,
    /// Local date and time, for `scheduled`.
    pub at: String,
}

/// Several VMs, as the form sends them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeveralInput {
    /// How many may run at once; empty is all.
    pub at_once: String,
    /// Time zone of the VMs' own times.
    pub zone: String,
    /// The VMs.
    pub rows: Vec<OwnInput>,
}

/// One VM of several, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRow {
    /// The replica.
    pub replica: ReplicaId,
    /// Its name.
    pub name: String,
    /// Its own mode as it was typed; empty is the mode of all.
    pub mode: String,
    /// Its own time as it was typed.
    pub at: String,
}

/// Several VMs as the step Failback mode shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeveralView {
    /// How many may run at once, as it was typed.
    pub at_once: String,
    /// Time zone of the VMs' own times.
    pub zone: String,
    /// The VMs in their order.
    pub rows: Vec<OwnRow>,
}
