//! Where things stand in the inventories, so that nobody searches for them. Made anew when an inventory
//! or a production pointer changed, and shared by all answers until then.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{Job, JobId, ProtectedVmId, ReplicaId, VmInfo, VmRef};
use store::{KnownProtectedVms, ProtectedVmRow, ReplicaRow, SiteInventory};

/// The place of an item: its site, and its place in the site's list.
type Place = (usize, usize);

/// The inventories with places by id.
#[derive(Debug, Default)]
pub(crate) struct Index {
    sites: Vec<Arc<SiteInventory>>,
    protected: BTreeMap<ProtectedVmId, ProtectedVmRow>,
    vms: BTreeMap<VmRef, Place>,
    replicas: HashMap<ReplicaId, Place>,
    /// Replicas by their own VM.
    by_vm: HashMap<VmRef, Place>,
    /// Replicas by the VM that is their production VM, and by their original.
    by_production: HashMap<VmRef, Place>,
    jobs: BTreeMap<JobId, Place>,
}

impl Index {
    pub(super) fn of(sites: Vec<Arc<SiteInventory>>, protected: &KnownProtectedVms) -> Self {
        let mut index = Self {
            protected: protected.rows().clone(),
            ..Self::default()
        };
        for (at, site) in sites.iter().enumerate() {
            let vms = site.vms.iter().enumerate();
            let vms = vms.map(|(place, vm)| (vm.vm.clone(), (at, place)));
            index.vms.extend(vms);
            let jobs = site.jobs.iter().enumerate();
            let jobs = jobs.map(|(place, job)| (job.id.clone(), (at, place)));
            index.jobs.extend(jobs);
        }
        for (at, site) in sites.iter().enumerate() {
            for (place, replica) in site.replicas.iter().enumerate() {
                let place = (at, place);
                index.replicas.entry(replica.id.clone()).or_insert(place);
                index.by_vm.entry(replica.vm.clone()).or_insert(place);
                let production = index.production_of(replica).clone();
                for vm in [production, replica.original.clone()] {
                    index.by_production.entry(vm).or_insert(place);
                }
            }
        }
        index.sites = sites;
        index
    }

    fn replica_at(&self, (site, place): Place) -> Option<&ReplicaRow> {
        self.sites.get(site)?.replicas.get(place)
    }

    pub(super) fn replica(&self, id: &ReplicaId) -> Option<&ReplicaRow> {
        self.replica_at(*self.replicas.get(id)?)
    }

    pub(super) fn is_replica(&self, vm: &VmRef) -> bool {
        self.by_vm.contains_key(vm)
    }

    pub(super) fn protected_by(&self, vm: &VmRef) -> Option<&ReplicaRow> {
        self.replica_at(*self.by_production.get(vm)?)
    }

    fn vm_at(&self, (site, place): Place) -> Option<&VmInfo> {
        self.sites.get(site)?.vms.get(place)
    }

    pub(super) fn vm(&self, vm: &VmRef) -> Option<&VmInfo> {
        self.vm_at(*self.vms.get(vm)?)
    }

    pub(super) fn vms(&self) -> impl Iterator<Item = &VmInfo> {
        self.vms.values().filter_map(|place| self.vm_at(*place))
    }

    pub(super) fn job(&self, id: &JobId) -> Option<&Job> {
        let (site, place) = *self.jobs.get(id)?;
        self.sites.get(site)?.jobs.get(place)
    }

    pub(super) fn production_of<'a>(&'a self, replica: &'a ReplicaRow) -> &'a VmRef {
        self.protected
            .get(&replica.protected)
            .map_or(&replica.original, |row| &row.production)
    }

    pub(super) fn production_name<'a>(&'a self, replica: &'a ReplicaRow) -> &'a str {
        let production = self.production_of(replica);
        match (self.vm(production), self.protected.get(&replica.protected)) {
            (Some(vm), _) => &vm.name,
            (None, Some(row)) => &row.name,
            (None, None) => &production.platform_id,
        }
    }
}
