//! One change of one VM's choices, and the changes that taking what is proposed amounts to.

use model::{Compute, DatastoreId, DiskKey, DiskType, MacChoice, SiteId, view::WizardStep};
use store::{FolderChoice, NetworkChoice, PlacementChoice, PoolChoice, SeedChoice};

use super::{Pick, Placed};

/// A change of the choices for one VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Name(String),
    Compute(SiteId, Compute),
    Pool(PoolChoice),
    Config(DatastoreId),
    Disk(DiskKey, DatastoreId),
    DiskType(DiskKey, DiskType),
    Seed(DiskKey, SeedChoice),
    Folder(FolderChoice),
    Tags(bool),
    Network(String, NetworkChoice),
    Mac(String, MacChoice),
}

impl Change {
    pub(crate) fn apply(&self, choice: &mut PlacementChoice) {
        match self.clone() {
            Self::Name(name) => choice.name = Some(name),
            Self::Compute(site, compute) => choice.compute = Some((site, compute)),
            Self::Pool(pool) => choice.pool = Some(pool),
            Self::Config(datastore) => choice.config_datastore = Some(datastore),
            Self::Disk(key, datastore) => {
                choice.disks.entry(key).or_default().datastore = Some(datastore);
            }
            Self::DiskType(key, disk_type) => {
                choice.disks.entry(key).or_default().disk_type = Some(disk_type);
            }
            Self::Seed(key, seed) => {
                choice.disks.entry(key).or_default().seed = Some(seed);
            }
            Self::Folder(folder) => choice.folder = Some(folder),
            Self::Tags(restore) => choice.restore_tags = Some(restore),
            Self::Network(mac, network) => drop(choice.networks.insert(mac, network)),
            Self::Mac(mac, which) => drop(choice.macs.insert(mac, which)),
        }
    }
}

/// What of a step is proposed and not chosen, as the changes that choose it.
pub(crate) fn proposed(vm: &Placed<'_>, step: WizardStep) -> Vec<Change> {
    match step {
        WizardStep::Host => host(vm),
        WizardStep::ResourcePool => one(&vm.pool, Change::Pool).collect(),
        WizardStep::Datastore => files(vm),
        WizardStep::Folder => one(&vm.folder, Change::Folder)
            .chain(one(&vm.restore_tags, Change::Tags))
            .collect(),
        WizardStep::Network => networks(vm),
        WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode
        | WizardStep::Summary => Vec::new(),
    }
}

fn one<T: Clone>(pick: &Pick<T>, change: impl Fn(T) -> Change) -> impl Iterator<Item = Change> {
    pick.proposal().map(change).into_iter()
}

fn host(vm: &Placed<'_>) -> Vec<Change> {
    let site = vm.site.map(|site| site.site.clone());
    let compute = vm.compute.proposal().zip(site);
    compute
        .map(|(compute, site)| Change::Compute(site, compute))
        .into_iter()
        .chain(one(&vm.name, Change::Name))
        .collect()
}

fn files(vm: &Placed<'_>) -> Vec<Change> {
    let disks = vm.disks.iter().flat_map(|disk| {
        let key = &disk.source.key;
        one(&disk.datastore, |it| Change::Disk(key.clone(), it))
            .chain(one(&disk.disk_type, |it| Change::DiskType(key.clone(), it)))
            .chain(one(&disk.seed, |it| Change::Seed(key.clone(), it)))
    });
    one(&vm.config, Change::Config).chain(disks).collect()
}

fn networks(vm: &Placed<'_>) -> Vec<Change> {
    let adapters = vm.subject.source.adapters.iter().zip(&vm.adapters);
    adapters
        .flat_map(|(adapter, picks)| {
            let mac = &adapter.mac;
            one(&picks.network, |it| Change::Network(mac.clone(), it))
                .chain(one(&picks.mac, |it| Change::Mac(mac.clone(), it)))
        })
        .collect()
}
