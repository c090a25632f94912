//! From the evidence to the lines that its page shows.

use model::view::{ActualView, EstimateView, EvidenceView, PlanView};

use crate::words;

/// What was chosen, as names and values.
pub fn plan_lines(plan: &PlanView) -> Vec<(&'static str, String)> {
    let vm = |name: &str, at: &model::VmRef| format!("{name} ({at})");
    let mut lines = vec![
        ("Replica", vm(&plan.replica_name, &plan.replica_vm)),
        (
            "Production VM",
            vm(&plan.production_name, &plan.production_vm),
        ),
        (
            "Destination",
            words::destination_title(plan.destination).to_owned(),
        ),
        ("Failback mode", plan.mode.clone()),
        (
            "Power on after switchover",
            if plan.power_on { "Yes" } else { "No" }.to_owned(),
        ),
        (
            "Speed limit",
            plan.limit
                .map_or("none".to_owned(), |limit| limit.to_string()),
        ),
    ];
    if let Some(policy) = &plan.choices.storage_policy {
        lines.push(("Storage policy", policy.clone()));
    }
    let disks = plan.disks.iter().map(|disk| {
        let keys = if disk.replica_key == disk.production_key {
            disk.replica_key.to_string()
        } else {
            format!("{} to {}", disk.replica_key, disk.production_key)
        };
        format!("{}, {} ({keys})", disk.name, disk.size)
    });
    lines.push(("Disks", disks.collect::<Vec<_>>().join("; ")));
    lines.push(("Started by", plan.started_by.to_string()));
    lines.push(("Started", plan.started_at.utc_text()));
    let reason = match plan.reason.trim() {
        "" => "none given",
        reason => reason,
    };
    lines.push(("Reason", reason.to_owned()));
    lines
}

/// Estimate beside actual: what is measured, what the dry run said, what came.
pub fn figures(
    estimate: Option<&EstimateView>,
    actual: &ActualView,
) -> Vec<(&'static str, String, String)> {
    let said = |of: fn(&EstimateView) -> model::ByteCount| {
        estimate.map_or_else(|| "no dry run".to_owned(), |it| of(it).to_string())
    };
    let took = |seconds: Option<u64>| seconds.map_or("not over".to_owned(), words::duration);
    let none = || "not estimated".to_owned();
    vec![
        (
            "Looked at in phase 1",
            said(|it| it.looked_at),
            actual.looked_at.to_string(),
        ),
        (
            "Different in phase 1",
            said(|it| it.different),
            actual.different.to_string(),
        ),
        (
            "Sent in phase 1",
            said(|it| it.to_send),
            actual.sent.to_string(),
        ),
        ("Sent in all passes", none(), actual.sent_in_all.to_string()),
        ("Phase 1", none(), took(actual.phase_1_seconds)),
        (
            "Replica's shutdown to the end of the switchover",
            none(),
            took(actual.downtime_seconds),
        ),
    ]
}

/// How the session stands, in one line.
pub fn standing(view: &EvidenceView) -> String {
    match (view.outcome, view.ended_at) {
        (Some(outcome), Some(at)) => format!("{} {}", outcome.words(), at.utc_text()),
        (Some(outcome), None) => outcome.words().to_owned(),
        (None, _) => format!("{}, at work", view.state.words()),
    }
}

#[cfg(test)]
mod tests {
    //! Estimates that were not made are not shown as nothing.

    use model::{ByteCount, Timestamp};

    use super::*;

    #[test]
    fn what_was_not_estimated_says_so() {
        let actual = ActualView {
            different: ByteCount(2048),
            downtime_seconds: Some(75),
            ..ActualView::default()
        };
        let lines = figures(None, &actual);
        assert_eq!(
            lines[1],
            (
                "Different in phase 1",
                "no dry run".to_owned(),
                "2 KiB".to_owned()
            )
        );
        assert_eq!(lines[4].2, "not over");
        assert_eq!(lines[5].2, "1 min 15 s");
        let estimate = EstimateView {
            made_at: Timestamp(1),
            looked_at: ByteCount(4096),
            different: ByteCount(1024),
            to_send: ByteCount(0),
        };
        let lines = figures(Some(&estimate), &actual);
        assert_eq!((lines[1].1.as_str(), lines[2].1.as_str()), ("1 KiB", "0 B"));
    }
}
