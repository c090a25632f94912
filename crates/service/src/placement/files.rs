//! Where configuration files and disks lie, and how disks take their space.

use model::{DISK_TYPE_SINCE_HARDWARE, Datastore, DatastoreId, DiskInfo, DiskType, VmInfo};
use store::{PlacementChoice, SeedChoice};

use super::{
    Pick, Placed, PlacedDisk, Row,
    find::{host_name, tell},
    problem::Problem,
    reach::Reach,
};

/// Places configuration files and disks.
pub(super) fn place(vm: &mut Placed<'_>, choice: &PlacementChoice, reach: Option<&Reach<'_>>) {
    let (source, original) = (vm.subject.source, vm.subject.original);
    let of_original = original.and_then(|it| it.placement.config_datastore.as_ref());
    vm.config = Pick::of(choice.config_datastore.as_ref(), || {
        reach.and_then(|reach| proposal(reach, of_original))
    });
    let config = vm.config.clone();
    check(vm, Row::Config, &config, reach);
    for disk in &source.disks {
        let chosen = choice.disks.get(&disk.key);
        let pair = original.and_then(|it| it.disks.iter().find(|other| other.key == disk.key));
        let same = pair.and_then(|pair| pair.datastore.as_ref());
        let datastore = Pick::of(chosen.and_then(|it| it.datastore.as_ref()), || {
            reach.and_then(|reach| proposal(reach, same.or(vm.config.value.as_ref())))
        });
        let disk_type = Pick::of(chosen.and_then(|it| it.disk_type.as_ref()), || {
            Some(DiskType::AsSource)
        });
        let seed = Pick::of(chosen.and_then(|it| it.seed.as_ref()), || {
            Some(SeedChoice::Nothing)
        });
        let of_original = copied(vm, disk);
        let row = Row::Disk(disk.key.clone());
        check(vm, row.clone(), &datastore, reach);
        if seed.value == Some(SeedChoice::Original) && of_original.is_none() {
            tell(vm, row.clone(), Problem::SeedGone);
        }
        if let Some(version) = fixed_type(source)
            && disk_type.value != Some(DiskType::AsSource)
        {
            tell(vm, row, Problem::DiskTypeFixed { version });
        }
        vm.disks.push(PlacedDisk {
            source: disk,
            datastore,
            disk_type,
            seed,
            original: of_original,
        });
    }
}

/// The original's disk, where it is at the site of the new VM and as large.
fn copied<'a>(vm: &Placed<'a>, disk: &DiskInfo) -> Option<&'a DiskInfo> {
    let original = vm.subject.original?;
    let here = vm.site.is_some_and(|site| site.site == original.vm.site);
    let pair = vm.subject.pairs.iter().find(|it| it.replica == disk.key);
    let key = pair.map_or(&disk.key, |pair| &pair.production);
    let mut disks = original.disks.iter().filter(|_| here);
    disks.find(|it| it.key == *key && it.size == disk.size)
}

/// The version of virtual hardware that is too old for disk types to be chosen.
pub(crate) fn fixed_type(source: &VmInfo) -> Option<u32> {
    let version = source.placement.hardware_version;
    version.filter(|version| *version < DISK_TYPE_SINCE_HARDWARE)
}

/// The same as before where it is reached, else the one with the most room.
fn proposal(reach: &Reach<'_>, same: Option<&DatastoreId>) -> Option<DatastoreId> {
    if let Some(same) = same.filter(|id| reach.datastores().any(|it| it.id == **id)) {
        return Some(same.clone());
    }
    // The first of those with the most room.
    let roomiest = |best: &'_ Datastore, it: &'_ Datastore| it.free > best.free;
    let found = reach
        .datastores()
        .reduce(|best, it| if roomiest(best, it) { it } else { best });
    found.map(|it| it.id.clone())
}

fn check(vm: &mut Placed<'_>, row: Row, pick: &Pick<DatastoreId>, reach: Option<&Reach<'_>>) {
    let (Some(site), Some(reach)) = (vm.site, reach) else {
        return;
    };
    let host = host_name(vm);
    let problem = match &pick.value {
        None => Some(Problem::NoDatastore { host }),
        Some(id) => match site.resources.datastores.iter().find(|it| it.id == *id) {
            None => Some(Problem::DatastoreGone { id: id.to_string() }),
            Some(_) if reach.reaches_datastore(id) => None,
            Some(datastore) => Some(Problem::DatastoreElsewhere {
                datastore: datastore.name.clone(),
                host,
            }),
        },
    };
    if let Some(problem) = problem {
        tell(vm, row, problem);
    }
}
