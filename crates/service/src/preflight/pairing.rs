//! Which disk of the production VM each disk of the replica pairs with.

use std::collections::BTreeSet;

use model::{ByteCount, DiskInfo, DiskPair, VmInfo};

/// For each of the replica's disks, the index of its pair at production.
pub(crate) type Pairs = Vec<Option<usize>>;

/// By the keys recorded at replication, and by `recorded` where keys differ.
pub(crate) fn recorded(replica: &VmInfo, production: &VmInfo, recorded: &[DiskPair]) -> Pairs {
    let at_production = |disk: &DiskInfo| {
        let pair = recorded.iter().find(|pair| pair.replica == disk.key);
        let key = pair.map_or(&disk.key, |pair| &pair.production);
        production.disks.iter().position(|other| other.key == *key)
    };
    replica.disks.iter().map(at_production).collect()
}

/// For a VM that replication knows nothing of: by the same key, else by the same controller and
/// unit, else, where neither platform says how disks are attached, by their order.
pub(crate) fn by_layout(replica: &VmInfo, production: &VmInfo) -> Pairs {
    let mut taken = BTreeSet::new();
    let mut pairs: Pairs = replica
        .disks
        .iter()
        .map(|disk| {
            let found = production
                .disks
                .iter()
                .position(|other| other.key == disk.key)?;
            taken.insert(found).then_some(found)
        })
        .collect();
    let unattached = |vm: &VmInfo| vm.disks.iter().all(|disk| disk.slot.is_none());
    let by_order = unattached(replica) && unattached(production);
    for (index, disk) in replica.disks.iter().enumerate() {
        if pairs[index].is_some() {
            continue;
        }
        let found = if by_order {
            (index < production.disks.len()).then_some(index)
        } else {
            let alike = |other: &DiskInfo| disk.slot.is_some() && other.slot == disk.slot;
            production.disks.iter().position(alike)
        };
        pairs[index] = found.filter(|found| taken.insert(*found));
    }
    pairs
}

/// Whether the two have equally many disks, each with a pair of the same size and sector size.
pub(crate) fn fits(replica: &VmInfo, production: &VmInfo) -> bool {
    let size = |vm: &VmInfo| -> ByteCount { vm.disks.iter().map(|disk| disk.size).sum() };
    // Most VMs differ in this, and it is quickly seen.
    replica.disks.len() == production.disks.len()
        && size(replica) == size(production)
        && by_layout(replica, production)
            .into_iter()
            .zip(&replica.disks)
            .all(|(found, disk)| {
                found.is_some_and(|index| {
                    let other = &production.disks[index];
                    (other.size, other.sector) == (disk.size, disk.sector)
                })
            })
}

#[cfg(test)]
mod tests;
