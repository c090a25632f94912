//! What is checked before anything is written: layout, drift, space, and who else is at work.
//!
//! Nothing is decided here that Finish does not decide again: both ask the same functions.

mod drift;
mod estimate;
mod layout;
pub(crate) mod pairing;
pub(crate) mod policy;
pub(crate) mod quick;
mod specified;
pub(crate) mod target;
pub(crate) mod text;

use std::collections::BTreeMap;

use model::{
    ByteCount, CommonPoint, Destination, DiskKey, LayoutKind, NewDisk, NewVm, PowerState,
    ReplicaId, SiteId, VisibleState, VmInfo, VmRef,
    view::{CheckSubject, SummaryVm},
};
use rayon::prelude::*;
use store::{DraftBody, ReplicaRow, SessionDisk};

use self::policy::Policy;
use crate::{
    after,
    estate::Estate,
    placement::{self, Plan},
    session::Work,
    start::counted,
};

/// VMs that are worth a thread of their own.
pub(crate) const AT_LEAST: usize = 64;

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

impl Checked {
    /// Whether a dry run has something to compare: not where all begins empty.
    pub(crate) fn is_comparable(&self) -> bool {
        let target = self.target.as_ref();
        target.is_none_or(|it| it.new_vm.is_none() || it.seeded().is_some())
    }
}

impl Target {
    /// The VM with copies of whose disks all disks of the VM to be made begin; none where one of them
    /// begins with nothing.
    pub(crate) fn seeded(&self) -> Option<&VmRef> {
        let disks = &self.new_vm.as_ref()?.disks;
        let mut seeds = disks.iter().map(|disk| disk.seed.as_ref());
        let first = &seeds.next()??.vm;
        seeds
            .all(|seed| seed.is_some_and(|seed| seed.vm == *first))
            .then_some(first)
    }

    /// The replica's disks with those that the new VM's begin with copies of.
    pub(crate) fn seed_pairs(&self) -> Vec<SessionDisk> {
        let new = self.new_vm.iter().flat_map(|spec| &spec.disks);
        let pair = |(pair, new): (&SessionDisk, &NewDisk)| {
            let seed = new.seed.as_ref()?;
            Some(SessionDisk {
                target: seed.disk.clone(),
                ..pair.clone()
            })
        };
        self.pairs.iter().zip(new).filter_map(pair).collect()
    }

    /// The VM whose disks the replica's are compared with.
    pub(crate) fn compared(&self) -> &VmRef {
        self.seeded().unwrap_or(&self.production)
    }
}

/// Checks the chosen VMs, each by itself and then together. What a reader is told beyond the checks is
/// added by [`Told::add`], VM by VM.
pub(crate) fn check(estate: &Estate, body: &DraftBody) -> Vec<Checked> {
    check_placed(estate, body, placement::of(estate, body).as_ref())
}

/// The same with the places of VMs to be made, where the destination has any.
pub(crate) fn check_placed(
    estate: &Estate,
    body: &DraftBody,
    plan: Option<&Plan<'_>>,
) -> Vec<Checked> {
    let mut all = match plan {
        Some(plan) => specified::check(estate, body, plan),
        None => check_existing(estate, body),
    };
    if let Some(warning) = after::undoes_what_is_off(&body.after_input.timer, body.power_on) {
        for vm in &mut all {
            vm.view.warn(CheckSubject::Mode, warning.clone());
        }
    }
    all
}

