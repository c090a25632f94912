//! The checks of a specified location: the place of each VM to be made, and what travels.

use std::collections::BTreeMap;

use model::{ByteCount, PowerState, ReplicaId, view::SummaryVm};
use store::{DraftBody, ReplicaRow, SessionDisk};

use super::{Checked, Target, gone, stale_sites, why_not_now};
use crate::{
    estate::Estate,
    placement::{self, Placed, STEPS},
};

/// Checks the chosen VMs.
pub(super) fn check(estate: &Estate, body: &DraftBody) -> Vec<Checked> {
    let plan = placement::of(estate, body);
    let places: BTreeMap<&ReplicaId, &Placed<'_>> =
        plan.vms.iter().map(|vm| (vm.subject.replica, vm)).collect();
    let chosen = body.chosen.iter();
    chosen
        .map(|id| match (estate.replica(id), places.get(id)) {
            (Some(replica), Some(vm)) => one(estate, replica, vm),
            (Some(replica), None) => lost(estate, replica),
            (None, _) => Checked {
                view: gone(id),
                target: None,
            },
        })
        .collect()
}

/// A replica whose VM is not there.
fn lost(estate: &Estate, replica: &ReplicaRow) -> Checked {
    let view = SummaryVm {
        name: estate.vm_name(&replica.vm),
        blocked: vec![format!(
            "The replica VM {} cannot be found at {}. Check it at its platform.",
            replica.vm.platform_id,
            estate.site_name(&replica.vm.site)
        )],
        ..gone(&replica.id)
    };
    Checked { view, target: None }
}

fn one(estate: &Estate, replica: &ReplicaRow, vm: &Placed<'_>) -> Checked {
    let source = vm.subject.source;
    let spec = vm.spec();
    let allocated: ByteCount = source.disks.iter().map(|disk| disk.allocated).sum();
    let mut view = SummaryVm {
        name: source.name.clone(),
        placement: vm.facts(),
        to_read: allocated,
        blocked: why_not_now(estate, replica),
        warnings: vm
            .site
            .map(|site| stale_sites(estate, replica, &site.site))
            .unwrap_or_default(),
        ..gone(&replica.id)
    };
    if let Some(site) = vm.site {
        view.route = estate.route_to(&replica.vm, &site.site);
    }
    for step in STEPS {
        let missing = !placement::proposed(vm, step).is_empty();
        if missing {
            view.blocked.push(format!(
                "Its choices at {0} were not confirmed. Open {0} and press Next.",
                step.title()
            ));
        }
    }
    for finding in &vm.findings {
        let words = finding.problem.words();
        if finding.problem.blocks() {
            view.blocked.push(words);
        } else {
            view.warnings.push(words);
        }
    }
    view.warnings.extend(beside(estate, vm));
    let target = spec.map(|spec| Target {
        replica: replica.clone(),
        production: spec.vm.clone(),
        vm_name: spec.name.clone(),
        pairs: source
            .disks
            .iter()
            .map(|disk| SessionDisk {
                key: disk.key.clone(),
                target: disk.key.clone(),
                name: disk.name.clone(),
                size: disk.size,
            })
            .collect(),
        policy: super::policy::Policy::Untouched,
        policy_before: None,
        quick: None,
        new_vm: Some(spec),
    });
    Checked { view, target }
}

/// What the VMs that are there already mean for the one to be made.
fn beside(estate: &Estate, vm: &Placed<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(original) = vm.subject.original {
        let running = if original.power == PowerState::Off {
            ""
        } else {
            " It runs: power it off before the switchover, so that the two do not meet."
        };
        warnings.push(format!(
            "{} at {} stays as it is; the new VM takes its place in jobs at commit.{running}",
            original.name,
            estate.site_name(&original.vm.site)
        ));
    }
    let source = vm.subject.source;
    if source.power == PowerState::Off {
        warnings.push(format!("The replica {} is powered off.", source.name));
    }
    warnings
}
