//! What is checked before anything is written: layout, drift, space, and who else is at work.
//!
//! Nothing is decided here that Finish does not decide again: both ask the same functions.

mod drift;
mod layout;
pub(crate) mod pairing;
pub(crate) mod policy;
pub(crate) mod quick;
mod specified;
pub(crate) mod target;

use std::collections::BTreeMap;

use model::{
    ByteCount, CommonPoint, Destination, LayoutKind, NewVm, PowerState, ReplicaId, SiteId, VmInfo,
    VmRef, view::SummaryVm,
};
use store::{DraftBody, ReplicaRow, SessionDisk};

use self::policy::Policy;
use crate::{after, estate::Estate};

/// One chosen VM, checked.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) view: SummaryVm,
    /// Where it writes; none when the replica is no longer there.
    pub(crate) target: Option<Target>,
}

/// What a session of this VM would work on.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) replica: ReplicaRow,
    pub(crate) production: VmRef,
    pub(crate) vm_name: String,
    pub(crate) pairs: Vec<SessionDisk>,
    /// What becomes of its storage policy.
    pub(crate) policy: Policy,
    /// The storage policy that it has now.
    pub(crate) policy_before: Option<String>,
    /// From which moment on quick rollback looks; none compares the whole disks.
    pub(crate) quick: Option<CommonPoint>,
    /// The VM to be made; then `production` is a name that no VM has yet.
    pub(crate) new_vm: Option<NewVm>,
}

/// Checks the chosen VMs, each by itself and then together.
pub(crate) fn check(estate: &Estate, body: &DraftBody) -> Vec<Checked> {
    let mut all = check_by_destination(estate, body);
    if let Some(warning) = after::undoes_what_is_off(&body.after_input.timer, body.power_on) {
        for vm in &mut all {
            vm.view.warnings.push(warning.clone());
        }
    }
    all
}

fn check_by_destination(estate: &Estate, body: &DraftBody) -> Vec<Checked> {
    if body.destination == Some(Destination::SpecifiedLocation) {
        return specified::check(estate, body);
    }
    let chosen = body.chosen.iter();
    let mut all: Vec<Checked> = chosen.map(|id| check_one(estate, body, id)).collect();
    check_space(estate, &mut all);
    check_shared_targets(&mut all);
    all
}

fn check_one(estate: &Estate, body: &DraftBody, id: &ReplicaId) -> Checked {
    let Some(replica) = estate.replica(id) else {
        return Checked {
            view: gone(id),
            target: None,
        };
    };
    let production = match body.destination {
        // A specified location is checked apart: there is no VM yet.
        None | Some(Destination::OriginalVm | Destination::SpecifiedLocation) => {
            estate.production_of(replica)
        }
        Some(Destination::RecoveredVm) => match body.targets.get(id) {
            Some(vm) => vm,
            None => return without_target(estate, replica),
        },
    };
    let mut view = SummaryVm {
        name: estate.vm_name(&replica.vm),
        route: estate.route(&replica.vm, production),
        free_space: estate
            .site(&production.site)
            .map_or(ByteCount::ZERO, |(site, ..)| site.free),
        blocked: why_not_now(estate, replica),
        warnings: stale_sites(estate, replica, &production.site),
        ..gone(id)
    };
    let mut pairs = Vec::new();
    match (estate.vm(&replica.vm), estate.vm(production)) {
        (Some(from), Some(to)) if body.destination == Some(Destination::RecoveredVm) => {
            pairs = compare(&mut view, from, to, &pairing::by_layout(from, to));
            let why_not = target::why_not(estate, replica, to);
            // The comparison says who holds it, too.
            let new = why_not.filter(|why| !view.blocked.contains(why));
            view.blocked.extend(new);
        }
        (Some(from), Some(to)) => {
            let found = pairing::recorded(from, to, &replica.disk_pairs);
            pairs = compare(&mut view, from, to, &found);
        }
        (None, _) => view.blocked.push(format!(
            "The replica VM {} cannot be found at {}. Check it at its platform.",
            replica.vm.platform_id,
            estate.site_name(&replica.vm.site)
        )),
        (Some(_), None) => view.blocked.push(format!(
            "The production VM {} cannot be found at {}. Restore it by other means first.",
            name_of(estate, replica, production),
            estate.site_name(&production.site)
        )),
    }
    let target = Target {
        replica: replica.clone(),
        production: production.clone(),
        vm_name: estate.production_name(replica),
        pairs,
        policy_before: estate
            .vm(production)
            .and_then(|vm| vm.storage_policy.clone()),
        policy: policy::apply(&mut view, estate, body, replica),
        quick: quick::apply(&mut view, estate, body, replica),
        new_vm: None,
    };
    Checked {
        view,
        target: Some(target),
    }
}

/// A replica for which no VM to return to was chosen yet.
fn without_target(estate: &Estate, replica: &ReplicaRow) -> Checked {
    let view = SummaryVm {
        name: estate.vm_name(&replica.vm),
        blocked: vec!["No VM to return to is chosen. Choose one at Target VM.".to_owned()],
        ..gone(&replica.id)
    };
    Checked { view, target: None }
}

