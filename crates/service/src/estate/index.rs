//! Where things stand in the inventories, so that nobody searches for them. Made anew when something
//! stands elsewhere or is called something else, and shared by all answers until then.

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
    protected: Arc<BTreeMap<ProtectedVmId, ProtectedVmRow>>,
    places: Arc<Places>,
}

/// Where everything is.
#[derive(Debug, Default)]
struct Places {
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
            protected: Arc::new(protected.rows().clone()),
            ..Self::default()
        };
        let mut places = Places::default();
        for (at, site) in sites.iter().enumerate() {
            let vms = site.vms.iter().enumerate();
            let vms = vms.map(|(place, vm)| (vm.vm.clone(), (at, place)));
            places.vms.extend(vms);
            let jobs = site.jobs.iter().enumerate();
            let jobs = jobs.map(|(place, job)| (job.id.clone(), (at, place)));
            places.jobs.extend(jobs);
        }
        for (at, site) in sites.iter().enumerate() {
            for (place, replica) in site.replicas.iter().enumerate() {
                let place = (at, place);
                places.replicas.entry(replica.id.clone()).or_insert(place);
                places.by_vm.entry(replica.vm.clone()).or_insert(place);
                let production = index.production_of(replica).clone();
                for vm in [production, replica.original.clone()] {
                    places.by_production.entry(vm).or_insert(place);
                }
            }
        }
        (index.sites, index.places) = (sites, Arc::new(places));
        index
    }

    /// The same of newer inventories in which everything stands where it stood: most readings find no
    /// more than that VMs have written. None where something else changed.
    pub(super) fn renewed(&self, sites: &[Arc<SiteInventory>]) -> Option<Self> {
        let stands = self.sites.len() == sites.len()
            && self
                .sites
                .iter()
                .zip(sites)
                .all(|(old, new)| Arc::ptr_eq(old, new) || stands_as_before(old, new));
        stands.then(|| Self {
            sites: sites.to_vec(),
            protected: Arc::clone(&self.protected),
            places: Arc::clone(&self.places),
        })
    }

    /// Makes what is otherwise only made when somebody looks for it.
    pub(super) fn make_ready(&self) {
        let _all = (self.by_name(), self.all_lower_names(), self.all_texts());
    }

    fn replica_at(&self, (site, place): Place) -> Option<&ReplicaRow> {
        self.sites.get(site)?.replicas.get(place)
    }

    pub(super) fn replica(&self, id: &ReplicaId) -> Option<&ReplicaRow> {
        self.replica_at(*self.places.replicas.get(id)?)
    }

    pub(super) fn is_replica(&self, vm: &VmRef) -> bool {
        self.places.by_vm.contains_key(vm)
    }

    pub(super) fn protected_by(&self, vm: &VmRef) -> Option<&ReplicaRow> {
        self.replica_at(*self.places.by_production.get(vm)?)
    }

    pub(super) fn vm_at(&self, (site, place): Place) -> Option<&VmInfo> {
        self.sites.get(site)?.vms.get(place)
    }

    pub(super) fn vm(&self, vm: &VmRef) -> Option<&VmInfo> {
        self.vm_at(*self.places.vms.get(vm)?)
    }

    pub(super) fn vms(&self) -> impl Iterator<Item = &VmInfo> {
        self.sites.iter().flat_map(|site| &site.vms)
    }

    /// The VMs that are no replicas, by what they may be matched by.
    pub(super) fn by_name(&self) -> &ByName {
        self.places.by_name.get_or_init(|| {
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
        let at = self.sites.iter().position(|it| it.site == *site);
        let found = at.and_then(|at| self.all_lower_names().get(at));
        found.map(Arc::clone).unwrap_or_default()
    }

    fn all_lower_names(&self) -> &[Arc<HashSet<String>>] {
        self.places.lower_names.get_or_init(|| {
            let names = |site: &Arc<SiteInventory>| {
                let vms = site.vms.iter();
                Arc::new(vms.map(|vm| vm.name.to_lowercase()).collect())
            };
            self.sites.iter().map(names).collect()
        })
    }

    /// All replicas, site by site, each with what it may be found by, in lower case: names, job and
    /// where its production VM is.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&ReplicaRow, &str)> {
        let sites = self.sites.iter().zip(self.all_texts());
        sites.flat_map(|(site, texts)| {
            let texts = texts.iter().map(|text| &**text);
            site.replicas.iter().zip(texts)
        })
    }

    fn all_texts(&self) -> &[Vec<Box<str>>] {
        self.places.texts.get_or_init(|| {
            let of = |replica: &ReplicaRow| self.text(replica).to_lowercase().into();
            let of_site = |site: &Arc<SiteInventory>| site.replicas.iter().map(of).collect();
            self.sites.iter().map(of_site).collect()
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
        let (site, place) = *self.places.jobs.get(id)?;
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

/// Whether all that places are made of is the same: who is there, in which order, and all names.
fn stands_as_before(old: &SiteInventory, new: &SiteInventory) -> bool {
    let vm = |(old, new): (&VmInfo, &VmInfo)| {
        (&old.vm, &old.name, &old.identity) == (&new.vm, &new.name, &new.identity)
    };
    let replica = |(old, new): (&ReplicaRow, &ReplicaRow)| {
        (&old.id, &old.vm, &old.original) == (&new.id, &new.vm, &new.original)
            && (old.on_hold, &old.protected, &old.job) == (new.on_hold, &new.protected, &new.job)
    };
    (&old.site, &old.name, &old.jobs) == (&new.site, &new.name, &new.jobs)
        && old.vms.len() == new.vms.len()
        && old.vms.iter().zip(&new.vms).all(vm)
        && old.replicas.len() == new.replicas.len()
        && old.replicas.iter().zip(&new.replicas).all(replica)
}

#[cfg(test)]
mod tests {
    //! What may be shared between two readings, and what may not.

    use model::{ByteCount, JobId, VmRef};
    use store::KnownProtectedVms;

    use super::*;
    use crate::tests::fixture::{dr, production};

    fn sites() -> Vec<SiteInventory> {
        vec![production(), dr()]
    }

    fn shared(change: impl FnOnce(&mut Vec<SiteInventory>)) -> bool {
        let read = |sites: Vec<SiteInventory>| sites.into_iter().map(Arc::new).collect::<Vec<_>>();
        let index = Index::of(read(sites()), &KnownProtectedVms::default());
        let mut newer = sites();
        change(&mut newer);
        let renewed = index.renewed(&read(newer.clone()));
        if let Some(renewed) = &renewed {
            for site in &newer {
                for vm in &site.vms {
                    assert_eq!(renewed.vm(&vm.vm), Some(vm), "the newer one is found");
                }
                for replica in &site.replicas {
                    assert_eq!(renewed.replica(&replica.id), Some(replica));
                }
            }
        }
        renewed.is_some()
    }

    #[test]
    fn places_are_kept_until_something_stands_elsewhere_or_is_called_otherwise() {
        assert!(shared(|_| {}));
        assert!(shared(|sites| {
            sites[0].free = ByteCount(1);
            sites[0].vms[0].disks[0].allocated = ByteCount(1);
            sites[1].replicas[0].written_since = None;
        }));
        type Change = fn(&mut Vec<SiteInventory>);
        let changes: [Change; 11] = [
            |sites| drop(sites.pop()),
            |sites| sites.swap(0, 1),
            |sites| drop(sites[0].vms.pop()),
            |sites| sites[0].vms.swap(0, 1),
            |sites| sites[0].vms[0].name.push('2'),
            |sites| sites[0].vms[0].identity = Some("another".to_owned()),
            |sites| sites[0].name.push('2'),
            |sites| sites[1].jobs[0].held ^= true,
            |sites| sites[1].replicas[0].on_hold ^= true,
            |sites| sites[1].replicas[0].job = JobId::new("another"),
            |sites| {
                sites[1].replicas[0].original = VmRef {
                    site: sites[0].site.clone(),
                    platform_id: "another".to_owned(),
                };
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(!shared(change), "change {number}");
        }
    }
}
