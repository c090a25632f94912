//! From what the lists of the steps send to changes of a VM's choices, or why it cannot be.

use model::{
    ApiError, DatastoreId, DiskKey, DiskType, FolderId, NetworkId, PoolId, SiteId, SiteResources,
};
use store::{FolderChoice, NetworkChoice, PoolChoice, SeedChoice};

use crate::{
    placement::{
        self, Change, Placed, Row, files,
        reach::{Reach, compute_name},
        value,
    },
    refusal::{conflict, not_found},
};

pub(super) fn pool_of(vm: &Placed<'_>, _: &[Row], text: &str) -> Result<Vec<Change>, ApiError> {
    if text == value::NONE {
        return Ok(vec![Change::Pool(PoolChoice::Top)]);
    }
    let id = PoolId::new(here(vm, text, "pool")?);
    let change = Change::Pool(PoolChoice::In(id.clone()));
    let (resources, reach) = reached(vm)?;
    let Some(pool) = resources.pools.iter().find(|pool| pool.id == id) else {
        return Err(gone("pool", text));
    };
    if !reach.offers_pool(pool) {
        return Err(elsewhere(
            vm,
            &format!(
                "{} divides {}",
                pool.name,
                compute_name(resources, &pool.of)
            ),
            "Choose a pool of that host, or untick the row.",
        ));
    }
    Ok(vec![change])
}

pub(super) fn datastore_of(
    vm: &Placed<'_>,
    rows: &[Row],
    text: &str,
) -> Result<Vec<Change>, ApiError> {
    let id = DatastoreId::new(here(vm, text, "datastore")?);
    let (resources, reach) = reached(vm)?;
    let Some(datastore) = resources.datastores.iter().find(|it| it.id == id) else {
        return Err(gone("datastore", text));
    };
    if !reach.reaches_datastore(&id) {
        return Err(elsewhere(
            vm,
            &format!("{} is not reached from every host", datastore.name),
            "Choose a datastore that the host reaches, or untick the row.",
        ));
    }
    let mut changes = Vec::new();
    if rows.iter().any(|row| matches!(row, Row::Vm | Row::Config)) {
        changes.push(Change::Config(id.clone()));
    }
    let disks = ticked_disks(vm, rows);
    changes.extend(disks.map(|key| Change::Disk(key, id.clone())));
    Ok(changes)
}

fn ticked_disks<'b>(
    vm: &'b Placed<'_>,
    rows: &'b [Row],
) -> impl Iterator<Item = DiskKey> + use<'b> {
    let keys = vm.disks.iter().map(|disk| disk.source.key.clone());
    keys.filter(|key| rows.contains(&Row::Vm) || rows.contains(&Row::Disk(key.clone())))
}

pub(super) fn disk_type_of(
    vm: &Placed<'_>,
    rows: &[Row],
    text: &str,
) -> Result<Vec<Change>, ApiError> {
    let Some(disk_type) = value::read_disk_type(text) else {
        return Err(gone("disk type", text));
    };
    let disks: Vec<_> = ticked_disks(vm, rows).collect();
    if let Some(version) = files::fixed_type(vm.subject.source)
        && disk_type != DiskType::AsSource
        && !disks.is_empty()
    {
        return Err(conflict(
            format!(
                "{} has virtual hardware {version}, whose disks are as the source has them.",
                vm.subject.source.name
            ),
            "Choose \"As source\", or untick its disks.",
        ));
    }
    let disks = disks.into_iter();
    Ok(disks.map(|key| Change::DiskType(key, disk_type)).collect())
}

pub(super) fn seed_of(vm: &Placed<'_>, rows: &[Row], text: &str) -> Result<Vec<Change>, ApiError> {
    let Some(seed) = value::read_seed(text) else {
        return Err(gone("choice of what disks begin with", text));
    };
    let disks: Vec<_> = ticked_disks(vm, rows).collect();
    let cannot = vm
        .disks
        .iter()
        .find(|it| it.original.is_none() && disks.contains(&it.source.key));
    match cannot {
        Some(disk) if seed == SeedChoice::Original => Err(conflict(
            format!(
                "The original of {} has no disk {} of the same size at the chosen site.",
                vm.subject.source.name, disk.source.name
            ),
            "Choose \"Nothing\", or untick the disk.",
        )),
        Some(_) | None => {
            let disks = disks.into_iter();
            Ok(disks.map(|key| Change::Seed(key, seed)).collect())
        }
    }
}

