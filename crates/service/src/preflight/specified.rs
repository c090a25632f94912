//! The checks of a specified location: the place of each VM to be made, and what travels.

use model::{
    ByteCount, PowerState,
    view::{CheckSubject, SummaryVm},
};
use rayon::prelude::*;
use store::{DraftBody, ReplicaRow, SessionDisk};

use super::{AT_LEAST, Checked, Target, blank, gone, inventory_is_new, replica_allows};
use crate::{
    estate::Estate,
    placement::{self, Placed, PlacedDisk, Plan, STEPS},
};

/// Checks the chosen VMs.
pub(super) fn check(estate: &Estate, body: &DraftBody, plan: &Plan<'_>) -> Vec<Checked> {
    let places = placement::places(Some(plan));
    let chosen = body.chosen.par_iter().with_min_len(AT_LEAST);
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
    let mut view = SummaryVm {
        name: estate.vm_name(&replica.vm),
        ..blank(&replica.id)
    };
    view.fail(
        CheckSubject::Replica,
        format!(
            "The replica VM {} cannot be found at {}. Check it at its platform.",
            replica.vm.platform_id,
            estate.site_name(&replica.vm.site)
        ),
    );
    Checked { view, target: None }
}

fn one(estate: &Estate, replica: &ReplicaRow, vm: &Placed<'_>) -> Checked {
    let source = vm.subject.source;
    let spec = vm.spec();
    let allocated: ByteCount = source.disks.iter().map(|disk| disk.allocated).sum();
    let seeds = vm.disks.iter().filter_map(PlacedDisk::seed);
    let copied: ByteCount = seeds.map(|disk| disk.allocated).sum();
    let mut view = SummaryVm {
        name: source.name.clone(),
        to_read: allocated.saturating_add(copied),
        ..blank(&replica.id)
    };
    replica_allows(&mut view, estate, replica);
    if let Some(site) = vm.site {
        inventory_is_new(&mut view, estate, replica, &site.site);
        view.route = estate.route_to(&replica.vm, &site.site);
    }
    check_place(&mut view, vm);
    for disk in &vm.disks {
        let how = match disk.seed() {
            None => "to be made anew and sent whole",
            Some(_) => "to be made as a copy of the original's; what differs is sent",
        };
        let what = format!("{}: {}, {how}.", disk.source.name, disk.source.size);
        view.pass(CheckSubject::Disks, what);
    }
    if !source.beside_disks.is_empty() {
        let what = source.beside_disks.join(" and ");
        view.pass(
            CheckSubject::Disks,
            format!("{what}: given to the new VM at the switchover, as far as both hosts allow; the session \
                 says what is not."),
        );
    }
    for warning in beside(estate, vm) {
        view.warn(CheckSubject::Power, warning);
    }
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

/// Whether the place of the VM to be made is chosen and holds it.
fn check_place(view: &mut SummaryVm, vm: &Placed<'_>) {
    let missing = STEPS
        .into_iter()
        .filter(|step| !placement::proposed(vm, *step).is_empty());
    for step in missing {
        let what = format!(
            "Its choices at {0} were not confirmed. Open {0} and press Next.",
            step.title()
        );
        view.fail(CheckSubject::Place, what);
    }
    for finding in &vm.findings {
        let words = finding.problem.words();
        if finding.problem.blocks() {
            view.fail(CheckSubject::Place, words);
        } else {
            view.warn(CheckSubject::Place, words);
        }
    }
    let mut found = view.checks.iter();
    if !found.any(|check| check.subject == CheckSubject::Place) {
        view.pass(
            CheckSubject::Place,
            "Every choice is confirmed, names are free, and the datastores have room for all of it.",
        );
    }
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
