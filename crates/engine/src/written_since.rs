//! What change tracking says was written since a replica and its original held the same.

use std::{collections::BTreeMap, sync::Arc};

use blockmap::RangeSet;
use hypervisor::{Platform, PlatformError, Ranges, ReplicaRecord};
use model::{ByteCount, CommonPoint, DiskKey, EpochId, ReplicaState, VmInfo, VmRef, WrittenSince};

/// Of a replica in Failover with a common point; none of others.
pub(crate) fn of(
    record: &ReplicaRecord,
    vms: &BTreeMap<&VmRef, &VmInfo>,
    replica: &dyn Platform,
    all: &[Arc<dyn Platform>],
) -> Option<WrittenSince> {
    if record.state != ReplicaState::Failover {
        return None;
    }
    let common = record.restore_point.as_ref()?.common()?;
    let vm = vms.get(&record.vm)?;
    let site = &record.original.site;
    let production = all.iter().find(|it| it.sites().contains(site))?;
    let keys: Vec<(DiskKey, DiskKey)> = vm
        .disks
        .iter()
        .map(|disk| {
            let recorded = record.disk_pairs.iter().find(|it| it.replica == disk.key);
            let pair = recorded.map_or(&disk.key, |it| &it.production);
            (disk.key.clone(), pair.clone())
        })
        .collect();
    Some(sum(
        (replica, &record.vm),
        (production.as_ref(), &record.original),
        &keys,
        common,
    ))
}

type End<'a> = (&'a dyn Platform, &'a VmRef);

fn sum(
    replica: End<'_>,
    production: End<'_>,
    disks: &[(DiskKey, DiskKey)],
    common: CommonPoint,
) -> WrittenSince {
    let (mut at_replica, mut at_production, mut either) =
        (ByteCount::ZERO, ByteCount::ZERO, ByteCount::ZERO);
    for (key, pair) in disks {
        let production = match written(production, pair, common.production) {
            Ok(Some(ranges)) => ranges,
            // Only the replica has it: it is drift, and not looked at.
            Ok(None) => continue,
            Err(why) => return WrittenSince::Broken(format!("disk {pair} at production: {why}")),
        };
        match written(replica, key, common.replica) {
            Ok(Some(ranges)) => {
                at_replica += ranges.total();
                at_production += production.total();
                either += ranges.union(&production).total();
            }
            Ok(None) => {}
            Err(why) => return WrittenSince::Broken(format!("disk {key} at the replica: {why}")),
        }
    }
    WrittenSince::Known {
        replica: at_replica,
        production: at_production,
        either,
    }
}

/// What was written to a disk; none where the VM has no such disk.
fn written(
    (platform, vm): End<'_>,
    disk: &DiskKey,
    since: EpochId,
) -> Result<Option<RangeSet>, String> {
    match platform.ranges_since(vm, disk, since, None) {
        Ok(Ranges::Written(ranges)) => Ok(Some(RangeSet::from_ranges(ranges))),
        Ok(Ranges::Broken(why)) => Err(why),
        Err(PlatformError::NoDisk { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
