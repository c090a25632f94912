//! Where things stand in the inventories, so that nobody searches for them. Made anew when an inventory
//! or a production pointer changed, and shared by all answers until then.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use model::{Job, JobId, ProtectedVmId, ReplicaId, SiteId, VmInfo, VmRef};
use store::{KnownProtectedVms, ProtectedVmRow, ReplicaRow, SiteInventory};

use super::names::ByName;

/// The place of an item: its site, and its place in the site's list.
pub(super) type Place = (usize, usize);

/// The inventories with places by id.
#[derive(Debug, Default)]
pub(crate) struct Index {
    sites: Vec<Arc<SiteInventory>>,
    protected: BTreeMap<ProtectedVmId, ProtectedVmRow>,
    vms: HashMap<VmRef, Place>,
    replicas: HashMap<ReplicaId, Place>,
    /// Replicas by their own VM.
    by_vm: HashMap<VmRef, Place>,
    /// Replicas by the VM that is their production VM, and by their original.
    by_production: HashMap<VmRef, Place>,
    jobs: BTreeMap<JobId, Place>,
    /// What is only made when somebody looks for it.
    texts: OnceLock<Vec<Vec<Box<str>>>>,
    lower_names: OnceLock<Vec<Arc<HashSet<String>>>>,
    by_name: OnceLock<ByName>,
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

    pub(super) fn vm_at(&self, (site, place): Place) -> Option<&VmInfo> {
        self.sites.get(site)?.vms.get(place)
    }

    pub(super) fn vm(&self, vm: &VmRef) -> Option<&VmInfo> {
        self.vm_at(*self.vms.get(vm)?)
    }

    pub(super) fn vms(&self) -> impl Iterator<Item = &VmInfo> {
        self.sites.iter().flat_map(|site| &site.vms)
    }

    /// The VMs that are no replicas, by what they may be matched by.
    pub(super) fn by_name(&self) -> &ByName {
        self.by_name.get_or_init(|| {
            let sites = self.sites.iter().enumerate();
            let vms = sites.flat_map(|(at, site)| {
                let vms = site.vms.iter().enumerate();
                vms.map(move |(place, vm)| ((at, place), vm))
            });
            ByName::of(vms.filter(|(_, vm)| !self.is_replica(&vm.vm)))
        })
    }

    /// The names of a site's VMs in lower case.
    pub(super) fn lower_names(&self, site: &SiteId) -> Arc<HashSet<String>> {
        let all = self.lower_names.get_or_init(|| {
            let names = |site: &Arc<SiteInventory>| {
                let vms = site.vms.iter();
                Arc::new(vms.map(|vm| vm.name.to_lowercase()).collect())
            };
            self.sites.iter().map(names).collect()
        });
        let at = self.sites.iter().position(|it| it.site == *site);
        let found = at.and_then(|at| all.get(at));
        found.map(Arc::clone).unwrap_or_default()
    }

    /// All replicas, site by site, each with what it may be found by, in lower case: names, job and
    /// where its production VM is.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&ReplicaRow, &str)> {
        let texts = self.texts.get_or_init(|| {
            let of = |replica: &ReplicaRow| self.text(replica).to_lowercase().into();
            let of_site = |site: &Arc<SiteInventory>| site.replicas.iter().map(of).collect();
            self.sites.iter().map(of_site).collect()
        });
        let sites = self.sites.iter().zip(texts);
        sites.flat_map(|(site, texts)| {
            let texts = texts.iter().map(|text| &**text);
            site.replicas.iter().zip(texts)
        })
    }

    /// One to a line, so that nothing is found across two of them.
    fn text(&self, replica: &ReplicaRow) -> String {
        let name = self.production_name(replica);
        let vm = self.vm(&replica.vm).map_or("", |vm| &vm.name);
        let job = self.job_words(replica);
        let location = self.location(self.production_of(replica), name);
        format!("{name}\n{vm}\n{job}\n{location}")
    }

    /// A site's name; its id before it was read.
    pub(super) fn site_name<'a>(&'a self, id: &'a SiteId) -> &'a str {
        let found = self.sites.iter().find(|it| it.site == *id);
        found.map_or(id.as_str(), |site| &site.name)
    }

    pub(super) fn location(&self, vm: &VmRef, name: &str) -> String {
        let found = if self.vm(vm).is_some() {
            ""
        } else {
            ", not found"
        };
        format!("{name} at {}{found}", self.site_name(&vm.site))
    }

    pub(super) fn job_words(&self, replica: &ReplicaRow) -> String {
        let job = self.job(&replica.job);
        let name = job.map_or(replica.job.as_str(), |job| job.name.as_str());
        match (job.is_some_and(|job| job.held), replica.on_hold) {
            (true, _) => format!("{name} (held as a whole)"),
            (false, true) => format!("{name} (on hold for this VM)"),
            (false, false) => name.to_owned(),
        }
    }

    fn job(&self, id: &JobId) -> Option<&Job> {
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
