//! Making a VM from a replica's configuration, and removing one that was made.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{
    DatastoreId, DiskType, Firmware, MacChoice, NewAdapter, NewDisk, NewVm, SeedDisk, VmRef,
};
use roxmltree::Document;

use super::{
    Libvirt, Site, alike,
    domain::{Domain, child, text},
    domain_uuid,
    edit::escape,
    images::{self, Images},
    record::{Created, Image, VmRecord},
};
use crate::{PlatformError, platform::seed_is_not_copied};

impl Libvirt {
    /// See [`crate::Platform::create_vm`].
    pub(super) fn make_vm(&self, spec: &NewVm, owner: &str) -> Result<Vec<String>, PlatformError> {
        let site = self.site(&spec.vm.site)?;
        let operation = site.operation(domain_uuid(&spec.vm.platform_id));
        let _operation = super::lock(&operation);
        match self.look(&spec.vm) {
            Ok(cell) => {
                let maker = cell.record().created.as_ref().map(|it| it.owner.as_str());
                return if maker == Some(owner) {
                    Ok(Vec::new())
                } else {
                    Err(cell.unexpected("a VM of that id was made by somebody else"))
                };
            }
            Err(PlatformError::NoVm(_)) => {}
            Err(error) => return Err(error),
        }
        let names = site
            .virsh
            .run(&["list", "--all", "--name"])
            .map_err(|error| site.failed(None, error))?;
        if names.lines().any(|name| name.trim() == spec.name) {
            return Err(PlatformError::NameTaken {
                site: spec.vm.site.clone(),
                name: spec.name.clone(),
            });
        }
        self.make_with_disks(&site, spec, owner)
    }

    fn make_with_disks(
        &self,
        site: &Arc<Site>,
        spec: &NewVm,
        owner: &str,
    ) -> Result<Vec<String>, PlatformError> {
        let paths: Vec<PathBuf> = spec
            .disks
            .iter()
            .enumerate()
            .map(|(index, disk)| Ok(directory(site, &disk.datastore)?.join(file_name(spec, index))))
            .collect::<Result<_, PlatformError>>()?;
        let made = self.make_images(site, spec, &paths).and_then(|warnings| {
            let xml = self.definition(site, spec, owner, &paths)?;
            define(site, &xml).map(|()| warnings)
        });
        *super::lock(&site.read) = None;
        if made.is_err() {
            site.images.remove(paths.iter().map(PathBuf::as_path));
        }
        made
    }

    /// What the replica's configuration says, where its host is one of libvirt; else what the choices
    /// say.
    fn definition(
        &self,
        site: &Site,
        spec: &NewVm,
        owner: &str,
        paths: &[PathBuf],
    ) -> Result<String, PlatformError> {
        let record = VmRecord {
            created: Some(Created {
                id: spec.vm.platform_id.clone(),
                owner: owner.to_owned(),
            }),
            ..VmRecord::default()
        };
        let like = spec.like.as_ref();
        let known = like.and_then(|like| Some((like, self.site(&like.site).ok()?)));
        let Some((like, replica)) = known else {
            return xml(spec, &record, paths, &virt_type(site)?);
        };
        let uuid = domain_uuid(&like.platform_id).to_string();
        let configured = replica
            .virsh
            .run(&["dumpxml", "--inactive", "--security-info", &uuid])
            .map_err(|error| replica.failed(None, error))?;
        let disks = spec.disks.iter().zip(paths);
        let images: Vec<(String, Image)> = disks
            .map(|(disk, path)| {
                let image = Image {
                    path: path.clone(),
                    format: disk.format,
                };
                (disk.key.as_str().to_owned(), image)
            })
            .collect();
        alike::definition(&configured, spec, &images, &record).map_err(|error| {
            PlatformError::Unexpected {
                vm: spec.vm.clone(),
                what: format!("it cannot be made like {like}: {error}"),
            }
        })
    }

