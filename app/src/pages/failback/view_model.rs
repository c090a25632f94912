//! From a draft to what the wizard's steps show, and where they lead.

pub mod place;

use model::{
    ByteCount, DraftId, LayoutKind, ReplicaId, VmRef,
    view::{
        DraftView, DryRunView, FinishReply, ListQuery, PlanEstimate, ReplicaView, SummaryVm,
        TargetCandidate, TargetRow, WizardStep,
    },
};

use crate::{
    components::{
        list_nav::types::address,
        step_rail::{Progress, RailStep},
    },
    pages::start::view_model::{Offer, offer},
    words,
};

/// Chosen VMs that are named before the rest is counted.
const NAMED: usize = 5;

/// The step after one, of those that apply; the last one stays. A step that does not apply leads to
/// the next one that does.
pub fn step_after(steps: &[WizardStep], step: WizardStep) -> WizardStep {
    let next = steps.iter().find(|here| **here > step);
    next.copied().unwrap_or(WizardStep::Summary)
}

/// The step before one, of those that apply; the first one stays.
pub fn step_before(steps: &[WizardStep], step: WizardStep) -> WizardStep {
    let before = steps.iter().rev().find(|here| **here < step);
    before.copied().unwrap_or(WizardStep::Replica)
}

/// The address of a step.
pub fn step_href(id: &DraftId, step: WizardStep) -> String {
    format!("/failback/{id}/{}", step.slug())
}

/// The address of a step that shows a part of its list.
pub fn list_href(id: &DraftId, step: WizardStep, query: &ListQuery) -> String {
    address(&step_href(id, step), query.fields(""))
}

/// The address of a page of a step's list.
pub fn paged_href(id: &DraftId, step: WizardStep, page: usize) -> String {
    let query = ListQuery {
        page,
        ..ListQuery::default()
    };
    list_href(id, step, &query)
}

/// Where Finish leads: to the session, or to the batch of them.
pub fn after_finish(reply: &FinishReply) -> String {
    match reply.sessions.as_slice() {
        [session] => format!("/sessions/{session}"),
        _ => format!("/batches/{}", reply.batch),
    }
}

/// The question that a step asks.
pub const fn question(step: WizardStep) -> &'static str {
    match step {
        WizardStep::Replica => "Which replicas return to production?",
        WizardStep::Destination => "Where do they return to?",
        WizardStep::StoragePolicy => "Which storage policy does each VM get?",
        WizardStep::Host => "What are the new VMs called, and where do they run?",
        WizardStep::ResourcePool => "Which pool or vApp are they in?",
        WizardStep::Datastore => "Where do their files lie?",
        WizardStep::Folder => "Which folder are they in?",
        WizardStep::Network => "Which networks are they attached to?",
        WizardStep::TargetVm => "Which VM does each replica return to?",
        WizardStep::FailbackMode => "When does the switchover follow?",
        WizardStep::Summary => "Is everything as you want it?",
    }
}

/// The rail: steps before a complete one can be opened again.
pub fn rail(draft: &DraftView, here: WizardStep) -> Vec<RailStep> {
    let mut reachable = true;
    draft
        .steps
        .iter()
        .map(|(step, complete)| {
            let href = reachable.then(|| step_href(&draft.id, *step));
            reachable = reachable && *complete;
            let progress = if *step == here {
                Progress::Here
            } else if *complete && href.is_some() {
                Progress::Done
            } else {
                Progress::ToCome
            };
            RailStep {
                title: step.title(),
                href,
                progress,
            }
        })
        .collect()
}

/// The VM that a row's list shows as picked: the chosen one, else the proposed one.
pub fn picked(row: &TargetRow) -> Option<&VmRef> {
    row.chosen.as_ref().or(row.suggested.as_ref())
}

/// A VM in a row's list, with what speaks for it or against it.
pub fn candidate_words(row: &TargetRow, candidate: &TargetCandidate) -> String {
    let TargetCandidate {
        label,
        matched,
        why_not,
        ..
    } = candidate;
    if why_not.is_some() {
        return format!("{label}, not possible");
    }
    let proposed = if row.suggested.as_ref() == Some(&candidate.vm) {
        ", proposed"
    } else {
        ""
    };
    if matched.is_empty() {
        format!("{label}{proposed}")
    } else {
        format!("{label}{proposed}: same {matched}")
    }
}

/// The VMs of a row that match by identity or name and still cannot be chosen, with why not.
pub fn refused_candidates(row: &TargetRow) -> Vec<String> {
    let alike = row.candidates.iter().filter(|it| !it.layout.is_empty());
    alike.filter_map(|it| it.why_not.clone()).collect()
}

