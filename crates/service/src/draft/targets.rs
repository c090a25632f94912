//! Step Target VM: which existing VM each replica returns to.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use model::{
    Actor, ApiError, Destination, DraftId, LayoutFinding, LayoutKind, ReplicaId, VmInfo, VmRef,
    view::{TargetCandidate, TargetInput, TargetRow},
};
use store::DraftBody;

use crate::{
    Service,
    actor::authorise,
    estate::{Estate, Lookup},
    preflight::target::{self, Match, Wanted},
    refusal::{conflict, invalid, not_found},
};

/// VMs that are proposed for one replica; others are named by hand.
const CANDIDATES: usize = 12;

impl Service {
    /// Step Target VM.
    ///
    /// # Errors
    /// When a VM cannot be returned to, or two replicas would return to one; then nothing changes.
    /// When a replica has none yet, or a disk does not fit; that is kept.
    pub async fn draft_set_targets(
        &self,
        actor: &Actor,
        id: &DraftId,
        inputs: Vec<TargetInput>,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let draft = self.draft(id).await?;
        let estate = self.estate().await?;
        let picked = picked(&estate, &draft.body, inputs)?;
        self.edit(id, |body| {
            for (replica, vm) in &picked {
                match vm {
                    Some(vm) => body.targets.insert(replica.clone(), vm.clone()),
                    None => body.targets.remove(replica),
                };
            }
        })
        .await?;
        let body = self.draft(id).await?.body;
        rows(&estate, &body, &(0..0)).iter().try_for_each(complete)
    }
}

/// What was picked per replica, when all of it can be.
fn picked(
    estate: &Estate,
    body: &DraftBody,
    inputs: Vec<TargetInput>,
) -> Result<Vec<(ReplicaId, Option<VmRef>)>, ApiError> {
    let mut picked = Vec::new();
    let mut taken = taken_elsewhere(estate, body, &inputs);
    for input in inputs {
        let field = field(&input.replica);
        let replica = estate
            .replica(&input.replica)
            .filter(|replica| body.chosen.contains(&replica.id))
            .ok_or_else(|| {
                not_found(
                    format!("{} is not among the chosen replicas.", input.replica),
                    "Load this step again.",
                )
            })?;
        let Some(vm) = named(estate, &input).map_err(|error| error.on_field(&field))? else {
            picked.push((input.replica, None));
            continue;
        };
        if let Some(why) = target::why_not(estate, replica, vm) {
            return Err(conflict(why, "Or choose another VM.").on_field(&field));
        }
        let name = estate.vm_name(&replica.vm);
        if let Some(other) = taken.insert(vm.vm.clone(), name.clone()) {
            return Err(conflict(
                format!("Both {other} and {name} would return to {}.", vm.name),
                "Choose another VM for one of them.",
            )
            .on_field(&field));
        }
        picked.push((input.replica, Some(vm.vm.clone())));
    }
    Ok(picked)
}

/// What was picked for replicas that the form says nothing of: by the VM, the replica's name.
fn taken_elsewhere(
    estate: &Estate,
    body: &DraftBody,
    inputs: &[TargetInput],
) -> BTreeMap<VmRef, String> {
    let asked: BTreeSet<&ReplicaId> = inputs.iter().map(|input| &input.replica).collect();
    let others = body.chosen.iter().filter(|id| !asked.contains(id));
    let others = others.filter_map(|id| Some((body.targets.get(id)?, estate.replica(id)?)));
    others
        .map(|(vm, replica)| (vm.clone(), estate.vm_name(&replica.vm)))
        .collect()
}

/// The VM that a line of the form names; none where it names none.
fn named<'a>(estate: &'a Estate, input: &TargetInput) -> Result<Option<&'a VmInfo>, ApiError> {
    let other = input.other.trim();
    if other.is_empty() {
        if input.target.is_empty() {
            return Ok(None);
        }
        let vm = target::parse(&input.target).and_then(|vm| estate.vm(&vm));
        return vm.map(Some).ok_or_else(|| {
            not_found(
                format!("There is no VM {} any more.", input.target),
                "Choose one from the list.",
            )
        });
    }
    let alike: Vec<&VmInfo> = estate
        .vms()
        .filter(|vm| vm.name.eq_ignore_ascii_case(other) || vm.vm.to_string() == other)
        .collect();
    match alike.as_slice() {
        [vm] => Ok(Some(*vm)),
        [] => Err(invalid(
            "",
            format!("There is no VM named \"{other}\"."),
            "Give the name as its platform shows it.",
        )),
        several => Err(invalid(
            "",
            format!("{} VMs are named \"{other}\".", several.len()),
            format!("Give one of them as {}.", several[0].vm),
        )),
    }
}

/// Refuses to go on with a row that lacks something.
fn complete(row: &TargetRow) -> Result<(), ApiError> {
    let field = field(&row.replica);
    if row.chosen.is_none() {
        return Err(invalid(
            &field,
            format!("No VM is chosen for {}.", row.name),
            "Choose the VM that it returns to.",
        ));
    }
    match row.blocked.first() {
        None => Ok(()),
        Some(why) => Err(conflict(
            format!("{} does not fit: {why}", row.name),
            "Or choose another VM.",
        )
        .on_field(&field)),
    }
}

/// The name of a replica's line in refusals.
fn field(replica: &ReplicaId) -> String {
    format!("target-{replica}")
}