    fn make_images(
        &self,
        site: &Site,
        spec: &NewVm,
        paths: &[PathBuf],
    ) -> Result<Vec<String>, PlatformError> {
        let mut warnings = Vec::new();
        for (disk, path) in spec.disks.iter().zip(paths) {
            let preallocation = match disk.disk_type {
                DiskType::AsSource | DiskType::Thin => "off",
                DiskType::ThickLazyZeroed => "falloc",
                DiskType::ThickEagerZeroed => "full",
            };
            let image = Image {
                path: path.clone(),
                format: disk.format,
            };
            let what = format!("make disk {}", disk.name);
            let images = &site.images;
            let make = || {
                // A copy that nobody waits for any more may still write: then to a file that is gone.
                images.remove(std::iter::once(path.as_path()));
                images.make(&spec.vm, &what, &image, disk.size, preallocation)
            };
            make()?;
            if let Some(seed) = &disk.seed
                && let Err(error) = self.copy_seed(images, seed, &image)
            {
                warnings.push(seed_is_not_copied(disk, seed, error)?);
                make()?;
            }
        }
        Ok(warnings)
    }

    /// Copies at the host what the seed holds now.
    fn copy_seed(&self, images: &Images, seed: &SeedDisk, to: &Image) -> Result<(), PlatformError> {
        let no_disk = || PlatformError::NoDisk {
            vm: seed.vm.clone(),
            disk: seed.disk.clone(),
        };
        let mut newest = self.look(&seed.vm)?.newest_of_all()?;
        let from = newest.remove(seed.disk.as_str()).ok_or_else(no_disk)?;
        let what = format!("copy disk {} of {}", seed.disk, seed.vm);
        images.copy(&seed.vm, &what, &from, to)
    }

    /// See [`crate::Platform::remove_vm`].
    pub(super) fn unmake_vm(&self, vm: &VmRef, owner: &str) -> Result<(), PlatformError> {
        let removed = self.change(vm, |cell| {
            match &cell.record().created {
                Some(created) if created.owner == owner => {}
                Some(_) | None => {
                    return Err(cell.unexpected("this session did not make it; it stays"));
                }
            }
            cell.must_be_off()?;
            let own = cell.id();
            let record = cell.record();
            let mut files: Vec<PathBuf> = cell
                .newest_of_all()?
                .into_values()
                .map(|it| it.path)
                .collect();
            files.extend(record.bases.values().map(|it| it.path.clone()));
            files.extend(
                record
                    .layers
                    .iter()
                    .flat_map(|it| it.files.values().cloned()),
            );
            // What was attached to it since is not its own.
            files.retain(|path| {
                let name = path.file_name().unwrap_or_default();
                name.to_string_lossy().starts_with(&own)
            });
            let id = cell.id();
            cell.virsh(&[
                "undefine",
                &id,
                "--managed-save",
                "--snapshots-metadata",
                "--nvram",
            ])?;
            cell.site.images.remove(files.iter().map(PathBuf::as_path));
            Ok(())
        });
        match removed {
            Err(PlatformError::NoVm(_)) => Ok(()),
            other => other,
        }
    }
}

/// The name of a new image: by the VM's id, which no other VM has.
fn file_name(spec: &NewVm, index: usize) -> String {
    let disk = &spec.disks[index];
    let id = domain_uuid(&spec.vm.platform_id);
    format!("{id}-{index}.{}", disk.format.word())
}

/// The directory that a datastore is.
fn directory(site: &Site, id: &DatastoreId) -> Result<PathBuf, PlatformError> {
    if let Some(path) = id.as_str().strip_prefix("dir:") {
        return Ok(path.into());
    }
    let gone = || PlatformError::NoResource {
        site: site.config.id.clone(),
        kind: "datastore",
        id: id.to_string(),
    };
    let name = id.as_str().strip_prefix("pool:").ok_or_else(gone)?;
    let xml = site
        .virsh
        .run(&["pool-dumpxml", name])
        .map_err(|_| gone())?;
    let document = Document::parse(&xml).map_err(|_| gone())?;
    let target = child(document.root_element(), "target").ok_or_else(gone)?;
    text(target, "path").map(PathBuf::from).ok_or_else(gone)
}