/// Of destinations where the VMs are there already.
fn check_existing(estate: &Estate, body: &DraftBody) -> Vec<Checked> {
    let chosen = body.chosen.par_iter().with_min_len(AT_LEAST);
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
        ..blank(id)
    };
    replica_allows(&mut view, estate, replica);
    inventory_is_new(&mut view, estate, replica, &production.site);
    let mut pairs = Vec::new();
    match (estate.vm(&replica.vm), estate.vm(production)) {
        (Some(from), Some(to)) if body.destination == Some(Destination::RecoveredVm) => {
            pairs = compare(&mut view, from, to, &pairing::by_layout(from, to));
            let why_not = target::why_not(estate, replica, to);
            if let Some(why) = why_not {
                view.fail(CheckSubject::ProductionVm, why);
            }
        }
        (Some(from), Some(to)) => {
            let found = pairing::recorded(from, to, &replica.disk_pairs);
            pairs = compare(&mut view, from, to, &found);
        }
        (None, _) => view.fail(
            CheckSubject::Replica,
            format!(
                "The replica VM {} cannot be found at {}. Check it at its platform.",
                replica.vm.platform_id,
                estate.site_name(&replica.vm.site)
            ),
        ),
        (Some(_), None) => view.fail(
            CheckSubject::ProductionVm,
            format!(
                "The production VM {} cannot be found at {}. Restore it by other means first.",
                name_of(estate, replica, production),
                estate.site_name(&production.site)
            ),
        ),
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
    let mut view = SummaryVm {
        name: estate.vm_name(&replica.vm),
        ..blank(&replica.id)
    };
    view.fail(
        CheckSubject::ProductionVm,
        "No VM to return to is chosen. Choose one at Target VM.",
    );
    Checked { view, target: None }
}

/// What is shown of a replica that is no longer there.
fn gone(id: &ReplicaId) -> SummaryVm {
    let mut view = blank(id);
    view.fail(
        CheckSubject::Replica,
        "This replica is no longer there. Choose others.",
    );
    view
}

/// A VM of which nothing was checked yet.
fn blank(id: &ReplicaId) -> SummaryVm {
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
        checks: Vec::new(),
        estimate: None,
    }
}

/// The name of a VM that is returned to, also when it cannot be found.
fn name_of(estate: &Estate, replica: &ReplicaRow, vm: &VmRef) -> String {
    if vm == estate.production_of(replica) {
        return estate.production_name(replica);
    }
    estate.vm_name(vm)
}

/// Whether the replica's state allows a failback.
fn replica_allows(view: &mut SummaryVm, estate: &Estate, replica: &ReplicaRow) {
    let at_work = estate.session_on(&replica.id).is_some();
    let operations = failback::replica_operations(replica.state, at_work);
    let refusals: Vec<String> = operations.into_iter().filter_map(|it| it.why_not).collect();
    if refusals.is_empty() {
        view.pass(
            CheckSubject::Replica,
            "In Failover, and no session is at work on it.",
        );
    }
    for why in refusals {
        view.fail(CheckSubject::Replica, why);
    }
}

/// Whether what is known of both sites is new.
fn inventory_is_new(
    view: &mut SummaryVm,
    estate: &Estate,
    replica: &ReplicaRow,
    production: &SiteId,
) {
    let mut sites = vec![&replica.vm.site];
    if *production != replica.vm.site {
        sites.push(production);
    }
    let stale: Vec<String> = sites
        .into_iter()
        .filter_map(|site| estate.staleness(site))
        .collect();
    if stale.is_empty() {
        view.pass(
            CheckSubject::Inventory,
            "The newest reading of each site succeeded.",
        );
    }
    for what in stale {
        let what = format!("{what}. The checks below may be out of date.");
        view.warn(CheckSubject::Inventory, what);
    }
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
    for finding in &layout.findings {
        let what = format!("{}: {}", finding.disk, finding.what);
        match finding.kind {
            LayoutKind::Fits => view.pass(CheckSubject::Disks, what),
            LayoutKind::Unpaired => view.warn(CheckSubject::Disks, what),
            LayoutKind::Blocks => view.fail(CheckSubject::Disks, what),
        }
    }
    view.layout = layout.findings;
    if layout.pairs.is_empty() && view.blocked().next().is_none() {
        let what = format!(
            "No disk of {} has a counterpart on {}. Check which VM it was replicated from.",
            from.name, to.name
        );
        view.fail(CheckSubject::Disks, what);
    }
    match &to.held_by {
        Some(holder) => view.fail(
            CheckSubject::ProductionVm,
            format!(
                "{} is held by {holder}. Release it at its platform first.",
                to.name
            ),
        ),
        None => view.pass(
            CheckSubject::ProductionVm,
            format!("{} is there, and nobody holds it.", to.name),
        ),
    }
    check_power(view, from, to);
    check_drift(view);
    layout.pairs
}