/// Whether every chosen replica has a VM that it can return to.
pub(super) fn are_complete(rows: &[TargetRow]) -> bool {
    rows.iter().all(|row| complete(row).is_ok())
}

/// The step's rows, one per chosen replica; none for other destinations. Only those whose places are
/// among `shown` have VMs to choose from: the others are only checked.
pub(super) fn rows(estate: &Estate, body: &DraftBody, shown: &Range<usize>) -> Vec<TargetRow> {
    if body.destination != Some(Destination::RecoveredVm) {
        return Vec::new();
    }
    let picked = body.chosen.iter().filter_map(|id| body.targets.get(id));
    let mut proposed: BTreeSet<VmRef> = picked.cloned().collect();
    body.chosen
        .iter()
        .enumerate()
        .map(|(place, id)| {
            let mut row = empty_row(id, body.targets.get(id).cloned());
            let among = shown.contains(&place).then(|| estate.lookup());
            fill(&mut row, estate, among, &mut proposed);
            row
        })
        .collect()
}

fn empty_row(id: &ReplicaId, chosen: Option<VmRef>) -> TargetRow {
    TargetRow {
        replica: id.clone(),
        name: id.to_string(),
        chosen,
        suggested: None,
        candidates: Vec::new(),
        blocked: Vec::new(),
    }
}

fn fill(
    row: &mut TargetRow,
    estate: &Estate,
    among: Option<Lookup<'_>>,
    proposed: &mut BTreeSet<VmRef>,
) {
    let Some(replica) = estate.replica(&row.replica) else {
        row.blocked
            .push("The replica is no longer there. Choose others.".to_owned());
        return;
    };
    row.name = estate.vm_name(&replica.vm);
    let Some(wanted) = Wanted::of(estate, replica) else {
        row.blocked
            .push("The replica VM cannot be found. Check it at its platform.".to_owned());
        return;
    };
    if let Some(gone) = row.chosen.as_ref().filter(|vm| estate.vm(vm).is_none()) {
        row.blocked.push(format!(
            "The chosen VM {gone} is no longer there. Choose another."
        ));
    }
    let chosen = row.chosen.as_ref().and_then(|vm| estate.vm(vm));
    let listed = match among {
        Some(among) => ranked(among, &wanted, chosen),
        None => chosen
            .map(|vm| (Match::default(), vm))
            .into_iter()
            .collect(),
    };
    for (matched, vm) in listed {
        let why_not = target::why_not(estate, replica, vm);
        let is_chosen = row.chosen.as_ref() == Some(&vm.vm);
        let layout = if is_chosen || matched.identity || matched.name {
            target::layout(wanted.vm(), vm)
        } else {
            Vec::new()
        };
        if is_chosen {
            row.blocked.extend(why_not.clone());
            row.blocked.extend(what_stops(&layout, vm));
        }
        let can_be = why_not.is_none() && matched.is_proposable();
        let open = row.chosen.is_none() && row.suggested.is_none();
        if open && can_be && proposed.insert(vm.vm.clone()) {
            row.suggested = Some(vm.vm.clone());
        }
        row.candidates.push(TargetCandidate {
            vm: vm.vm.clone(),
            label: format!("{} at {}", vm.name, estate.site_name(&vm.vm.site)),
            matched: matched.words(),
            why_not,
            layout,
        });
    }
}

/// The VMs to list, the best match first, with the chosen one wherever it stands. VMs of which
/// only the disks fit come last, as many as there is room for.
fn ranked<'a>(
    among: Lookup<'a>,
    wanted: &Wanted<'a>,
    chosen: Option<&'a VmInfo>,
) -> Vec<(Match, &'a VmInfo)> {
    let mut alike: Vec<(Match, &VmInfo)> = wanted.alike(among).collect();
    alike.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    let is_chosen = |vm: &VmInfo| chosen.is_some_and(|chosen| chosen.vm == vm.vm);
    let names: BTreeSet<&VmRef> = alike.iter().map(|(_, vm)| &vm.vm).collect();
    let mut listed: Vec<_> = alike
        .into_iter()
        .enumerate()
        .filter(|(index, (_, vm))| *index < CANDIDATES || is_chosen(vm))
        .map(|(_, entry)| entry)
        .collect();
    let by_layout = |vm| {
        let layout = wanted.fits(vm);
        (
            Match {
                layout,
                ..Match::default()
            },
            vm,
        )
    };
    let others = among.vms();
    let others = others.filter(|vm| !names.contains(&vm.vm) && !is_chosen(vm));
    let room = CANDIDATES.saturating_sub(listed.len());
    let fitting = others.map(by_layout).filter(|(matched, _)| matched.layout);
    listed.extend(fitting.take(room));
    if let Some(chosen) = chosen.filter(|vm| !names.contains(&vm.vm)) {
        listed.push(by_layout(chosen));
    }
    listed
}

/// What stands against a VM's disks.
fn what_stops(layout: &[LayoutFinding], vm: &VmInfo) -> Vec<String> {
    if layout.iter().all(|it| it.kind == LayoutKind::Unpaired) {
        return vec![format!(
            "no disk of {} is attached where one of the replica is. Attach its disks to the same \
             controllers and units, then open this step again.",
            vm.name
        )];
    }
    let stops = layout.iter().filter(|it| it.kind == LayoutKind::Blocks);
    stops
        .map(|it| format!("{}: {}", it.disk, it.what))
        .collect()
}