/// How far the Target VM step is: `2 of 3 chosen`.
pub fn targets_words(draft: &DraftView) -> String {
    format!("{} of {} chosen", draft.targets_chosen, draft.chosen_count)
}

/// How far the steps of a specified location are; none for other destinations.
pub fn places_words(draft: &DraftView) -> Vec<(WizardStep, &'static str)> {
    if draft.placement.is_none() {
        return Vec::new();
    }
    let places = [
        WizardStep::Host,
        WizardStep::ResourcePool,
        WizardStep::Datastore,
        WizardStep::Folder,
        WizardStep::Network,
    ];
    let steps = draft.steps.iter();
    steps
        .filter(|(step, _)| places.contains(step))
        .map(|(step, complete)| {
            (
                *step,
                if *complete {
                    "chosen"
                } else {
                    "not chosen yet"
                },
            )
        })
        .collect()
}

/// The chosen replicas in a few words.
pub fn chosen_words(draft: &DraftView) -> String {
    let names = &draft.chosen_names;
    match draft.chosen_count {
        0 => "none yet".to_owned(),
        count if count > NAMED => format!(
            "{}: {}, and more",
            words::counted(count, "VM"),
            names
                .iter()
                .take(NAMED)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        ),
        _ => names.join(", "),
    }
}

/// Why a replica cannot be chosen; none when it can.
pub fn why_not(replica: &ReplicaView) -> Option<String> {
    match offer(replica) {
        Offer::Possible => None,
        Offer::NotNow(reason) => Some(reason),
        Offer::Nothing => Some(format!("It is in state {}.", replica.state.words())),
    }
}

/// Whether a row is shown under a filter: any of its names holds the text, whatever its case.
pub fn matches(replica: &ReplicaView, filter: &str) -> bool {
    let filter = filter.trim().to_lowercase();
    filter.is_empty()
        || [
            &replica.name,
            &replica.production_name,
            &replica.original_location,
            &replica.job,
        ]
        .into_iter()
        .any(|text| text.to_lowercase().contains(&filter))
}

/// The name under which a ticked drift item is sent.
pub fn drift_key(replica: &ReplicaId, item: &str) -> String {
    format!("{replica}/{item}")
}

fn pairs_disks(vm: &SummaryVm) -> bool {
    vm.layout.iter().any(|disk| disk.kind == LayoutKind::Fits)
}

/// What is read of a VM, as a name and a figure; none while no disk of it can be compared or made.
pub fn to_read(vm: &SummaryVm) -> Option<(&'static str, String)> {
    // A VM that is made anew has nothing to compare with.
    let created = !vm.placement.is_empty();
    if !created && !pairs_disks(vm) {
        return None;
    }
    let name = if created {
        "To read"
    } else {
        "To read, both sides"
    };
    let source = if vm.quick {
        "named by change tracking, and a sample of the rest (quick rollback)"
    } else {
        "estimated from allocation"
    };
    Some((name, format!("{}, {source}", vm.to_read)))
}

/// Undo's space against what is free: the figure and whether it is short; none where undo takes none.
pub fn undo_space(vm: &SummaryVm) -> Option<(String, bool)> {
    let short = vm.undo_space > vm.free_space;
    let text = format!("up to {}, {} free", vm.undo_space, vm.free_space);
    pairs_disks(vm).then_some((text, short))
}

/// What a VM is expected to cost, as names and figures.
pub fn estimate_lines(estimate: &PlanEstimate) -> Vec<(&'static str, String)> {
    let different = format!("{}, {}", estimate.different, estimate.basis.words());
    vec![
        ("Expected to differ", different),
        ("On the wire", format!("{}, before packing", estimate.wire)),
        (
            "Phase 1, while the replica serves",
            estimate.phase_1.to_string(),
        ),
        ("Downtime of the switchover", estimate.downtime.to_string()),
    ]
}

/// A dry run in one line.
pub fn dry_run_words(run: &DryRunView) -> String {
    if run.done_at.is_none() {
        let (all, done) = run.progress;
        return match words::percent(done, all) {
            Some(percent) => format!("Comparing: {done} of {all} compared, {percent} %"),
            None => "Comparing".to_owned(),
        };
    }
    let failed = run.vms.iter().filter(|vm| vm.error.is_some()).count();
    let total: ByteCount = run.vms.iter().map(|vm| vm.to_send).sum();
    if failed == 0 {
        format!("Done: {total} would be sent. Nothing was written.")
    } else {
        format!(
            "Done for {} of {}: {total} would be sent. Nothing was written.",
            run.vms.len() - failed,
            words::counted(run.vms.len(), "VM"),
        )
    }
}

#[cfg(test)]
mod tests;
