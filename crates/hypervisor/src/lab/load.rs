//! From a data directory to a lab in memory: whose it is, what is made where there is nothing, and
//! what is there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::VmRef;

use super::{
    LabSettings, Scale, chain, create as made, jobs,
    lock::LabLock,
    meta::{self, EstateFile},
    resources,
    runtime::VmCell,
    sample, tracking,
};
use crate::PlatformError;

/// The directory of a lab's data, and the lock that makes this process its owner.
pub(super) fn own(data_dir: &Path) -> Result<(PathBuf, LabLock), PlatformError> {
    let data_dir =
        std::path::absolute(data_dir).map_err(|source| meta::io_error("find", data_dir, source))?;
    let lock = LabLock::acquire(&data_dir)?;
    Ok((data_dir, lock))
}

/// Makes a sample estate with the change records of its first epoch.
pub(super) fn create(data_dir: &Path, scale: Scale, vms: u32) -> Result<(), PlatformError> {
    sample::create(data_dir, scale, vms)?;
    let estate = meta::load_estate(data_dir)?;
    for vm in vms_of(data_dir, &estate)? {
        first_records(data_dir, &vm)?;
    }
    Ok(())
}

/// The overlays above the restore point hold what was written since.
pub(super) fn first_records(data_dir: &Path, vm: &VmRef) -> Result<(), PlatformError> {
    let file = meta::load_vm(data_dir, vm)?;
    let directory = meta::vm_dir(data_dir, vm);
    for (index, disk) in file.disks.iter().enumerate() {
        // Generated VMs are made with theirs.
        if !file.change_tracking || file.idle {
            continue;
        }
        let header = tracking::Header {
            key: disk.key.clone(),
            size: disk.size,
            epoch: file.epoch,
            opened_at: model::Timestamp::default(),
        };
        let written = chain::ranges_above(&directory, &file, index, 0)?;
        tracking::Bitmap::create(&directory, &header)
            .and_then(|mut record| record.mark_all(&written))
            .map_err(|source| meta::io_error("record changes in", &directory, source))?;
    }
    Ok(())
}

pub(super) type Vms = BTreeMap<VmRef, Arc<VmCell>>;

pub(super) fn load(
    data_dir: &Path,
    settings: LabSettings,
) -> Result<(EstateFile, Vms), PlatformError> {
    let mut estate = meta::load_estate(data_dir)?;
    jobs::complete(&mut estate);
    for site in &mut estate.sites {
        made::remove_left_overs(&meta::lab_dir(data_dir).join(site.id.as_str()))?;
        if site.resources == model::SiteResources::default() {
            site.resources = resources::of(site.role);
        }
    }
    let mut vms = BTreeMap::new();
    for vm in vms_of(data_dir, &estate)? {
        let cell = VmCell::load(data_dir, &vm, settings)?;
        vms.insert(vm, cell);
    }
    Ok((estate, vms))
}

/// All VMs that have a description.
pub(super) fn vms_of(data_dir: &Path, estate: &EstateFile) -> Result<Vec<VmRef>, PlatformError> {
    let mut vms = Vec::new();
    for site in &estate.sites {
        let directory = meta::lab_dir(data_dir).join(site.id.as_str());
        let mut list = || -> std::io::Result<()> {
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                let name = entry.file_name().into_string();
                if let (Ok(platform_id), true) = (name, entry.path().join("vm.json").exists()) {
                    vms.push(VmRef {
                        site: site.id.clone(),
                        platform_id,
                    });
                }
            }
            Ok(())
        };
        list().map_err(|source| meta::io_error("list", &directory, source))?;
    }
    vms.sort();
    Ok(vms)
}