fn define(site: &Site, xml: &str) -> Result<(), PlatformError> {
    let io = |source| PlatformError::Io {
        operation: "hand a definition to virsh".to_owned(),
        source,
    };
    let mut file = images::private_file().map_err(io)?;
    std::io::Write::write_all(&mut file, xml.as_bytes()).map_err(io)?;
    let path = file.path().display().to_string();
    let defined = site.virsh.run(&["define", &path, "--validate"]);
    defined.map(drop).map_err(|error| site.failed(None, error))
}

/// As the host's other VMs run: a device for KVM may be there and not work.
fn virt_type(site: &Site) -> Result<String, PlatformError> {
    let uuids = site
        .virsh
        .run(&["list", "--all", "--uuid"])
        .map_err(|error| site.failed(None, error))?;
    let first = uuids.lines().map(str::trim).find(|it| !it.is_empty());
    let Some(first) = first else {
        return Ok("kvm".to_owned());
    };
    let xml = site
        .virsh
        .run(&["dumpxml", "--inactive", first])
        .map_err(|error| site.failed(None, error))?;
    let domain = Domain::parse(&xml);
    Ok(domain.map_or_else(|_| "kvm".to_owned(), |domain| domain.virt_type))
}

fn xml(
    spec: &NewVm,
    record: &VmRecord,
    paths: &[PathBuf],
    virt_type: &str,
) -> Result<String, PlatformError> {
    let record = record.to_element().map_err(|source| PlatformError::Parse {
        what: "the new VM's record".to_owned(),
        source,
    })?;
    let firmware = match spec.firmware {
        Firmware::Bios => "<os>",
        Firmware::Uefi => "<os firmware='efi'>",
    };
    let mut xml = format!(
        "<domain type='{virt_type}'><name>{name}</name><uuid>{uuid}</uuid><metadata>\
         {record}</metadata>\
         <memory unit='b'>{memory}</memory><vcpu>{cpus}</vcpu>{firmware}<type machine='q35'>hvm</type>\
         <boot dev='hd'/></os><features><acpi/><apic/></features><devices>",
        name = escape(&spec.name),
        uuid = domain_uuid(&spec.vm.platform_id),
        memory = spec.memory.0,
        cpus = spec.cpus,
    );
    for (disk, path) in spec.disks.iter().zip(paths) {
        push_disk(&mut xml, disk, path);
    }
    for adapter in &spec.adapters {
        xml.push_str(&adapter_element(adapter, "virtio"));
    }
    xml.push_str(
        "<serial type='pty'/><channel type='unix'>\
         <target type='virtio' name='org.qemu.guest_agent.0'/></channel>\
         <graphics type='vnc' listen='127.0.0.1'/><video><model type='vga'/></video>\
         </devices></domain>",
    );
    Ok(xml)
}

/// The target is the replica's: a disk's key is its target.
fn push_disk(xml: &mut String, disk: &NewDisk, path: &Path) {
    let bus = disk.slot.as_ref().map_or("virtio", |slot| {
        slot.controller
            .trim_end_matches(|c: char| c.is_ascii_digit())
    });
    let sector = if disk.sector == 512 {
        String::new()
    } else {
        let size = disk.sector;
        format!("<blockio logical_block_size='{size}' physical_block_size='{size}'/>")
    };
    let written = write!(
        xml,
        "<disk type='file' device='disk'><driver name='qemu' type='{}' discard='unmap'/>\
         <source file='{}'/>{sector}<target dev='{}' bus='{bus}'/></disk>",
        disk.format.word(),
        escape(&path.display().to_string()),
        escape(disk.key.as_str()),
    );
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// An adapter of a model, attached to its network or to none.
pub(super) fn adapter_element(adapter: &NewAdapter, model: &str) -> String {
    let mac = match adapter.mac {
        MacChoice::Keep => format!("<mac address='{}'/>", escape(&adapter.source.mac)),
        // libvirt draws one.
        MacChoice::Renew => String::new(),
    };
    let tail = format!("{mac}<model type='{}'/>", escape(model));
    let network = adapter.network.as_ref();
    match network.and_then(|id| id.as_str().split_once(':')) {
        Some((kind, name)) => {
            let name = escape(name);
            format!("<interface type='{kind}'><source {kind}='{name}'/>{tail}</interface>")
        }
        None => format!("<interface type='user'>{tail}<link state='down'/></interface>"),
    }
}
