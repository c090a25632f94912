//! One VM of a plan, as a dry run is handed it: Finish makes a session of the same.

use model::{ReplicaId, VmRef};
use serde::{Deserialize, Serialize};

use crate::SessionDisk;

/// A VM of a plan that is compared without writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedVm {
    /// The replica.
    pub replica: ReplicaId,
    /// What operators call it.
    pub name: String,
    /// What is compared, or why nothing is.
    pub work: PlannedWork,
}

/// What there is to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedWork {
    /// Pairs of disks.
    Compare {
        /// The replica VM.
        source: VmRef,
        /// The VM that it would return to.
        target: VmRef,
        /// The pairs, as a session would have them.
        pairs: Vec<SessionDisk>,
    },
    /// Nothing.
    Nothing {
        /// Why, as sentences with the next step.
        why: String,
    },
}
