//! What is configured differently on the replica and is not sent. Each item is ticked by name.

use model::{Adapter, DiskInfo, Drift, Firmware, VmInfo};

/// The differences of the replica from production, with the disks that only it has.
pub(super) fn between(
    replica: &VmInfo,
    production: &VmInfo,
    only_on_replica: &[DiskInfo],
) -> Vec<Drift> {
    let mut drift: Vec<Drift> = only_on_replica
        .iter()
        .map(|disk| Drift {
            item: disk.name.clone(),
            what: format!("{}, is not sent.", disk.size),
        })
        .collect();
    drift.extend(hardware(replica, production));
    drift.extend(adapters(replica, production));
    drift.extend(labels(replica, production));
    drift.extend(replica.beside_disks.iter().map(|item| Drift {
        item: item.clone(),
        what: "on no disk, so what changed of it is not sent. Production keeps its own.".to_owned(),
    }));
    drift
}

fn hardware(replica: &VmInfo, production: &VmInfo) -> Vec<Drift> {
    [
        differs("CPU", &replica.cpus, &production.cpus),
        differs("memory", &replica.memory, &production.memory),
        differs(
            "firmware",
            &firmware(replica.firmware),
            &firmware(production.firmware),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn labels(replica: &VmInfo, production: &VmInfo) -> Vec<Drift> {
    let sorted = |tags: &[String]| {
        let mut tags = tags.to_vec();
        tags.sort();
        if tags.is_empty() {
            "none".to_owned()
        } else {
            tags.join(", ")
        }
    };
    // Most have the same in the same order, and it is quickly seen.
    let tags = if replica.tags == production.tags {
        None
    } else {
        differs("tags", &sorted(&replica.tags), &sorted(&production.tags))
    };
    let policy = |vm: &VmInfo| vm.storage_policy.as_deref().unwrap_or("none").to_owned();
    let policies = if replica.storage_policy == production.storage_policy {
        None
    } else {
        differs("storage policy", &policy(replica), &policy(production))
    };
    [tags, policies].into_iter().flatten().collect()
}

/// Adapters by position. Networks of two sites have names of their own, so across sites only
/// whether an adapter is connected is compared.
fn adapters(replica: &VmInfo, production: &VmInfo) -> Vec<Drift> {
    let count = replica.adapters.len().max(production.adapters.len());
    let same_site = replica.vm.site == production.vm.site;
    (0..count)
        .filter(|index| replica.adapters.get(*index) != production.adapters.get(*index))
        .filter_map(|index| {
            let words = |vm: &VmInfo| {
                vm.adapters
                    .get(index)
                    .map_or_else(|| "missing".to_owned(), |it| adapter(it, same_site))
            };
            let item = format!("adapter {}", index + 1);
            differs(&item, &words(replica), &words(production))
        })
        .collect()
}

fn adapter(adapter: &Adapter, name_network: bool) -> String {
    let network = match &adapter.network {
        Some(network) if name_network => format!("on {network}"),
        Some(_) => "connected".to_owned(),
        None => "disconnected".to_owned(),
    };
    let address = adapter
        .address
        .as_deref()
        .map_or_else(String::new, |address| format!(", address {address}"));
    format!("{}, {network}{address}", adapter.mac)
}

const fn firmware(firmware: Firmware) -> &'static str {
    match firmware {
        Firmware::Bios => "BIOS",
        Firmware::Uefi => "UEFI",
    }
}

fn differs<T: PartialEq + std::fmt::Display>(
    item: &str,
    replica: &T,
    production: &T,
) -> Option<Drift> {
    (replica != production).then(|| Drift {
        item: item.to_owned(),
        what: format!(
            "{replica} on the replica, {production} on production. Production keeps its own."
        ),
    })
}
