//! The definition of a VM that is made like another: everything that the other's says, under a name of
//! its own, with its own disks and its own networks.

use std::collections::BTreeSet;

use model::{NewAdapter, NewVm};
use roxmltree::Document;

use super::{
    create::adapter_element,
    domain::{DomainError, child, children},
    domain_uuid,
    edit::{Edit, devices, escape, fences},
    record::{Image, VmRecord},
};

/// The definition of a VM to be made, from that of the VM that it is like. `images` are those of its
/// disks, by target; disks that are not among them stay behind, and so do CDs and floppies: what they
/// hold is at another host.
pub(super) fn definition(
    like: &str,
    spec: &NewVm,
    images: &[(String, Image)],
    record: &VmRecord,
) -> Result<String, DomainError> {
    let targets = images.iter().map(|(target, _)| target.as_str()).collect();
    let edit = Edit::of(like)
        .named(&spec.name, &domain_uuid(&spec.vm.platform_id).to_string())?
        .record(record)?
        .sources(images)?
        .without_other_disks(&targets)?
        .adapters(&spec.adapters)?
        // The other's are a file of its own.
        .variables(None)?;
    Ok(edit.done())
}

impl Edit<'_> {
    fn named(mut self, name: &str, uuid: &str) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml())?;
        let root = document.root_element();
        for (tag, text) in [("name", name), ("uuid", uuid)] {
            let old = child(root, tag).ok_or(DomainError::Missing(tag))?;
            self.replace(old.range(), format!("<{tag}>{}</{tag}>", escape(text)));
        }
        // What the firmware tells the guest must be the same UUID, or libvirt refuses the VM.
        let system = child(root, "sysinfo").and_then(|it| child(it, "system"));
        let entries = system.into_iter().flat_map(|it| children(it, "entry"));
        for entry in entries.filter(|it| it.attribute("name") == Some("uuid")) {
            self.replace(entry.range(), format!("<entry name='uuid'>{uuid}</entry>"));
        }
        Ok(self)
    }

    fn without_other_disks(mut self, targets: &BTreeSet<&str>) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml())?;
        let devices = devices(&document)?;
        for disk in children(devices, "disk") {
            let target = child(disk, "target").and_then(|it| it.attribute("dev"));
            if target.is_some_and(|target| targets.contains(target)) {
                continue;
            }
            let is_drive = matches!(disk.attribute("device"), Some("cdrom" | "floppy"));
            match child(disk, "source") {
                // The drive stays, empty.
                Some(source) if is_drive && fences(devices).all(|fence| fence != disk) => {
                    self.replace(source.range(), String::new());
                }
                None if is_drive => {}
                Some(_) | None => self.replace(disk.range(), String::new()),
            }
        }
        Ok(self)
    }

    /// In the order of the other VM's adapters, each of the same model.
    fn adapters(mut self, adapters: &[NewAdapter]) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml())?;
        let devices = devices(&document)?;
        let mut adapters = adapters.iter();
        for old in children(devices, "interface") {
            let new = adapters.next().map_or_else(String::new, |adapter| {
                let model = child(old, "model").and_then(|it| it.attribute("type"));
                adapter_element(adapter, model.unwrap_or("virtio"))
            });
            self.replace(old.range(), new);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    //! What a new VM has of the other, and what not.

    use model::{
        Adapter, ByteCount, Compute, DatastoreId, DiskFormat, Firmware, HostId, MacChoice,
        NetworkId, SessionId, SiteId,
    };

    use super::*;
    use crate::libvirt::domain::{Domain, Source};

    const LIKE: &str = "<domain type='qemu'><name>shop_replica</name>\
        <uuid>11111111-2222-3333-4444-555555555555</uuid><title>The shop</title>\
        <metadata><landfall:landfall xmlns:landfall='urn:landfall:vm'>{}</landfall:landfall></metadata>\
        <memory unit='MiB'>192</memory><vcpu>3</vcpu><os><type machine='pc-q35-9.2'>hvm</type>\
        <loader readonly='yes' type='pflash'>/ovmf/CODE.fd</loader>\
        <nvram template='/ovmf/VARS.fd'>/var/shop_VARS.fd</nvram></os>\
        <sysinfo type='smbios'><system><entry name='uuid'>11111111-2222-3333-4444-555555555555</entry>\
        <entry name='serial'>SHOP-7</entry></system></sysinfo><cpu mode='host-model'/><devices>\
        <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>\
        <source file='/dr/a.qcow2'/><backingStore type='file'><source file='/dr/below'/></backingStore>\
        <target dev='vda' bus='virtio'/></disk>\
        <disk type='file' device='disk'><source file='/dr/scratch.raw'/><target dev='vdb' bus='virtio'/>\
        <shareable/></disk>\
        <disk type='file' device='cdrom'><source file='/dr/tools.iso'/><target dev='sda' bus='sata'/>\
        <readonly/></disk>\
        <interface type='network'><source network='dr'/><mac address='52:54:00:00:00:01'/>\
        <model type='e1000'/></interface>\
        <interface type='bridge'><source bridge='br7'/><mac address='52:54:00:00:00:02'/></interface>\
        <watchdog model='itco' action='reset'/></devices></domain>";

    fn adapter(mac: &str, network: Option<&str>) -> NewAdapter {
        NewAdapter {
            source: Adapter {
                mac: mac.to_owned(),
                network: None,
                address: None,
            },
            network: network.map(NetworkId::new),
            mac: MacChoice::Keep,
        }
    }

    fn spec() -> NewVm {
        NewVm {
            vm: NewVm::made_by(&SessionId::new("s"), SiteId::new("prod")),
            name: "shop & more".to_owned(),
            compute: Compute::Host(HostId::new("prod")),
            pool: None,
            folder: None,
            config_datastore: DatastoreId::new("dir:/prod"),
            disks: Vec::new(),
            adapters: vec![
                adapter("52:54:00:00:00:01", Some("network:lan")),
                NewAdapter {
                    mac: MacChoice::Renew,
                    ..adapter("52:54:00:00:00:02", None)
                },
            ],
            restore_tags: false,
            tags: Vec::new(),
            cpus: 3,
            memory: ByteCount(192 << 20),
            firmware: Firmware::Uefi,
            hardware_version: None,
            change_tracking: true,
            like: None,
        }
    }

    #[test]
    fn a_vm_is_like_the_other_but_for_its_name_its_disks_and_its_networks() {
        let image = Image {
            path: "/prod/new-0.raw".into(),
            format: DiskFormat::Raw,
        };
        let images = [("vda".to_owned(), image)];
        let xml = definition(LIKE, &spec(), &images, &VmRecord::default()).unwrap();
        let made = Domain::parse(&xml).unwrap();
        let uuid = domain_uuid(&spec().vm.platform_id).to_string();
        // The serial number is what tells that it is the same machine.
        assert_eq!(
            (made.name.as_str(), made.identity.as_str()),
            ("shop & more", "SHOP-7")
        );
        assert_eq!(xml.matches(&uuid).count(), 2, "{xml}");
        assert_eq!((made.machine.as_str(), made.cpus), ("pc-q35-9.2", 3));
        let disks: Vec<_> = made
            .disks
            .iter()
            .map(|it| (&it.source, it.format))
            .collect();
        let new = Source::File("/prod/new-0.raw".into());
        assert_eq!(disks, [(&new, DiskFormat::Raw)]);
        for kept in [
            "<title>The shop</title>",
            "<cpu mode='host-model'/>",
            "cache='none'",
            "<watchdog model='itco' action='reset'/>",
            "<nvram template='/ovmf/VARS.fd'/>",
            "<model type='e1000'/>",
            "<source network='lan'/><mac address='52:54:00:00:00:01'/>",
            "<target dev='sda' bus='sata'/>",
        ] {
            assert!(xml.contains(kept), "{kept} in {xml}");
        }
        for gone in [
            "/dr/",
            "shop_VARS",
            "br7",
            // libvirt is to give one.
            "52:54:00:00:00:02",
            "network='dr'",
            "shop_replica",
            "11111111",
        ] {
            assert!(!xml.contains(gone), "{gone} in {xml}");
        }
    }
}
