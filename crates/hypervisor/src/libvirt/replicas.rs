//! Pairs: a DR VM that other tools made of an original VM, registered by hand. The record lies in
//! the DR VM's own domain.

use std::collections::BTreeSet;

use model::{DiskKey, JobId, NewPair, ProtectedVmId, ReplicaId, ReplicaState, RestorePoint, VmRef};
use uuid::Uuid;

use super::{Libvirt, cell::Cell, lock, record::ReplicaEntry};
use crate::{KeptPoint, PlatformError, ReplicaRecord, clock::now};

impl Libvirt {
    /// Registers a pair, or changes what was registered of the replica.
    ///
    /// # Errors
    /// When a VM or disk is not there, a disk is paired twice, or the replica is held.
    pub fn register_pair(&self, pair: &NewPair) -> Result<ReplicaId, PlatformError> {
        // Both are looked at first: nothing is written where one is missing.
        let original = self.look(&pair.original)?;
        self.change(&pair.replica, |cell| {
            check(cell, &original, pair)?;
            let before = cell.record().replica.clone();
            let entry = ReplicaEntry {
                id: before.as_ref().map_or_else(
                    || ReplicaId::new(Uuid::now_v7().to_string()),
                    |it| it.id.clone(),
                ),
                protected: before.as_ref().map_or_else(
                    || ProtectedVmId::new(Uuid::now_v7().to_string()),
                    |it| it.protected.clone(),
                ),
                original: pair.original.clone(),
                job: JobId::new(format!("registered-{}", pair.replica.site)),
                state: cell.runs().then_some(ReplicaState::Failover),
                on_hold: false,
                restore_point: None,
                running_since: cell.runs().then(now),
                disk_pairs: pair.disk_pairs.clone(),
            };
            let id = entry.id.clone();
            let mut record = cell.record().clone();
            record.replica = Some(entry);
            cell.save(record)?;
            self.remember(&id, &cell.vm);
            Ok(id)
        })
    }

    /// Forgets a pair; nothing else of the VM changes. One that is not registered is fine.
    ///
    /// # Errors
    /// When the VM cannot be read or is held.
    pub fn forget_pair(&self, replica: &VmRef) -> Result<(), PlatformError> {
        self.change(replica, |cell| {
            let mut record = cell.record().clone();
            record.replica = None;
            cell.save(record)
        })
    }

    /// Where a replica is, for the calls that name it by its id.
    pub(super) fn remember(&self, id: &ReplicaId, vm: &VmRef) {
        lock(&self.inner.replicas).insert(id.clone(), vm.clone());
    }

    fn replica_vm(&self, id: &ReplicaId) -> Result<VmRef, PlatformError> {
        let known = |this: &Self| lock(&this.inner.replicas).get(id).cloned();
        if let Some(vm) = known(self) {
            return Ok(vm);
        }
        let mut unread = None;
        for site in self.site_ids() {
            // It may be at another one.
            unread = self.read_site(&self.site(&site)?).err().or(unread);
            if let Some(vm) = known(self) {
                return Ok(vm);
            }
        }
        Err(unread.unwrap_or_else(|| PlatformError::NoReplica(id.clone())))
    }

    /// Changes what is recorded of a replica.
    pub(super) fn update_replica(
        &self,
        id: &ReplicaId,
        change: impl FnOnce(&Cell, &mut ReplicaEntry) -> Result<(), PlatformError>,
    ) -> Result<(), PlatformError> {
        let vm = self.replica_vm(id)?;
        self.change(&vm, |cell| {
            let mut record = cell.record().clone();
            let entry = record.replica.as_mut().filter(|entry| entry.id == *id);
            let entry = entry.ok_or_else(|| PlatformError::NoReplica(id.clone()))?;
            change(cell, entry)?;
            cell.save(record)
        })
    }
}

/// Records a state, and a point that is kept.
pub(super) fn set_state(
    cell: &Cell,
    entry: &mut ReplicaEntry,
    state: ReplicaState,
    kept: Option<KeptPoint<'_>>,
) -> Result<(), PlatformError> {
    if let Some(kept) = kept {
        let point = cell.find_point(kept.name)?;
        entry.restore_point = Some(RestorePoint {
            name: point.name.clone(),
            taken_at: point.taken_at,
            replica_epoch: kept.common.then_some(point.epoch),
            // libvirt has no record of what is written to a production VM that nobody froze.
            production_epoch: None,
        });
    }
    entry.state = Some(state);
    entry.running_since = match state {
        ReplicaState::Ready | ReplicaState::Processing => None,
        ReplicaState::Failover => entry.running_since.or_else(|| Some(now())),
    };
    Ok(())
}

impl Cell {
    /// The replica that it is, if it is one. One that runs serves in production's place, whoever
    /// started it.
    pub(super) fn replica(&self) -> Option<ReplicaRecord> {
        let entry = self.record().replica.clone()?;
        let recorded = entry.state.unwrap_or(ReplicaState::Ready);
        Some(ReplicaRecord {
            id: entry.id,
            protected: entry.protected,
            vm: self.vm.clone(),
            original: entry.original,
            state: if self.runs() {
                ReplicaState::Failover
            } else {
                recorded
            },
            job: entry.job,
            on_hold: entry.on_hold,
            restore_point: entry.restore_point,
            running_since: entry.running_since,
            disk_pairs: entry.disk_pairs,
            stored_policy: None,
        })
    }
}

fn check(replica: &Cell, original: &Cell, pair: &NewPair) -> Result<(), PlatformError> {
    if replica.vm == original.vm {
        return Err(replica.unexpected("a VM is no copy of itself. Choose its original"));
    }
    if let Some(holder) = &replica.record().held_by {
        return Err(replica.held(holder));
    }
    let mut seen = (BTreeSet::new(), BTreeSet::new());
    for disks in &pair.disk_pairs {
        replica.disk(&disks.replica)?;
        original.disk(&disks.production)?;
        let once = |seen: &mut BTreeSet<DiskKey>, key: &DiskKey| seen.insert(key.clone());
        if !once(&mut seen.0, &disks.replica) || !once(&mut seen.1, &disks.production) {
            return Err(replica.unexpected(format!(
                "disk {} or {} is paired twice. Pair each disk once",
                disks.replica, disks.production
            )));
        }
    }
    Ok(())
}
