//! The preflight report and the estimate of one VM's failback: the same before Finish, with the
//! session afterwards, and in its evidence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SummaryVm;
use crate::{ByteCount, Drift, Seconds, Timestamp};

/// What a check found, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Possible, and to be known before.
    Warn,
    /// Nothing can start until it is mended.
    Fail,
}

impl Verdict {
    /// The verdict as one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check is about, in the order in which a report has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckSubject {
    /// The replica, its VM and its state.
    Replica,
    /// Whether what is known of the sites is new.
    Inventory,
    /// The VM that is written to.
    ProductionVm,
    /// Where a VM is made.
    Place,
    /// The pairs of disks.
    Disks,
    /// Room for undo, or for what is made.
    Space,
    /// What runs and what does not.
    Power,
    /// Change tracking and quick rollback.
    ChangeTracking,
    /// What is configured differently and is not sent.
    Drift,
    /// The storage policy.
    StoragePolicy,
    /// When the switchover follows, and what follows by itself.
    Mode,
}

impl CheckSubject {
    /// The subject as people read it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Replica => "Replica",
            Self::Inventory => "Inventory",
            Self::ProductionVm => "Production VM",
            Self::Place => "Place",
            Self::Disks => "Disks",
            Self::Space => "Space",
            Self::Power => "Power",
            Self::ChangeTracking => "Change tracking",
            Self::Drift => "Drift",
            Self::StoragePolicy => "Storage policy",
            Self::Mode => "Failback mode",
        }
    }
}

/// One check of the preflight report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is about.
    pub subject: CheckSubject,
    /// What it found.
    pub verdict: Verdict,
    /// The finding, as sentences, with the next step where it failed.
    pub what: String,
}

/// A figure that is not known exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band<T> {
    /// Not less than this, as far as the assumptions hold.
    pub low: T,
    /// What is planned with.
    pub likely: T,
    /// Not more than this, as far as the assumptions hold.
    pub high: T,
}

impl<T: Copy> Band<T> {
    /// A figure that is known.
    #[must_use]
    pub const fn exactly(value: T) -> Self {
        Self {
            low: value,
            likely: value,
            high: value,
        }
    }
}

impl<T> Band<T> {
    /// The same band in other terms, such as seconds in words.
    #[must_use]
    pub fn map<U>(self, to: impl Fn(T) -> U) -> Band<U> {
        Band {
            low: to(self.low),
            likely: to(self.likely),
            high: to(self.high),
        }
    }
}

/// `2 GiB`, `up to 2 GiB`, `about 2 GiB, at most 3 GiB`, `about 2 GiB (1 GiB to 3 GiB)`.
impl<T: fmt::Display + Default + PartialEq> fmt::Display for Band<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, likely, high } = self;
        // Ends that read alike are no band.
        if low == high || low.to_string() == high.to_string() {
            write!(f, "{likely}")
        } else if *low == T::default() && likely == high {
            write!(f, "up to {high}")
        } else if *low == T::default() {
            write!(f, "about {likely}, at most {high}")
        } else {
            write!(f, "about {likely} ({low} to {high})")
        }
    }
}

/// From what the expected difference was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceBasis {
    /// A dry run measured it.
    DryRun {
        /// When it was done.
        at: Timestamp,
    },
    /// Change tracking of both sides names what was written since they were equal.
    ChangeTracking,
    /// Only how much is allocated is known.
    Allocation,
    /// The VM is made anew: all of it is sent.
    Everything,
}

impl DifferenceBasis {
    /// The basis, to be read after a figure.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::DryRun { at } => format!("measured by the dry run of {}", at.utc_text()),
            Self::ChangeTracking => "from change tracking of both sides".to_owned(),
            Self::Allocation => "known only from allocation; a dry run measures it".to_owned(),
            Self::Everything => "all that is allocated: the VM is made anew".to_owned(),
        }
    }
}

/// What a failback is expected to cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEstimate {
    /// Bytes that phase 1 reads to compare, both sides together.
    pub to_read: ByteCount,
    /// Bytes that differ.
    pub different: Band<ByteCount>,
    /// From what that was taken.
    pub basis: DifferenceBasis,
    /// Bytes on the wire: what differs and is not zero, before it is packed.
    pub wire: Band<ByteCount>,
    /// How long phase 1 takes, during which the replica serves.
    pub phase_1: Band<Seconds>,
    /// From the replica's shutdown to the end of the switchover.
    pub downtime: Band<Seconds>,
    /// What the figures rest on, a sentence each.
    pub assumptions: Vec<String>,
}

/// The plan of one VM's failback as its session was started from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPlan {
    /// The preflight report.
    pub checks: Vec<Check>,
    /// The estimate; none where there was too little to go by.
    pub estimate: Option<PlanEstimate>,
    /// What was not sent, each seen by the operator.
    pub drift: Vec<Drift>,
}

impl From<SummaryVm> for SessionPlan {
    fn from(vm: SummaryVm) -> Self {
        Self {
            checks: vm.checks,
            estimate: vm.estimate,
            drift: vm.drift,
        }
    }
}

#[cfg(test)]
mod tests {
    //! Bands as people read them.

    use super::*;

    #[test]
    fn a_band_reads_as_narrow_as_it_is() {
        let band = |low, likely, high| Band { low, likely, high }.map(ByteCount).to_string();
        assert_eq!(band(2048, 2048, 2048), "2 KiB");
        assert_eq!(band(2_097_152, 2_097_160, 2_097_170), "2 MiB");
        assert_eq!(band(0, 2048, 2048), "up to 2 KiB");
        assert_eq!(band(0, 1024, 2048), "about 1 KiB, at most 2 KiB");
        assert_eq!(band(1024, 2048, 4096), "about 2 KiB (1 KiB to 4 KiB)");
    }
}
