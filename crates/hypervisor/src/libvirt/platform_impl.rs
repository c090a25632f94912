//! libvirt as a platform.

use disk::Locator;
use model::{
    ByteCount, DiskKey, DiskPair, EpochId, NewVm, PointName, ReplicaId, ReplicaState, SiteId,
    TransportMode, VmInfo, VmRef,
};

use super::{Libvirt, replicas};
use crate::{
    Capabilities, DiskAt, FirmwareState, Frozen, Inventory, KeptPoint, LayerName, Platform,
    PlatformError, Point, Ranges,
};

impl Platform for Libvirt {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            platform: "libvirt",
            transport_modes: vec![TransportMode::DirectStorage],
            change_tracking: true,
            no_quick_rollback: Some(
                "libvirt keeps no record of what was written to the production VM since its \
                 replica was made",
            ),
            storage_policies: false,
            creates_vms: true,
            repoints_jobs: true,
            shutdown_timeout: self.inner.settings.shutdown_timeout,
        }
    }

    fn transport_modes(&self, site: &SiteId) -> Vec<TransportMode> {
        let site = self.site(site).ok();
        site.iter().map(|site| site.images.transport()).collect()
    }

    fn sites(&self) -> Vec<SiteId> {
        self.site_ids()
    }

    fn inventory(&self, site: &SiteId) -> Result<Inventory, PlatformError> {
        self.known_site(&self.site(site)?)
    }

    fn vm(&self, vm: &VmRef) -> Result<VmInfo, PlatformError> {
        self.vm_info(vm)
    }

    fn power_on(&self, vm: &VmRef, holder: Option<&str>) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.power_on(holder))
    }

    fn power_off(&self, vm: &VmRef) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.power_off())
    }

    fn request_shutdown(&self, vm: &VmRef) -> Result<(), PlatformError> {
        self.look(vm)?.request_shutdown()
    }

    fn hold(&self, vm: &VmRef, holder: &str) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.hold(holder))
    }

    fn release(&self, vm: &VmRef, holder: &str) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.release(holder))
    }

    fn write_epoch(&self, vm: &VmRef) -> Result<u64, PlatformError> {
        self.change(vm, |cell| cell.write_epoch())
    }

    fn freeze(&self, vm: &VmRef, point: &PointName, owner: &str) -> Result<Frozen, PlatformError> {
        self.change(vm, |cell| cell.freeze(point, owner))
    }

    fn points(&self, vm: &VmRef) -> Result<Vec<Point>, PlatformError> {
        self.change(vm, |cell| Ok(cell.points()))
    }

    fn drop_point(&self, vm: &VmRef, point: &PointName, owner: &str) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.drop_point(point, owner))
    }

    fn revert(&self, vm: &VmRef, point: &PointName) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.revert(point))
    }

    fn ranges_since(
        &self,
        vm: &VmRef,
        disk: &DiskKey,
        since: EpochId,
        until: Option<&PointName>,
    ) -> Result<Ranges, PlatformError> {
        self.look(vm)?.ranges_since(disk, since, until)
    }

    fn layer_create(
        &self,
        vm: &VmRef,
        layer: &LayerName,
        owner: &str,
    ) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.layer_create(&layer.0, owner))
    }

    fn layer_exists(&self, vm: &VmRef, layer: &LayerName) -> Result<bool, PlatformError> {
        Ok(self.look(vm)?.record().find_layer(&layer.0).is_some())
    }

    fn layer_merge(&self, vm: &VmRef, layer: &LayerName) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.layer_merge(&layer.0))
    }

    fn layer_drop(&self, vm: &VmRef, layer: &LayerName) -> Result<(), PlatformError> {
        self.change(vm, |cell| cell.layer_drop(&layer.0))
    }

    fn layer_size(&self, vm: &VmRef, layer: &LayerName) -> Result<ByteCount, PlatformError> {
        Ok(self.look(vm)?.layer_size(&layer.0))
    }

    fn open_disk(
        &self,
        vm: &VmRef,
        disk: &DiskKey,
        at: &DiskAt,
        writer: Option<&str>,
    ) -> Result<Locator, PlatformError> {
        match (at, writer) {
            (DiskAt::Active, Some(writer)) => self.change(vm, |cell| {
                cell.check_writer(writer)?;
                let newest = cell.newest(cell.disk(disk)?)?;
                cell.site.images.open(vm, &newest, true)
            }),
            (DiskAt::Active, None) => {
                let cell = self.look(vm)?;
                let newest = cell.newest(cell.disk(disk)?)?;
                cell.site.images.open(vm, &newest, false)
            }
            (DiskAt::Point(point), None) => {
                let cell = self.look(vm)?;
                let image = cell.frozen_image(disk, point)?;
                cell.site.images.open(vm, &image, false)
            }
            (DiskAt::Point(point), Some(_)) => Err(PlatformError::Unexpected {
                vm: vm.clone(),
                what: format!("point {point} is never written to"),
            }),
        }
    }

    fn set_replication_hold(
        &self,
        replica: &ReplicaId,
        on_hold: bool,
    ) -> Result<(), PlatformError> {
        self.update_replica(replica, |_, entry| {
            entry.on_hold = on_hold;
            Ok(())
        })
    }

    fn set_replica_state(
        &self,
        replica: &ReplicaId,
        state: ReplicaState,
        kept: Option<KeptPoint<'_>>,
    ) -> Result<(), PlatformError> {
        self.update_replica(replica, |cell, entry| {
            replicas::set_state(cell, entry, state, kept)
        })
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
        match self.look(vm) {
            Ok(cell) => Ok(cell.record().created.as_ref().map(|it| it.owner.clone())),
            Err(PlatformError::NoVm(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn remove_vm(&self, vm: &VmRef, owner: &str) -> Result<(), PlatformError> {
        self.unmake_vm(vm, owner)
    }

    fn repoint_jobs(
        &self,
        replica: &ReplicaId,
        to: &VmRef,
        pairs: &[DiskPair],
    ) -> Result<(), PlatformError> {
        self.update_replica(replica, |_, entry| {
            entry.original = to.clone();
            entry.disk_pairs = pairs.to_vec();
            Ok(())
        })
    }
}
