//! What one run of one tool took: a handful of measures, kept as JSON between runs of the suite.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is measured of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    /// Wall clock, from the start of the command to its end.
    Seconds,
    /// User and system time of the command and all its children.
    CpuSeconds,
    /// Peak resident memory of the largest process of the command.
    PeakKib,
    /// User and system time of the servers of both ends, together.
    ServerCpuSeconds,
    /// Peak resident memory of the servers, together.
    ServerPeakKib,
    /// Bytes in both directions as the modelled link counted them.
    LinkBytes,
    /// Bytes in both directions as Landfall counted them.
    OwnWire,
    /// Payload that Landfall sent.
    Sent,
    /// Payload that this run of Landfall's had to send.
    ToSend,
    /// Bytes that Landfall read back and found right.
    Verified,
    /// Bytes that Landfall wrote.
    Written,
    /// Bytes of the disks that are in the page cache after the run.
    Residue,
    /// Bytes of the target that are allocated after the run.
    Allocated,
    /// Bytes that came from the device.
    FromDevice,
    /// What the case's own script printed.
    Printed,
}

/// The measures of one run; those that the run does not have are not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Took(BTreeMap<Measure, f64>);

impl Took {
    pub(super) fn put(&mut self, measure: Measure, value: f64) {
        self.0.insert(measure, value);
    }

    /// Not a number where it was not measured: what is computed from it is none, either.
    pub(super) fn of(&self, measure: Measure) -> f64 {
        self.0.get(&measure).copied().unwrap_or(f64::NAN)
    }
}

/// The middle of what is there; the lower one of two.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or(f64::NAN)
}

/// The largest of what is there.
pub(super) fn worst(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NAN, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_leaves_out_what_was_not_measured() {
        assert_eq!(median([3.0, f64::NAN, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(worst([3.0, f64::NAN, 1.0].into_iter()), 3.0);
        assert!(median([f64::NAN].into_iter()).is_nan());
        assert!(worst(std::iter::empty()).is_nan());
    }

    #[test]
    fn measures_survive_json() {
        let mut took = Took::default();
        took.put(Measure::Seconds, 1.5);
        took.put(Measure::LinkBytes, 4096.0);
        let text = serde_json::to_string(&took).expect("written");
        assert_eq!(serde_json::from_str::<Took>(&text).expect("read"), took);
    }
}
