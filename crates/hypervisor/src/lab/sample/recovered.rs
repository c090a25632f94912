//! Original VMs that were restored somewhere else by other means, with content of their own.

use std::{fs, path::Path};

use model::{DiskKey, PowerState, SiteId, VmRef};

use super::{
    PRODUCTION, files,
    make::{
        base_name, create_base, disk_file, disk_seed, open, original_file, original_ref,
        sync_directory,
    },
    plan::{DiskPlan, Pair, RecoveredPlan},
};
use crate::{
    PlatformError,
    lab::meta::{self, DiskFile, VmFile},
};

/// KiB that a restored disk has otherwise than the original, as a backup of another day has.
const OTHER_KIB: u64 = 512;

/// Makes the recovered VMs of a pair, after its original. Images come before descriptions.
pub(super) fn make(data_dir: &Path, pair: &Pair) -> Result<(), PlatformError> {
    pair.recovered
        .iter()
        .try_for_each(|plan| one(data_dir, pair, plan))
}

fn one(data_dir: &Path, pair: &Pair, plan: &RecoveredPlan) -> Result<(), PlatformError> {
    let vm = VmRef {
        site: SiteId::new(PRODUCTION),
        platform_id: format!("{}-{}", pair.name, plan.suffix),
    };
    let from = meta::vm_dir(data_dir, &original_ref(pair));
    let to = meta::vm_dir(data_dir, &vm);
    fs::create_dir_all(&to).map_err(|source| meta::io_error("create", &to, source))?;
    for (index, disk) in pair.disks.iter().enumerate() {
        let target = to.join(base_name(disk));
        let seed = disk_seed(pair, disk, plan.suffix);
        match plan
            .other_size_mib
            .filter(|_| index + 1 == pair.disks.len())
        {
            Some(size_mib) => resized(&vm, &target, disk, size_mib, seed)?,
            None => restored(&vm, &from.join(base_name(disk)), &target, disk, seed)?,
        }
    }
    sync_directory(&to)?;
    meta::save_vm(data_dir, &description(pair, plan, &vm))
}

/// The original's disk as it was, with some files otherwise.
fn restored(
    vm: &VmRef,
    source: &Path,
    target: &Path,
    plan: &DiskPlan,
    seed: u64,
) -> Result<(), PlatformError> {
    files::copy_sparse(source, target, 0)
        .map_err(|source| meta::io_error("copy to", target, source))?;
    let disk = open(vm, target, plan.format)?;
    files::diverge(disk, OTHER_KIB, seed, None)
        .map_err(|source| meta::io_error("put files on", target, source))
}

/// A disk of another size.
fn resized(
    vm: &VmRef,
    target: &Path,
    plan: &DiskPlan,
    size_mib: u64,
    seed: u64,
) -> Result<(), PlatformError> {
    create_base(vm, target, plan.format, size_mib)?;
    let disk = open(vm, target, plan.format)?;
    files::populate(&disk, plan, seed, None)
        .map_err(|source| meta::io_error("put files on", target, source))
}

fn description(pair: &Pair, plan: &RecoveredPlan, vm: &VmRef) -> VmFile {
    let last = pair.disks.len().saturating_sub(1);
    let disks = pair.disks.iter().zip(0..).map(|(disk, unit)| {
        let size = plan.other_size_mib.filter(|_| unit as usize == last);
        let file = disk_file(pair, disk, size.unwrap_or(disk.size_mib), unit);
        // The restore gave them keys of their own.
        DiskFile {
            key: DiskKey::new(format!("{}-{}", vm.platform_id, disk.name)),
            ..file
        }
    });
    VmFile {
        disks: disks.collect(),
        power: if plan.on {
            PowerState::On
        } else {
            PowerState::Off
        },
        ..original_file(pair, vm.clone())
    }
}
