//! The VM to be made, from a place that is complete.

use model::{NewAdapter, NewDisk, NewVm, SeedDisk, VmRef};
use store::{FolderChoice, NetworkChoice, PoolChoice};

use super::{Placed, STEPS};

impl Placed<'_> {
    /// The VM to be made; none while a choice is missing or something stands against it. It is
    /// named by its replica until [`NewVm::made_by`] names it.
    pub(crate) fn spec(&self) -> Option<NewVm> {
        if STEPS.iter().any(|step| !self.is_complete(*step)) {
            return None;
        }
        let source = self.subject.source;
        Some(NewVm {
            vm: VmRef {
                site: self.site?.site.clone(),
                platform_id: format!("of-{}", self.subject.replica),
            },
            name: self.name.value.clone()?,
            compute: self.compute.value.clone()?,
            pool: match self.pool.value.clone()? {
                PoolChoice::Top => None,
                PoolChoice::In(id) => Some(id),
            },
            folder: match self.folder.value.clone()? {
                FolderChoice::Top => None,
                FolderChoice::In(id) => Some(id),
            },
            config_datastore: self.config.value.clone()?,
            disks: self.new_disks()?,
            adapters: self.new_adapters()?,
            restore_tags: self.restore_tags.value?,
            tags: source.tags.clone(),
            cpus: source.cpus,
            memory: source.memory,
            firmware: source.firmware,
            hardware_version: source.placement.hardware_version,
            change_tracking: source.change_tracking,
            like: Some(source.vm.clone()),
        })
    }

    fn new_disks(&self) -> Option<Vec<NewDisk>> {
        let (disks, original) = (self.disks.iter(), self.subject.original);
        disks
            .map(|disk| {
                Some(NewDisk {
                    key: disk.source.key.clone(),
                    name: disk.source.name.clone(),
                    size: disk.source.size,
                    sector: disk.source.sector,
                    format: disk.source.format,
                    slot: disk.source.slot.clone(),
                    datastore: disk.datastore.value.clone()?,
                    disk_type: disk.disk_type.value?,
                    seed: disk.seed().zip(original).map(|(seed, original)| SeedDisk {
                        vm: original.vm.clone(),
                        disk: seed.key.clone(),
                    }),
                })
            })
            .collect()
    }

    fn new_adapters(&self) -> Option<Vec<NewAdapter>> {
        let adapters = self.subject.source.adapters.iter().zip(&self.adapters);
        adapters
            .map(|(source, picks)| {
                Some(NewAdapter {
                    source: source.clone(),
                    network: match picks.network.value.clone()? {
                        NetworkChoice::Disconnected => None,
                        NetworkChoice::To(id) => Some(id),
                    },
                    mac: picks.mac.value?,
                })
            })
            .collect()
    }
}
