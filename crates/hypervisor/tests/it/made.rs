//! Making a VM where the operator chose, and removing it.

use hypervisor::{DiskAt, Platform as _, PlatformError};
use model::{
    Adapter, ByteCount, Compute, DatastoreId, DiskFormat, DiskType, Firmware, HostId, MacChoice,
    NewAdapter, NewDisk, NewVm, PointName, SeedDisk, SessionId, SiteId,
};

use crate::hosts::{Hosts, MIB, Vm, byte_at, key};

pub(crate) fn wanted(folder: &std::path::Path, name: &str) -> NewVm {
    let session = SessionId::new(name);
    NewVm {
        vm: NewVm::made_by(&session, SiteId::new("prod")),
        name: name.to_owned(),
        compute: Compute::Host(HostId::new("prod")),
        pool: None,
        folder: None,
        config_datastore: DatastoreId::new(format!("dir:{}", folder.display())),
        disks: vec![NewDisk {
            key: key("vda"),
            name: "vda".to_owned(),
            size: ByteCount(8 * MIB),
            sector: 512,
            format: DiskFormat::Qcow2,
            slot: None,
            datastore: DatastoreId::new(format!("dir:{}", folder.display())),
            disk_type: DiskType::Thin,
            seed: None,
        }],
        adapters: vec![NewAdapter {
            source: Adapter {
                mac: "52:54:00:12:34:56".to_owned(),
                network: Some("there".to_owned()),
                address: None,
            },
            network: None,
            mac: MacChoice::Keep,
        }],
        restore_tags: false,
        tags: Vec::new(),
        cpus: 2,
        memory: ByteCount(64 * MIB),
        firmware: Firmware::Bios,
        hardware_version: None,
        change_tracking: true,
        like: None,
    }
}

#[test]
fn a_disk_begins_with_what_a_running_vm_holds_and_an_adapter_has_a_new_address() {
    let Some(hosts) = Hosts::told() else { return };
    let other = Vm::new(&hosts);
    other.start_stopped();
    // What it wrote is below an overlay that is empty.
    other.guest_writes("vda", 3, 0x5a);
    let point = PointName::new("p");
    other.libvirt.freeze(&other.vm, &point, "me").unwrap();
    let (libvirt, folder) = (hosts.platform(), tempfile::tempdir().unwrap());
    let mut spec = wanted(folder.path(), &format!("seeded-{}", other.name));
    spec.disks[0].size = ByteCount(16 * MIB);
    spec.disks[0].seed = Some(SeedDisk {
        vm: other.vm.clone(),
        disk: key("vda"),
    });
    spec.adapters[0].mac = MacChoice::Renew;
    assert_eq!(
        libvirt.create_vm(&spec, "me").unwrap(),
        Vec::<String>::new()
    );
    let locator = libvirt.open_disk(&spec.vm, &key("vda"), &DiskAt::Active, None);
    assert_eq!(byte_at(&locator.unwrap(), 3), 0x5a);
    let made = libvirt.vm(&spec.vm).unwrap();
    let mac = &made.adapters[0].mac;
    assert!(
        mac.starts_with("52:54:00:") && *mac != spec.adapters[0].source.mac,
        "{mac}"
    );
    libvirt.remove_vm(&spec.vm, "me").unwrap();

    // What cannot be copied is told, and the disk is made all the same.
    spec.disks[0].seed.as_mut().unwrap().disk = key("vdz");
    let warnings = libvirt.create_vm(&spec, "me").unwrap();
    assert!(
        warnings[0].starts_with("Disk vda begins empty"),
        "{warnings:?}"
    );
    libvirt.remove_vm(&spec.vm, "me").unwrap();
    other.libvirt.power_off(&other.vm).unwrap();
    other.libvirt.drop_point(&other.vm, &point, "me").unwrap();
}

#[test]
fn a_vm_is_made_once_found_by_its_id_and_removed_by_its_maker_only() {
    let Some(hosts) = Hosts::told() else { return };
    let other = Vm::new(&hosts);
    let (libvirt, folder) = (hosts.platform(), tempfile::tempdir().unwrap());
    let spec = wanted(folder.path(), &format!("made-{}", other.name));
    libvirt.create_vm(&spec, "me").unwrap();
    libvirt.create_vm(&spec, "me").unwrap();
    assert!(libvirt.create_vm(&spec, "you").is_err());
    assert_eq!(libvirt.created_by(&spec.vm).unwrap().as_deref(), Some("me"));
    let inventory = libvirt.inventory(&spec.vm.site).unwrap();
    let made = inventory.vms.iter().find(|it| it.vm == spec.vm).unwrap();
    assert_eq!((made.cpus, made.disks[0].size), (2, ByteCount(8 * MIB)));
    assert_eq!(made.adapters[0].network, None);

    let clash = NewVm {
        vm: NewVm::made_by(&SessionId::new("x"), SiteId::new("prod")),
        name: other.name.clone(),
        ..spec.clone()
    };
    assert!(matches!(
        libvirt.create_vm(&clash, "me"),
        Err(PlatformError::NameTaken { .. })
    ));
    assert!(libvirt.remove_vm(&spec.vm, "you").is_err());
    assert!(
        libvirt.remove_vm(&other.vm, "me").is_err(),
        "it was not made"
    );
    libvirt.remove_vm(&spec.vm, "me").unwrap();
    libvirt.remove_vm(&spec.vm, "me").unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(libvirt.created_by(&spec.vm).unwrap(), None);
}
