//! From the evidence to the lines that its page shows.

use model::view::{EvidenceView, PlanView};

/// What was chosen, as names and values.
pub fn plan_lines(plan: &PlanView) -> Vec<(&'static str, String)> {
    let vm = |name: &str, at: &model::VmRef| format!("{name} ({at})");
    let mut lines = vec![
        ("Replica", vm(&plan.replica_name, &plan.replica_vm)),
        (
            "Production VM",
            vm(&plan.production_name, &plan.production_vm),
        ),
        ("Destination", plan.destination.title().to_owned()),
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

/// How the session stands, in one line.
pub fn standing(view: &EvidenceView) -> String {
    match (view.outcome, view.ended_at) {
        (Some(outcome), Some(at)) => format!("{} {}", outcome.words(), at.utc_text()),
        (Some(outcome), None) => outcome.words().to_owned(),
        (None, _) => format!("{}, at work", view.state.words()),
    }
}