fn check_power(view: &mut SummaryVm, from: &VmInfo, to: &VmInfo) {
    match to.power {
        PowerState::Off => {
            let what = format!("{} is off, as it must be while it is written to.", to.name);
            view.pass(CheckSubject::Power, what);
        }
        PowerState::On | PowerState::ShuttingDown => view.warn(
            CheckSubject::Power,
            format!(
                "{} is powered on. It will be powered off when the failback starts, and what was \
                 written to it since the failover is kept only until you commit.",
                to.name
            ),
        ),
    }
    if from.power == PowerState::Off {
        let what = format!("The replica {} is powered off.", from.name);
        view.warn(CheckSubject::Power, what);
    }
}

fn check_drift(view: &mut SummaryVm) {
    match view.drift.len() {
        0 => view.pass(
            CheckSubject::Drift,
            "Nothing is configured differently on the replica.",
        ),
        count => {
            let items = counted(count, "item is", "items are");
            let what = format!("{items} configured differently and not sent: see below.");
            view.warn(CheckSubject::Drift, what);
        }
    }
}

/// VMs that share a site share its free space. What one without a pair of disks takes is not known.
fn check_space(estate: &Estate, all: &mut [Checked]) {
    let pairs = |target: &Target| !target.pairs.is_empty();
    let mut needed: BTreeMap<SiteId, (ByteCount, usize)> = BTreeMap::new();
    for (target, view) in targets(all).filter(|(target, _)| pairs(target)) {
        let (sum, vms) = needed.entry(target.production.site.clone()).or_default();
        *sum = sum.saturating_add(view.undo_space);
        *vms += 1;
    }
    let sites = needed.keys();
    let others: BTreeMap<SiteId, ByteCount> = sites
        .map(|site| (site.clone(), taken_by_others(estate, site)))
        .collect();
    for checked in all {
        let Some(target) = checked.target.as_ref().filter(|target| pairs(target)) else {
            continue;
        };
        let site = &target.production.site;
        let Some((sum, vms)) = needed.get(site) else {
            continue;
        };
        let free = checked.view.free_space;
        let together = if *vms > 1 {
            ", all chosen VMs together"
        } else {
            ""
        };
        let mut what = format!(
            "Undo may take {sum} at {}{together}, and {free} is free.",
            estate.site_name(site)
        );
        let others = others.get(site).copied().unwrap_or_default();
        if *sum > free {
            let lacks = sum.saturating_sub(free);
            what = format!("{what} Free {lacks} there, or choose fewer VMs.");
            checked.view.fail(CheckSubject::Space, what);
        } else if sum.saturating_add(others) > free {
            what = format!("{what} Sessions at work there may take up to {others} of it.");
            checked.view.warn(CheckSubject::Space, what);
        } else {
            checked.view.pass(CheckSubject::Space, what);
        }
    }
}

/// What sessions that have not switched over may still take for undo at a site, at most: what they
/// have taken already is not known here.
fn taken_by_others(estate: &Estate, site: &SiteId) -> ByteCount {
    let at_work = estate.running().iter().filter(|work| {
        let waits_or_moves = match work.session.visible() {
            VisibleState::Synchronizing | VisibleState::ReadyToSwitch | VisibleState::Switching => {
                true
            }
            VisibleState::Ready
            | VisibleState::Processing
            | VisibleState::Failover
            | VisibleState::Failback
            | VisibleState::Committing
            | VisibleState::Undoing
            | VisibleState::Cancelling => false,
        };
        waits_or_moves && work.row.production_vm.site == *site
    });
    let most = |work: &Work| -> ByteCount {
        let replica = estate.vm(&work.row.replica_vm);
        let allocated = |key: &DiskKey| {
            let mut disks = replica.into_iter().flat_map(|vm| &vm.disks);
            let found = disks.find(|disk| disk.key == *key);
            found.map_or(ByteCount::ZERO, |disk| disk.allocated)
        };
        let pairs = work.row.layout.iter();
        pairs
            .map(|pair| layout::at_most(pair.size, allocated(&pair.key)))
            .sum()
    };
    at_work.map(|work| most(work)).sum()
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
            let what = format!(
                "More than one chosen replica returns to {}. Choose one of them.",
                target.vm_name
            );
            checked.view.fail(CheckSubject::ProductionVm, what);
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
