//! Where VMs are made: from what sites offer and what was chosen to a place for each VM, what stands
//! against it, and what all choices together take.
//!
//! Pure: [`plan`] sees everything at once, so that names and free space are counted over all chosen
//! VMs. What was not chosen is proposed; what was chosen stays when an earlier choice changes, and
//! is marked where it no longer applies.

mod change;
pub(crate) mod files;
mod find;
pub(crate) mod name;
mod network;
mod place;
mod problem;
pub(crate) mod reach;
mod rows;
mod space;
mod spec;
pub(crate) mod value;
mod view;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use model::{
    Compute, DatastoreId, Destination, DiskInfo, DiskPair, DiskType, MacChoice, ReplicaId, SiteId,
    SiteRole, VmInfo, view::WizardStep,
};
use rayon::prelude::*;
use store::{
    DraftBody, FolderChoice, NetworkChoice, PlacementChoice, PoolChoice, ReplicaRow, SeedChoice,
    SiteInventory,
};

use crate::{estate::Estate, preflight::AT_LEAST};

pub(crate) use change::{Change, proposed};
pub(crate) use find::host_name;
pub(crate) use problem::{Finding, Row};
pub(crate) use rows::select;

/// A VM that is to be made from a replica.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) replica: &'a ReplicaId,
    /// The replica VM, whose configuration and disks it gets.
    pub(crate) source: &'a VmInfo,
    /// The original VM, where it can be found.
    pub(crate) original: Option<&'a VmInfo>,
    /// The pairs of their disks whose keys differ.
    pub(crate) pairs: &'a [DiskPair],
    /// The name of the original.
    pub(crate) name: &'a str,
    /// The site of the original.
    pub(crate) home: &'a SiteId,
}

/// What there is to place VMs in.
#[derive(Debug)]
pub(crate) struct World<'a> {
    /// The sites where VMs can be made.
    pub(crate) sites: Vec<&'a SiteInventory>,
    /// The names of the VMs that are there, in lower case.
    pub(crate) names: BTreeMap<SiteId, Arc<HashSet<String>>>,
    /// Names that sessions at work have chosen for VMs that may not be there yet.
    pub(crate) promised: Vec<(SiteId, String)>,
}

impl<'a> World<'a> {
    /// The production sites that make VMs, and what sessions at work will make there.
    pub(crate) fn of(estate: &'a Estate) -> Self {
        let sites = estate.sites.iter().map(|(site, ..)| site.as_ref());
        let specs = estate.running().iter();
        let sites: Vec<&SiteInventory> = sites
            .filter(|it| it.role == SiteRole::Production && it.creates_vms)
            .filter(|it| !it.resources.hosts.is_empty())
            .collect();
        let names = |site: &&SiteInventory| (site.site.clone(), estate.lower_names(&site.site));
        Self {
            names: sites.iter().map(names).collect(),
            sites,
            promised: specs
                .filter_map(|work| work.row.choices.new_vm.as_ref())
                .map(|spec| (spec.vm.site.clone(), spec.name.clone()))
                .collect(),
        }
    }

    pub(crate) fn site(&self, id: &SiteId) -> Option<&'a SiteInventory> {
        self.sites.iter().copied().find(|it| it.site == *id)
    }
}

/// A value that was chosen, or that is proposed; none where nothing can be proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pick<T> {
    pub(crate) value: Option<T>,
    pub(crate) chosen: bool,
}

impl<T: Clone> Pick<T> {
    fn of(chosen: Option<&T>, propose: impl FnOnce() -> Option<T>) -> Self {
        Self {
            value: chosen.cloned().or_else(propose),
            chosen: chosen.is_some(),
        }
    }

    /// What is proposed and was not chosen.
    fn proposal(&self) -> Option<T> {
        self.value.clone().filter(|_| !self.chosen)
    }
}

/// A disk of a VM to be made.
#[derive(Debug)]
pub(crate) struct PlacedDisk<'a> {
    pub(crate) source: &'a DiskInfo,
    pub(crate) datastore: Pick<DatastoreId>,
    pub(crate) disk_type: Pick<DiskType>,
    pub(crate) seed: Pick<SeedChoice>,
    /// The original's disk, where the new one can begin with a copy of it.
    pub(crate) original: Option<&'a DiskInfo>,
}

impl<'a> PlacedDisk<'a> {
    /// The disk that it begins with a copy of.
    pub(crate) fn seed(&self) -> Option<&'a DiskInfo> {
        match self.seed.value {
            Some(SeedChoice::Original) => self.original,
            Some(SeedChoice::Nothing) | None => None,
        }
    }
}

/// An adapter of a VM to be made.
#[derive(Debug)]
pub(crate) struct PlacedAdapter {
    pub(crate) network: Pick<NetworkChoice>,
    pub(crate) mac: Pick<MacChoice>,
}