pub(super) fn folder_of(vm: &Placed<'_>, _: &[Row], text: &str) -> Result<Vec<Change>, ApiError> {
    if text == value::NONE {
        return Ok(vec![Change::Folder(FolderChoice::Top)]);
    }
    let id = FolderId::new(here(vm, text, "folder")?);
    let (resources, reach) = reached(vm)?;
    if !resources.folders.iter().any(|folder| folder.id == id) {
        return Err(gone("folder", text));
    }
    if reach.is_standalone() {
        return Err(elsewhere(
            vm,
            "A standalone host has no folders",
            "Untick the row, or choose a host of a cluster for it.",
        ));
    }
    Ok(vec![Change::Folder(FolderChoice::In(id))])
}

pub(super) fn tags_of(_: &Placed<'_>, _: &[Row], text: &str) -> Result<Vec<Change>, ApiError> {
    match text {
        "yes" => Ok(vec![Change::Tags(true)]),
        "no" => Ok(vec![Change::Tags(false)]),
        _ => Err(gone("choice of tags", text)),
    }
}

pub(super) fn network_of(
    vm: &Placed<'_>,
    rows: &[Row],
    text: &str,
) -> Result<Vec<Change>, ApiError> {
    let network = if text == value::NONE {
        NetworkChoice::Disconnected
    } else {
        let id = NetworkId::new(here(vm, text, "network")?);
        let (resources, reach) = reached(vm)?;
        let Some(network) = resources.networks.iter().find(|it| it.id == id) else {
            return Err(gone("network", text));
        };
        if !reach.reaches_network(&id) {
            return Err(elsewhere(
                vm,
                &format!("{} is not reached from every host", network.name),
                "Choose a network that the host reaches, or untick the row.",
            ));
        }
        NetworkChoice::To(id)
    };
    let adapters = ticked_adapters(vm, rows);
    Ok(adapters
        .map(|mac| Change::Network(mac.clone(), network.clone()))
        .collect())
}

pub(super) fn mac_of(vm: &Placed<'_>, rows: &[Row], text: &str) -> Result<Vec<Change>, ApiError> {
    let Some(choice) = value::read_mac(text) else {
        return Err(gone("choice of hardware addresses", text));
    };
    let adapters = ticked_adapters(vm, rows);
    Ok(adapters
        .map(|mac| Change::Mac(mac.clone(), choice))
        .collect())
}

fn ticked_adapters<'b>(
    vm: &'b Placed<'_>,
    rows: &'b [Row],
) -> impl Iterator<Item = &'b String> + use<'b> {
    let macs = vm.subject.source.adapters.iter().map(|it| &it.mac);
    macs.filter(|mac| rows.contains(&Row::Vm) || rows.contains(&Row::Adapter((*mac).clone())))
}

/// The id of what was sent, where it is at the VM's site.
fn here<'t>(vm: &Placed<'_>, text: &'t str, what: &'static str) -> Result<&'t str, ApiError> {
    let (site, id) = value::read(text).ok_or_else(|| gone(what, text))?;
    match vm.site.map(|site| &site.site) {
        Some(at) if *at == site => Ok(id),
        Some(_) | None => Err(other_site(vm, &site)),
    }
}

fn other_site(vm: &Placed<'_>, site: &SiteId) -> ApiError {
    elsewhere(
        vm,
        &format!("What was chosen is at {site}"),
        "Choose one of the VM's site, or untick the row.",
    )
}

/// What the VM's site offers, and what of it its host reaches.
fn reached<'b>(vm: &'b Placed<'_>) -> Result<(&'b SiteResources, Reach<'b>), ApiError> {
    let found = vm.site.zip(vm.compute.value.as_ref());
    let reach = found
        .and_then(|(site, compute)| Some((&site.resources, Reach::of(&site.resources, compute)?)));
    reach.ok_or_else(|| {
        conflict(
            format!("{} has no host to run on yet.", vm.subject.source.name),
            "Choose its host at Host first.",
        )
    })
}

fn gone(what: &'static str, text: &str) -> ApiError {
    not_found(
        format!("There is no {what} {text} any more."),
        "Choose one from the list.",
    )
}

fn elsewhere(vm: &Placed<'_>, why: &str, next: &str) -> ApiError {
    let host = placement::host_name(vm);
    conflict(
        format!("{why}, and {} is to run on {host}.", vm.subject.source.name),
        next,
    )
}
