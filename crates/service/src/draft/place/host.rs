//! What the Host step sends: a host or cluster for the ticked rows, and names for all.

use std::collections::BTreeMap;

use model::{
    ApiError, Compute, ReplicaId,
    view::{HostInput, WizardStep},
};
use store::DraftBody;

use super::{Changes, apply, refused};
use crate::{
    estate::Estate,
    placement::{
        self, Change, Placed, Plan, name,
        reach::{Reach, compute_name},
        select, value,
    },
    refusal::{conflict, invalid, not_found},
};

pub(super) fn hosts(plan: &Plan<'_>, input: &HostInput) -> Result<Changes, ApiError> {
    if input.compute.is_empty() {
        return Ok(Vec::new());
    }
    let gone = || {
        not_found(
            format!("There is no host or cluster {} any more.", input.compute),
            "Choose one from the list.",
        )
        .on_field("compute")
    };
    let (site, compute) = value::read_compute(&input.compute).ok_or_else(gone)?;
    let found = plan.world.site(&site).ok_or_else(gone)?;
    let is_empty = Reach::of(&found.resources, &compute).is_none();
    if is_empty && compute_name(&found.resources, &compute) == id_of(&compute) {
        return Err(gone());
    }
    if is_empty {
        return Err(conflict(
            format!("{} has no hosts.", compute_name(&found.resources, &compute)),
            "Choose another cluster, or a host.",
        )
        .on_field("compute"));
    }
    let change = Change::Compute(site, compute);
    let rows = select(plan, WizardStep::Host, &input.rows)?.into_iter();
    Ok(rows
        .map(|(vm, _)| (vm.subject.replica.clone(), change.clone()))
        .collect())
}

fn id_of(compute: &Compute) -> &str {
    match compute {
        Compute::Host(id) => id.as_str(),
        Compute::Cluster(id) => id.as_str(),
    }
}

/// The names that differ from what the rows show.
pub(super) fn names(plan: &Plan<'_>, inputs: &[(ReplicaId, String)]) -> Result<Changes, ApiError> {
    let shown: BTreeMap<_, _> = plan
        .vms
        .iter()
        .map(|vm| (vm.subject.replica, vm.name.value.as_deref()))
        .collect();
    let mut changes = Changes::new();
    for (replica, text) in inputs {
        let name = text.trim();
        let Some(shown) = shown.get(replica) else {
            return Err(not_found(
                format!("{replica} is not among the chosen replicas."),
                "Load this step again.",
            ));
        };
        if *shown == Some(name) {
            continue;
        }
        if let Some((why, next)) = name::why_not(name) {
            return Err(invalid(&format!("name-{replica}"), why, next));
        }
        changes.push((replica.clone(), Change::Name(name.to_owned())));
    }
    Ok(changes)
}

/// Refuses names that are taken, where the form gave them.
pub(super) fn no_clash(
    estate: &Estate,
    body: &DraftBody,
    changes: &Changes,
) -> Result<(), ApiError> {
    let mut after = body.clone();
    apply(&mut after, changes);
    let plan = placement::anyway(estate, &after);
    let named = |vm: &Placed<'_>| {
        let mut of_vm = changes.iter().filter(|(id, _)| id == vm.subject.replica);
        of_vm.any(|(_, change)| matches!(change, Change::Name(_)))
    };
    let clash = plan.vms.iter().filter(|vm| named(vm)).find_map(|vm| {
        let mut findings = vm.findings.iter();
        let finding = findings.find(|it| it.problem.is_of_name())?;
        Some(refused(vm, finding))
    });
    clash.map_or(Ok(()), Err)
}