/// A VM with its place.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) site: Option<&'a SiteInventory>,
    pub(crate) compute: Pick<Compute>,
    pub(crate) name: Pick<String>,
    pub(crate) pool: Pick<PoolChoice>,
    pub(crate) config: Pick<DatastoreId>,
    pub(crate) disks: Vec<PlacedDisk<'a>>,
    pub(crate) folder: Pick<FolderChoice>,
    pub(crate) restore_tags: Pick<bool>,
    /// One per adapter of the source, in order.
    pub(crate) adapters: Vec<PlacedAdapter>,
    pub(crate) findings: Vec<Finding>,
}

impl Placed<'_> {
    /// What of a step stands against going on.
    pub(crate) fn blocking(&self, step: WizardStep) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |it| it.problem.step() == step && it.problem.blocks())
    }

    /// Whether a step is chosen and nothing stands against it.
    pub(crate) fn is_complete(&self, step: WizardStep) -> bool {
        proposed(self, step).is_empty() && self.blocking(step).next().is_none()
    }
}

/// What all choices together take of a datastore.
#[derive(Debug)]
pub(crate) struct Space<'a> {
    pub(crate) site: &'a SiteId,
    pub(crate) datastore: &'a model::Datastore,
    /// When they are made and filled: thick disks in full, others as the replica's are allocated.
    pub(crate) takes: model::ByteCount,
    /// When every thin disk is full.
    pub(crate) at_most: model::ByteCount,
}

/// The places of all chosen VMs.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) world: World<'a>,
    pub(crate) vms: Vec<Placed<'a>>,
    pub(crate) space: Vec<Space<'a>>,
}

impl Plan<'_> {
    pub(crate) fn is_complete(&self, step: WizardStep) -> bool {
        self.vms.iter().all(|vm| vm.is_complete(step))
    }
}

/// The places by replica.
pub(crate) type Places<'p, 'a> = HashMap<&'a ReplicaId, &'p Placed<'a>>;

/// Where the VM of each replica is made; nowhere where there is no plan.
pub(crate) fn places<'p, 'a>(plan: Option<&'p Plan<'a>>) -> Places<'p, 'a> {
    let all = plan.into_iter().flat_map(|plan| &plan.vms);
    all.map(|vm| (vm.subject.replica, vm)).collect()
}

/// The steps whose choices make a place, in order.
pub(crate) const STEPS: [WizardStep; 5] = [
    WizardStep::Host,
    WizardStep::ResourcePool,
    WizardStep::Datastore,
    WizardStep::Folder,
    WizardStep::Network,
];

/// Places every VM. A VM of which nothing was chosen yet has an empty choice.
pub(crate) fn plan<'a>(
    world: World<'a>,
    subjects: &[Subject<'a>],
    choices: &BTreeMap<ReplicaId, PlacementChoice>,
) -> Plan<'a> {
    let nothing = PlacementChoice::default();
    let with_choice: Vec<_> = subjects
        .iter()
        .map(|subject| (*subject, choices.get(subject.replica).unwrap_or(&nothing)))
        .collect();
    let mut vms = place::hosts(&world, &with_choice);
    name::give(&world, &mut vms, &with_choice);
    vms.par_iter_mut()
        .zip(&with_choice)
        .with_min_len(AT_LEAST)
        .for_each(|(vm, (_, choice))| find::the_rest(vm, choice));
    let space = space::count(&vms);
    space::find_full(&mut vms, &space);
    Plan { world, vms, space }
}

/// The plan of a draft; none for destinations where the VMs are there already. Replicas that are no
/// longer there have no place.
pub(crate) fn of<'a>(estate: &'a Estate, body: &DraftBody) -> Option<Plan<'a>> {
    (body.destination == Some(Destination::SpecifiedLocation)).then(|| anyway(estate, body))
}

/// The same whatever the destination is.
pub(crate) fn anyway<'a>(estate: &'a Estate, body: &DraftBody) -> Plan<'a> {
    let subjects: Vec<Subject<'a>> = body
        .chosen
        .iter()
        .filter_map(|id| estate.replica(id))
        .filter_map(|replica| subject(estate, replica))
        .collect();
    plan(World::of(estate), &subjects, &body.placements)
}

fn subject<'a>(estate: &'a Estate, replica: &'a ReplicaRow) -> Option<Subject<'a>> {
    let production = estate.production_of(replica);
    Some(Subject {
        replica: &replica.id,
        source: estate.vm(&replica.vm)?,
        original: estate.vm(production),
        pairs: &replica.disk_pairs,
        name: estate.production_name_of(replica),
        home: &production.site,
    })
}

#[cfg(test)]
mod tests;
