//! VMs that the lab makes and removes on somebody's behalf.
//!
//! Images come first, the description last: what a crash leaves has no description, is no VM, and
//! goes when it is asked for again or the lab is opened.

mod seed;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::{PoisonError, RwLockWriteGuard},
};

use model::{
    Adapter, ByteCount, DiskFormat, DiskType, EpochId, MacChoice, NewDisk, NewVm, PowerState,
    VmInfo, VmRef,
};

use super::{
    Lab, Vms,
    meta::{self, DiskFile, VmFile, io_error},
    resources::Place,
    runtime::VmCell,
    state, tracking,
};
use crate::{PlatformError, clock, platform::seed_is_not_copied};

/// The epoch that is open in a VM that was just made.
const FIRST_EPOCH: EpochId = EpochId(1);
/// Bytes that are zeroed at a time.
const CHUNK: u64 = 1 << 20;

impl Lab {
    /// See [`crate::Platform::create_vm`].
    pub(super) fn make_vm(&self, spec: &NewVm, owner: &str) -> Result<Vec<String>, PlatformError> {
        // One at a time: two of the same name must not pass the check together.
        let creation = self.inner.creation.lock();
        let _creation = creation.unwrap_or_else(PoisonError::into_inner);
        if let Ok(cell) = self.cell(&spec.vm) {
            let file = cell.file();
            return if file.created_by.as_deref() == Some(owner) {
                Ok(Vec::new())
            } else {
                Err(state::unexpected(&file, "a VM of that id is there already"))
            };
        }
        let cells = self.inner.cells_at(&spec.vm.site).into_iter();
        let here: Vec<VmInfo> = cells.map(|cell| cell.info()).collect::<Result<_, _>>()?;
        let place = {
            let estate = self.estate();
            let found = estate.sites.iter().find(|site| site.id == spec.vm.site);
            let site = found.ok_or_else(|| PlatformError::NoSite(spec.vm.site.clone()))?;
            Place::find(&site.resources, spec, &here)?
        };
        let directory = meta::vm_dir(self.data_dir(), &spec.vm);
        remove_directory(&directory)?;
        let file = describe(spec, owner, &place, addresses(spec, &here));
        let made = self.write_vm(&directory, spec, &file);
        if made.is_err() {
            // The cause is what is told; what stays goes at the next start.
            drop(remove_directory(&directory));
        }
        let warnings = made?;
        let cell = VmCell::load(self.data_dir(), &spec.vm, self.settings())?;
        self.vms_to_change().insert(spec.vm.clone(), cell);
        Ok(warnings)
    }

    fn vms_to_change(&self) -> RwLockWriteGuard<'_, Vms> {
        self.inner
            .vms
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write_vm(
        &self,
        directory: &Path,
        spec: &NewVm,
        file: &VmFile,
    ) -> Result<Vec<String>, PlatformError> {
        let mut warnings = Vec::new();
        fs::create_dir_all(directory).map_err(|e| io_error("create", directory, e))?;
        for (disk, made) in spec.disks.iter().zip(&file.disks) {
            let image = directory.join(&made.base);
            make_image(&spec.vm, &image, disk)?;
            if let Some(seed) = &disk.seed
                && let Err(error) = self.copy_seed(seed, directory, made)
            {
                warnings.push(seed_is_not_copied(disk, seed, error)?);
                // A part of it may be there.
                fs::remove_file(&image).map_err(|e| io_error("remove", &image, e))?;
                make_image(&spec.vm, &image, disk)?;
            }
            if file.change_tracking {
                let header = tracking::Header {
                    key: made.key.clone(),
                    size: made.size,
                    epoch: file.epoch,
                    opened_at: clock::now(),
                };
                tracking::Bitmap::create(directory, &header)
                    .map_err(|e| io_error("record changes in", directory, e))?;
            }
        }
        meta::sync_parent(directory).map_err(|e| io_error("sync the parent of", directory, e))?;
        meta::save_vm(self.data_dir(), file)?;
        Ok(warnings)
    }

