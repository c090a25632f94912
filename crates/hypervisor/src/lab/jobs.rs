//! The lab's jobs: which VMs each names, and naming another one.

use std::collections::BTreeSet;

use model::{DiskPair, Job, JobId, ReplicaId, VmRef};

use super::{
    Lab,
    meta::{EstateFile, SiteFile},
    no_replica,
};
use crate::PlatformError;

/// The jobs that are shown with a site: those that keep a replica there, and those that keep none
/// and name a VM there.
pub(super) fn of_site(estate: &EstateFile, site: &SiteFile) -> Vec<Job> {
    let keep: BTreeSet<&JobId> = estate.replicas.iter().map(|it| &it.job).collect();
    let here = estate
        .replicas
        .iter()
        .filter(|replica| replica.vm.site == site.id);
    let keep_here: BTreeSet<&JobId> = here.map(|it| &it.job).collect();
    let names = |job: &Job| job.vms.iter().any(|vm| vm.site == site.id);
    estate
        .jobs
        .iter()
        .filter(|job| keep_here.contains(&job.id) || (!keep.contains(&job.id) && names(job)))
        .cloned()
        .collect()
}

/// Fills in the VMs of jobs from before they were recorded.
pub(super) fn complete(estate: &mut EstateFile) {
    for job in &mut estate.jobs {
        if job.vms.is_empty() {
            let kept = estate.replicas.iter().filter(|it| it.job == job.id);
            job.vms = kept.map(|replica| replica.original.clone()).collect();
        }
    }
}

/// See [`crate::Platform::repoint_jobs`].
pub(super) fn repoint(
    lab: &Lab,
    id: &ReplicaId,
    to: &VmRef,
    pairs: &[DiskPair],
) -> Result<(), PlatformError> {
    let production = lab.cell(to)?;
    lab.update_estate(id, |estate| {
        let found = estate.replicas.iter_mut().find(|it| it.id == *id);
        let replica = found.ok_or_else(|| no_replica(id))?;
        let from = std::mem::replace(&mut replica.original, to.clone());
        replica.disk_pairs = pairs.to_vec();
        if from == *to {
            return Ok(());
        }
        // What was recorded of the old one's epochs says nothing of the new one.
        if let Some(point) = &mut replica.restore_point {
            point.production_epoch = production.state().epoch_at(point.taken_at);
        }
        for job in &mut estate.jobs {
            rename(job, &from, to);
        }
        Ok(())
    })
}

/// Names `to` where the job named `from`, once.
fn rename(job: &mut Job, from: &VmRef, to: &VmRef) {
    if !job.vms.contains(from) {
        return;
    }
    let already = job.vms.contains(to);
    job.vms.retain(|vm| vm != from || !already);
    for vm in &mut job.vms {
        if vm == from {
            *vm = to.clone();
        }
    }
}

#[cfg(test)]
mod tests;
