//! The lab as a platform.

use disk::Locator;
use model::{
    ByteCount, DiskKey, DiskPair, EpochId, NewVm, PointName, PowerState, ReplicaId, ReplicaState,
    SiteId, TransportMode, VmInfo, VmRef,
};

use super::{
    Lab, chain, jobs,
    meta::{self, EstateFile, ReplicaFile, SiteFile, VmFile, io_error},
    points, resources, restore_point, state,
};
use crate::{
    Capabilities, DiskAt, FirmwareState, Frozen, Inventory, KeptPoint, LayerName, Platform,
    PlatformError, Point, Ranges, ReplicaRecord, clock,
};

impl Platform for Lab {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            platform: "lab",
            transport_modes: vec![TransportMode::DirectStorage],
            change_tracking: true,
            no_quick_rollback: None,
            storage_policies: true,
            creates_vms: true,
            repoints_jobs: true,
            shutdown_timeout: self.inner.settings.shutdown_timeout,
        }
    }

    fn sites(&self) -> Vec<SiteId> {
        self.estate()
            .sites
            .iter()
            .map(|site| site.id.clone())
            .collect()
    }

    fn inventory(&self, site: &SiteId) -> Result<Inventory, PlatformError> {
        let described = {
            let estate = self.estate();
            let found = estate.sites.iter().find(|known| known.id == *site);
            records(
                &estate,
                found.ok_or_else(|| PlatformError::NoSite(site.clone()))?,
            )
        };
        let cells = self.inner.cells_at(site);
        let vms = cells
            .iter()
            .map(|cell| cell.info())
            .collect::<Result<Vec<_>, _>>()?;
        let free = free_space(self)?;
        Ok(Inventory {
            resources: resources::measured(&described.resources, &vms, free),
            free,
            vms,
            ..described
        })
    }

    fn revision(&self, vm: &VmRef) -> Option<u64> {
        self.cell(vm).ok()?.revision()
    }

    fn vm(&self, vm: &VmRef) -> Result<VmInfo, PlatformError> {
        self.cell(vm)?.info()
    }

    fn power_on(&self, vm: &VmRef, holder: Option<&str>) -> Result<(), PlatformError> {
        self.cell(vm)?.power_on(holder)
    }

    fn power_off(&self, vm: &VmRef) -> Result<(), PlatformError> {
        self.cell(vm)?.power_off()
    }

    fn request_shutdown(&self, vm: &VmRef) -> Result<(), PlatformError> {
        self.cell(vm)?.request_shutdown();
        Ok(())
    }

    fn hold(&self, vm: &VmRef, holder: &str) -> Result<(), PlatformError> {
        self.cell(vm)?.hold(holder)
    }

    fn release(&self, vm: &VmRef, holder: &str) -> Result<(), PlatformError> {
        self.cell(vm)?.release(holder)
    }

    fn write_epoch(&self, vm: &VmRef) -> Result<u64, PlatformError> {
        Ok(self.cell(vm)?.file().write_epoch)
    }

    fn freeze(&self, vm: &VmRef, point: &PointName, owner: &str) -> Result<Frozen, PlatformError> {
        points::freeze(&*self.cell(vm)?, point, owner)
    }

    fn points(&self, vm: &VmRef) -> Result<Vec<Point>, PlatformError> {
        Ok(points::points(&self.cell(vm)?.file()))
    }

    fn drop_point(&self, vm: &VmRef, point: &PointName, owner: &str) -> Result<(), PlatformError> {
        points::drop_point(&*self.cell(vm)?, point, owner)
    }

    fn revert(&self, vm: &VmRef, point: &PointName) -> Result<(), PlatformError> {
        points::revert(&*self.cell(vm)?, point)
    }

    fn ranges_since(
        &self,
        vm: &VmRef,
        disk: &DiskKey,
        since: EpochId,
        until: Option<&PointName>,
    ) -> Result<Ranges, PlatformError> {
        points::ranges_since(&*self.cell(vm)?, disk, since, until)
    }

    fn layer_create(
        &self,
        vm: &VmRef,
        layer: &LayerName,
        owner: &str,
    ) -> Result<(), PlatformError> {
        points::layer_create(&*self.cell(vm)?, &layer.0, owner)
    }

    fn layer_exists(&self, vm: &VmRef, layer: &LayerName) -> Result<bool, PlatformError> {
        Ok(chain::find_layer(&self.cell(vm)?.file(), &layer.0).is_some())
    }

    fn layer_merge(&self, vm: &VmRef, layer: &LayerName) -> Result<(), PlatformError> {
        points::layer_merge(&*self.cell(vm)?, &layer.0)
    }

    fn layer_drop(&self, vm: &VmRef, layer: &LayerName) -> Result<(), PlatformError> {
        points::layer_drop(&*self.cell(vm)?, &layer.0)
    }

    fn layer_size(&self, vm: &VmRef, layer: &LayerName) -> Result<ByteCount, PlatformError> {
        let cell = self.cell(vm)?;
        let state = cell.state();
        chain::layer_size(&cell.directory, &state.file, &layer.0).map(ByteCount)
    }

    fn open_disk(
        &self,
        vm: &VmRef,
        disk: &DiskKey,
        at: &DiskAt,
        writer: Option<&str>,
    ) -> Result<Locator, PlatformError> {
        let cell = self.cell(vm)?;
        let file = cell.file();
        if let Some(writer) = writer {
            check_writer(&file, at, writer)?;
        }
        let depth = match at {
            DiskAt::Active => chain::depth(&file),
            DiskAt::Point(point) => points::find(&file, point)?.depth,
        };
        let found = file.disks.iter().find(|known| known.key == *disk);
        found
            .map(|found| chain::locator(&cell.directory, found, depth))
            .ok_or_else(|| PlatformError::NoDisk {
                vm: vm.clone(),
                disk: disk.clone(),
            })
    }

    fn set_replication_hold(
        &self,
        replica: &ReplicaId,
        on_hold: bool,
    ) -> Result<(), PlatformError> {
        self.update_replica(replica, |record| record.on_hold = on_hold)
    }

    fn set_replica_state(
        &self,
        replica: &ReplicaId,
        state: ReplicaState,
        kept: Option<KeptPoint<'_>>,
    ) -> Result<(), PlatformError> {
        let record = self.replica(replica)?;
        let kept = kept
            .map(|point| self.kept_point(&record, point))
            .transpose()?;
        self.update_replica(replica, |record| set_state(record, state, kept))
    }

    fn create_vm(&self, spec: &NewVm, owner: &str) -> Result<Vec<String>, PlatformError> {
        self.make_vm(spec, owner)
    }

    fn firmware_state(&self, vm: &VmRef) -> Result<FirmwareState, PlatformError> {
        self.read_firmware(vm)
    }

    fn set_firmware_state(
        &self,
        vm: &VmRef,
        state: &FirmwareState,
    ) -> Result<Vec<String>, PlatformError> {
        self.write_firmware(vm, state)
    }

    fn created_by(&self, vm: &VmRef) -> Result<Option<String>, PlatformError> {
        self.maker(vm)
    }

    fn remove_vm(&self, vm: &VmRef, owner: &str) -> Result<(), PlatformError> {
        self.unmake_vm(vm, owner)
    }

    fn set_storage_policy(&self, vm: &VmRef, policy: Option<&str>) -> Result<(), PlatformError> {
        let cell = self.cell(vm)?;
        if let Some(name) = policy.filter(|name| !resources::has_policy(name)) {
            return Err(PlatformError::NoResource {
                site: vm.site.clone(),
                kind: "storage policy",
                id: name.to_owned(),
            });
        }
        cell.set_storage_policy(policy)
    }

    fn repoint_jobs(
        &self,
        replica: &ReplicaId,
        to: &VmRef,
        pairs: &[DiskPair],
    ) -> Result<(), PlatformError> {
        jobs::repoint(self, replica, to, pairs)
    }
}