    /// See [`crate::Platform::created_by`].
    pub(super) fn maker(&self, vm: &VmRef) -> Result<Option<String>, PlatformError> {
        match self.cell(vm) {
            Ok(cell) => Ok(cell.file().created_by),
            Err(PlatformError::NoVm(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// See [`crate::Platform::remove_vm`].
    pub(super) fn unmake_vm(&self, vm: &VmRef, owner: &str) -> Result<(), PlatformError> {
        let cell = match self.cell(vm) {
            Ok(cell) => cell,
            Err(PlatformError::NoVm(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let file = cell.file();
        if file.created_by.as_deref() != Some(owner) {
            return Err(state::unexpected(
                &file,
                "somebody else made it, so it is not removed",
            ));
        }
        if file.power != PowerState::Off {
            return Err(PlatformError::MustBeOff { vm: vm.clone() });
        }
        cell.retire();
        self.vms_to_change().remove(vm);
        remove_vm_files(&meta::vm_dir(self.data_dir(), vm))
    }
}

/// Removes what creations and removals left that a crash ended.
pub(super) fn remove_left_overs(site_directory: &Path) -> Result<(), PlatformError> {
    let entries = fs::read_dir(site_directory).map_err(|e| io_error("list", site_directory, e))?;
    for entry in entries {
        let path = entry
            .map_err(|e| io_error("list", site_directory, e))?
            .path();
        if path.is_dir() && !path.join("vm.json").exists() {
            tracing::info!(path = %path.display(), "an unfinished VM is removed");
            remove_directory(&path)?;
        }
    }
    Ok(())
}

/// The description goes first: from then on there is no VM.
fn remove_vm_files(directory: &Path) -> Result<(), PlatformError> {
    let description = directory.join("vm.json");
    match fs::remove_file(&description) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &description, error));
        }
        Ok(()) | Err(_) => {}
    }
    meta::sync_parent(&description).map_err(|e| io_error("sync", directory, e))?;
    remove_directory(directory)
}

fn remove_directory(directory: &Path) -> Result<(), PlatformError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", directory, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The hardware address of each adapter: renewed ones are those of nobody at the site.
fn addresses(spec: &NewVm, here: &[VmInfo]) -> Vec<String> {
    let others = here.iter().flat_map(|vm| &vm.adapters);
    let sources = spec.adapters.iter().map(|it| &it.source);
    let mut taken: BTreeSet<String> = others
        .chain(sources)
        .map(|it| it.mac.to_lowercase())
        .collect();
    let first = xxhash_rust::xxh3::xxh3_64(spec.vm.platform_id.as_bytes());
    let mut numbers = (0..).map(|step| first.wrapping_add(step));
    let mut renewed = || {
        // The prefix of QEMU's own addresses, which no maker of hardware has.
        let free = numbers.by_ref().find_map(|number| {
            let [.., a, b, c] = number.to_be_bytes();
            let mac = format!("52:54:00:{a:02x}:{b:02x}:{c:02x}");
            taken.insert(mac.clone()).then_some(mac)
        });
        free.expect("a site has fewer adapters than there are addresses")
    };
    let adapters = spec.adapters.iter();
    adapters
        .map(|adapter| match adapter.mac {
            MacChoice::Keep => adapter.source.mac.clone(),
            MacChoice::Renew => renewed(),
        })
        .collect()
}

fn describe(spec: &NewVm, owner: &str, place: &Place, addresses: Vec<String>) -> VmFile {
    let adapters = addresses.into_iter().zip(&place.networks);
    VmFile {
        version: 1,
        vm: spec.vm.clone(),
        name: spec.name.clone(),
        identity: None,
        cpus: spec.cpus,
        memory: spec.memory,
        firmware: spec.firmware,
        adapters: adapters
            .map(|(mac, network)| Adapter {
                mac,
                network: network.clone(),
                // The platform set it for the replica's network.
                address: None,
            })
            .collect(),
        tags: if spec.restore_tags {
            spec.tags.clone()
        } else {
            Vec::new()
        },
        storage_policy: place.policy.clone(),
        change_tracking: spec.change_tracking,
        power: PowerState::Off,
        held_by: None,
        write_epoch: 1,
        epoch: FIRST_EPOCH,
        deaf: false,
        idle: false,
        disks: spec.disks.iter().map(describe_disk).collect(),
        points: Vec::new(),
        created_by: Some(owner.to_owned()),
        placement: place.placement.clone(),
    }
}

fn describe_disk(disk: &NewDisk) -> DiskFile {
    let format = image_format(disk);
    let end = format.word();
    DiskFile {
        key: disk.key.clone(),
        name: disk.name.clone(),
        size: disk.size,
        sector: disk.sector,
        base: format!("{}.{end}", tracking::stem(&disk.key)),
        format,
        slot: disk.slot.clone(),
        datastore: Some(disk.datastore.clone()),
        layers: Vec::new(),
    }
}

/// Space can be taken in advance in raw images only.
const fn image_format(disk: &NewDisk) -> DiskFormat {
    match disk.disk_type {
        DiskType::AsSource | DiskType::Thin => disk.format,
        DiskType::ThickLazyZeroed | DiskType::ThickEagerZeroed => DiskFormat::Raw,
    }
}

fn make_image(vm: &VmRef, path: &Path, disk: &NewDisk) -> Result<(), PlatformError> {
    let made = match image_format(disk) {
        DiskFormat::Raw => disk::create_raw(path, disk.size),
        DiskFormat::Qcow2 => disk::create_qcow2(path, disk.size),
    };
    made.map_err(|source| PlatformError::Disk {
        vm: vm.clone(),
        source,
    })?;
    let taken = match disk.disk_type {
        DiskType::AsSource | DiskType::Thin => Ok(()),
        DiskType::ThickLazyZeroed => allocate(path, disk.size),
        DiskType::ThickEagerZeroed => write_zeroes(path, disk.size),
    };
    taken.map_err(|source| io_error("take the space of", path, source))
}

fn allocate(path: &Path, size: ByteCount) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size.0)?;
    file.sync_all()
}

fn write_zeroes(path: &Path, size: ByteCount) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let zeroes = vec![0; usize::try_from(CHUNK).map_err(io::Error::other)?];
    let mut left = size.0;
    while left > 0 {
        let part = usize::try_from(left.min(CHUNK)).map_err(io::Error::other)?;
        file.write_all(&zeroes[..part])?;
        left -= part as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests;