/// What is shown of a replica that is no longer there.
fn gone(id: &ReplicaId) -> SummaryVm {
    SummaryVm {
        replica: id.clone(),
        name: id.to_string(),
        route: String::new(),
        own_mode: None,
        placement: Vec::new(),
        layout: Vec::new(),
        drift: Vec::new(),
        to_read: ByteCount::ZERO,
        policy: None,
        quick: false,
        undo_space: ByteCount::ZERO,
        free_space: ByteCount::ZERO,
        warnings: Vec::new(),
        blocked: vec!["This replica is no longer there. Choose others.".to_owned()],
    }
}

/// The name of a VM that is returned to, also when it cannot be found.
fn name_of(estate: &Estate, replica: &ReplicaRow, vm: &VmRef) -> String {
    if vm == estate.production_of(replica) {
        return estate.production_name(replica);
    }
    estate.vm_name(vm)
}

/// Why the replica's state does not allow a failback.
fn why_not_now(estate: &Estate, replica: &ReplicaRow) -> Vec<String> {
    let at_work = estate.session_on(&replica.id).is_some();
    failback::replica_operations(replica.state, at_work)
        .into_iter()
        .filter_map(|allowed| allowed.why_not)
        .collect()
}

fn stale_sites(estate: &Estate, replica: &ReplicaRow, production: &SiteId) -> Vec<String> {
    let mut sites = vec![&replica.vm.site];
    if *production != replica.vm.site {
        sites.push(production);
    }
    sites
        .into_iter()
        .filter_map(|site| estate.staleness(site))
        .map(|what| format!("{what}. The checks below may be out of date."))
        .collect()
}

/// Compares the two VMs and says which disks pair.
fn compare(
    view: &mut SummaryVm,
    from: &VmInfo,
    to: &VmInfo,
    pairs: &[Option<usize>],
) -> Vec<SessionDisk> {
    let layout = layout::check(from, to, pairs);
    view.drift = drift::between(from, to, &layout.only_on_replica);
    view.to_read = layout.to_read;
    view.undo_space = layout.undo_space;
    view.blocked.extend(
        layout
            .findings
            .iter()
            .filter(|finding| finding.kind == LayoutKind::Blocks)
            .map(|finding| format!("{}: {}", finding.disk, finding.what)),
    );
    view.layout = layout.findings;
    if layout.pairs.is_empty() && view.blocked.is_empty() {
        view.blocked.push(format!(
            "No disk of {} has a counterpart on {}. Check which VM it was replicated from.",
            from.name, to.name
        ));
    }
    if let Some(holder) = &to.held_by {
        view.blocked.push(format!(
            "{} is held by {holder}. Release it at its platform first.",
            to.name
        ));
    }
    view.warnings.extend(power_warnings(from, to));
    layout.pairs
}

fn power_warnings(from: &VmInfo, to: &VmInfo) -> Vec<String> {
    let mut warnings = Vec::new();
    if to.power != PowerState::Off {
        warnings.push(format!(
            "{} is powered on. It will be powered off when the failback starts, and what was \
             written to it since the failover is kept only until you commit.",
            to.name
        ));
    }
    if from.power == PowerState::Off {
        warnings.push(format!("The replica {} is powered off.", from.name));
    }
    warnings
}

/// VMs that share a site share its free space.
fn check_space(estate: &Estate, all: &mut [Checked]) {
    let mut needed: BTreeMap<SiteId, (ByteCount, usize)> = BTreeMap::new();
    for (target, view) in targets(all) {
        let (sum, vms) = needed.entry(target.production.site.clone()).or_default();
        *sum = sum.saturating_add(view.undo_space);
        *vms += 1;
    }
    for checked in all {
        let Some(target) = &checked.target else {
            continue;
        };
        let site = &target.production.site;
        let Some((sum, vms)) = needed.get(site) else {
            continue;
        };
        let free = checked.view.free_space;
        if *sum > free {
            let together = if *vms > 1 {
                ", all chosen VMs together"
            } else {
                ""
            };
            checked.view.blocked.push(format!(
                "Undo may take {sum} at {}{together}, and {free} is free. Free {} there, or \
                 choose fewer VMs.",
                estate.site_name(site),
                sum.saturating_sub(free)
            ));
        }
    }
}

/// Two sessions must not write to one VM.
fn check_shared_targets(all: &mut [Checked]) {
    let mut uses: BTreeMap<VmRef, usize> = BTreeMap::new();
    for (target, _) in targets(all) {
        *uses.entry(target.production.clone()).or_default() += 1;
    }
    for checked in all {
        let Some(target) = &checked.target else {
            continue;
        };
        if uses.get(&target.production).is_some_and(|uses| *uses > 1) {
            checked.view.blocked.push(format!(
                "More than one chosen replica returns to {}. Choose one of them.",
                target.vm_name
            ));
        }
    }
}

fn targets(all: &[Checked]) -> impl Iterator<Item = (&Target, &SummaryVm)> {
    all.iter().filter_map(|checked| {
        checked
            .target
            .as_ref()
            .map(|target| (target, &checked.view))
    })
}