impl Lab {
    /// A point of the replica, with the epochs of both sides where they hold the same.
    fn kept_point(
        &self,
        record: &ReplicaFile,
        point: KeptPoint<'_>,
    ) -> Result<model::RestorePoint, PlatformError> {
        // Asked for a second time, it is as it was recorded.
        if let Some(known) = &record.restore_point
            && known.name == *point.name
        {
            return Ok(known.clone());
        }
        let production = self.cell(&record.original).ok().filter(|_| point.common);
        restore_point(&*self.cell(&record.vm)?, production.as_deref(), point.name)
    }
}

fn set_state(record: &mut ReplicaFile, state: ReplicaState, kept: Option<model::RestorePoint>) {
    record.state = state;
    if let Some(kept) = kept {
        record.restore_point = Some(kept);
    }
    record.running_since = match state {
        ReplicaState::Ready | ReplicaState::Processing => None,
        ReplicaState::Failover => record.running_since.or_else(|| Some(clock::now())),
    };
}

/// What the estate's description says of a site.
fn records(estate: &EstateFile, site: &SiteFile) -> Inventory {
    let here = estate
        .replicas
        .iter()
        .filter(|replica| replica.vm.site == site.id);
    let replicas: Vec<_> = here.map(record).collect();
    let jobs = jobs::of_site(estate, site);
    Inventory {
        site: site.id.clone(),
        name: site.name.clone(),
        role: site.role,
        free: ByteCount::ZERO,
        vms: Vec::new(),
        replicas,
        jobs,
        resources: site.resources.clone(),
    }
}

fn record(replica: &ReplicaFile) -> ReplicaRecord {
    ReplicaRecord {
        id: replica.id.clone(),
        protected: replica.protected.clone(),
        vm: replica.vm.clone(),
        original: replica.original.clone(),
        state: replica.state,
        job: replica.job.clone(),
        on_hold: replica.on_hold,
        restore_point: replica.restore_point.clone(),
        running_since: replica.running_since,
        disk_pairs: replica.disk_pairs.clone(),
        stored_policy: replica.stored_policy.clone(),
    }
}

fn free_space(lab: &Lab) -> Result<ByteCount, PlatformError> {
    let directory = meta::lab_dir(lab.data_dir());
    let about = rustix::fs::statvfs(&directory)
        .map_err(|errno| io_error("find the free space of", &directory, errno.into()))?;
    Ok(ByteCount(about.f_bavail.saturating_mul(about.f_frsize)))
}

fn check_writer(file: &VmFile, at: &DiskAt, writer: &str) -> Result<(), PlatformError> {
    if file.power != PowerState::Off {
        return Err(PlatformError::MustBeOff {
            vm: file.vm.clone(),
        });
    }
    match &file.held_by {
        Some(holder) if holder == writer => {}
        Some(holder) => return Err(state::held(file, holder)),
        None => return Err(state::held(file, "nobody")),
    }
    match at {
        DiskAt::Active => Ok(()),
        DiskAt::Point(point) => Err(state::unexpected(
            file,
            format!("point {point} is never written to"),
        )),
    }
}
