//! What all chosen VMs together take of each datastore.

use std::collections::BTreeMap;

use model::{ByteCount, Datastore, DatastoreId, DiskType, SiteId};

use store::SiteInventory;

use super::{Placed, PlacedDisk, Row, Space, find::tell, problem::Problem};

/// What the configuration files of a VM take at most, logs included; an estimate.
pub(super) const CONFIG_FILES: ByteCount = ByteCount(1 << 20);

/// What a new disk takes once the replica's data is on it. With what it begins with, that may be
/// apart from the replica's.
pub(super) fn disk_takes(disk: &PlacedDisk<'_>) -> ByteCount {
    let size = disk.source.size;
    let disk_type = disk.disk_type.value.unwrap_or(DiskType::AsSource);
    if disk_type.takes_all_space() {
        return size;
    }
    let copied = disk.seed().map_or(ByteCount::ZERO, |seed| seed.allocated);
    disk.source.allocated.saturating_add(copied).min(size)
}

/// The space that is taken of each datastore that is used, in the order of sites and ids.
pub(super) fn count<'a>(vms: &[Placed<'a>]) -> Vec<Space<'a>> {
    let mut sums: BTreeMap<(&SiteId, &DatastoreId), Space<'a>> = BTreeMap::new();
    let sites: BTreeMap<&SiteId, &'a SiteInventory> = vms
        .iter()
        .filter_map(|vm| vm.site)
        .map(|site| (&site.site, site))
        .collect();
    let known: BTreeMap<(&SiteId, &DatastoreId), (&'a SiteId, &'a Datastore)> = sites
        .into_values()
        .flat_map(|site| {
            let all = site.resources.datastores.iter();
            all.map(|it| ((&site.site, &it.id), (&site.site, it)))
        })
        .collect();
    for vm in vms {
        for (datastore, takes, at_most) in files(vm) {
            let Some(site) = vm.site else { continue };
            let Some((site, datastore)) = known.get(&(&site.site, datastore)) else {
                continue;
            };
            let sum = sums.entry((site, &datastore.id)).or_insert(Space {
                site,
                datastore,
                takes: ByteCount::ZERO,
                at_most: ByteCount::ZERO,
            });
            sum.takes += takes;
            sum.at_most += at_most;
        }
    }
    sums.into_values().collect()
}

/// Every file of a VM: where it lies, what it takes, and what it may take in time.
fn files<'b>(vm: &'b Placed<'_>) -> impl Iterator<Item = (&'b DatastoreId, ByteCount, ByteCount)> {
    let config = vm.config.value.iter();
    let disks = vm.disks.iter().filter_map(|disk| {
        let takes = disk_takes(disk);
        Some((disk.datastore.value.as_ref()?, takes, disk.source.size))
    });
    config
        .map(|datastore| (datastore, CONFIG_FILES, CONFIG_FILES))
        .chain(disks)
}

/// Tells every VM with a file on a datastore that is too small for all of them.
pub(super) fn find_full(vms: &mut [Placed<'_>], space: &[Space<'_>]) {
    let full = space.iter().filter(|it| it.takes > it.datastore.free);
    for it in full {
        for vm in &mut *vms {
            let here = vm.site.is_some_and(|site| site.site == *it.site)
                && files(vm).any(|(datastore, ..)| *datastore == it.datastore.id);
            if here {
                let problem = Problem::DatastoreFull {
                    datastore: it.datastore.name.clone(),
                    takes: it.takes,
                    free: it.datastore.free,
                };
                tell(vm, Row::Vm, problem);
            }
        }
    }
}
