//! VMs that the lab makes: as they were asked for, once, and gone without a trace.

use std::os::unix::fs::MetadataExt as _;

use disk::Access;
use model::{
    Compute, DatastoreId, DiskKey, Firmware, FolderId, HostId, MacChoice, NetworkId, NewAdapter,
    PoolId, SeedDisk, SiteId, Slot,
};

use super::*;
use crate::{
    DiskAt, Platform,
    lab::{LabSettings, Scale},
};

const OWNER: &str = "session 1";
const MIB: u64 = 1 << 20;

fn settings() -> LabSettings {
    LabSettings {
        scale: Scale::Tiny,
        ..LabSettings::default()
    }
}

fn lab() -> (tempfile::TempDir, Lab) {
    let dir = tempfile::tempdir().expect("a directory");
    let lab = Lab::open(dir.path(), settings()).expect("a lab");
    (dir, lab)
}

fn new_disk(key: &str, format: DiskFormat, disk_type: DiskType) -> NewDisk {
    NewDisk {
        key: DiskKey::new(key),
        name: key.to_owned(),
        size: ByteCount(8 * MIB),
        sector: 512,
        format,
        slot: Some(Slot {
            controller: "scsi0".to_owned(),
            unit: 0,
        }),
        datastore: DatastoreId::new("prod-fast"),
        disk_type,
        seed: None,
    }
}

fn spec() -> NewVm {
    let adapter = |mac: &str, network: Option<&str>| NewAdapter {
        source: Adapter {
            mac: mac.to_owned(),
            network: Some("DR application network".to_owned()),
            address: Some("192.0.2.1".to_owned()),
        },
        network: network.map(NetworkId::new),
        mac: MacChoice::Keep,
    };
    NewVm {
        vm: VmRef {
            site: SiteId::new("production"),
            platform_id: "landfall-1".to_owned(),
        },
        name: "web-new".to_owned(),
        compute: Compute::Host(HostId::new("prod-host-2")),
        pool: Some(PoolId::new("prod-vapp-shop")),
        folder: Some(FolderId::new("prod-folder-3")),
        config_datastore: DatastoreId::new("prod-fast"),
        disks: vec![
            new_disk("a", DiskFormat::Qcow2, DiskType::AsSource),
            new_disk("b", DiskFormat::Raw, DiskType::Thin),
            new_disk("c", DiskFormat::Qcow2, DiskType::ThickLazyZeroed),
            new_disk("d", DiskFormat::Raw, DiskType::ThickEagerZeroed),
        ],
        adapters: vec![
            adapter("52:54:00:00:00:01", Some("prod-network-2")),
            NewAdapter {
                mac: MacChoice::Renew,
                ..adapter("52:54:00:00:00:02", None)
            },
            NewAdapter {
                mac: MacChoice::Renew,
                ..adapter("52:54:00:00:00:03", None)
            },
        ],
        restore_tags: true,
        tags: vec!["web".to_owned()],
        cpus: 6,
        memory: ByteCount(1 << 30),
        firmware: Firmware::Uefi,
        hardware_version: Some(19),
        change_tracking: true,
        like: None,
    }
}

fn allocated(lab: &Lab, key: &str) -> u64 {
    let at = lab
        .open_disk(&spec().vm, &DiskKey::new(key), &DiskAt::Active, None)
        .expect("a disk");
    match at {
        disk::Locator::File { path, .. } => fs::metadata(path).expect("a file").blocks() * 512,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_vm_is_made_as_it_was_asked_for_and_asking_twice_makes_one() {
    let (_dir, lab) = lab();
    for _ in 0..2 {
        lab.create_vm(&spec(), OWNER).expect("made");
    }
    let vm = lab.vm(&spec().vm).expect("there");
    assert_eq!(
        (vm.name.as_str(), vm.power, vm.cpus),
        ("web-new", PowerState::Off, 6)
    );
    assert_eq!(vm.tags, ["web"]);
    let networks: Vec<_> = vm.adapters.iter().map(|it| it.network.as_deref()).collect();
    assert_eq!(networks, [Some("Backup network"), None, None]);
    let macs: Vec<_> = vm.adapters.iter().map(|it| it.mac.as_str()).collect();
    let sources: Vec<_> = (1..=3).map(|it| format!("52:54:00:00:00:0{it}")).collect();
    assert_eq!(macs[0], sources[0]);
    // Renewed ones are those of nobody.
    let renewed = &macs[1..];
    assert!(
        renewed
            .iter()
            .all(|mac| mac.starts_with("52:54:00:") && mac.len() == 17)
    );
    assert!(renewed[0] != renewed[1] && sources.iter().all(|it| !renewed.contains(&it.as_str())));
    assert!(vm.adapters.iter().all(|it| it.address.is_none()));
    assert_eq!(vm.placement.host, Some(HostId::new("prod-host-2")));
    assert_eq!(vm.placement.folder, Some(FolderId::new("prod-folder-3")));
    assert_eq!(vm.storage_policy.as_deref(), Some("Gold"));
    let formats: Vec<_> = vm.disks.iter().map(|it| it.format).collect();
    assert_eq!(
        formats,
        [
            DiskFormat::Qcow2,
            DiskFormat::Raw,
            DiskFormat::Raw,
            DiskFormat::Raw
        ]
    );
    assert!(allocated(&lab, "a") < MIB && allocated(&lab, "b") < MIB);
    assert!(allocated(&lab, "c") >= 8 * MIB && allocated(&lab, "d") >= 8 * MIB);
    for disk in &vm.disks {
        let at = lab.open_disk(&vm.vm, &disk.key, &DiskAt::Active, None);
        let opened = disk::open(&at.expect("a locator"), Access::Read).expect("it opens");
        let mut bytes = vec![1; usize::try_from(disk.size.0).expect("small")];
        opened.read_at(0, &mut bytes).expect("it reads");
        assert!(bytes.iter().all(|byte| *byte == 0), "{}", disk.name);
    }
    assert_eq!(
        lab.created_by(&vm.vm).expect("known").as_deref(),
        Some(OWNER)
    );
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let (dir, lab) = lab();
    type Spoil = fn(&mut NewVm);
    let cases: [(&str, Spoil); 9] = [
        ("has a VM named TINY-A already", |it| {
            it.name = "TINY-A".to_owned();
        }),
        ("no host gone", |it| {
            it.compute = Compute::Host(HostId::new("gone"));
        }),
        ("no cluster gone", |it| {
            it.compute = Compute::Cluster(model::ClusterId::new("gone"));
        }),
        ("no resource pool prod-pool-edge", |it| {
            it.pool = Some(PoolId::new("prod-pool-edge"));
        }),
        // A standalone host has no folders.
        ("no VM folder prod-folder-3", |it| {
            it.compute = Compute::Host(HostId::new("prod-edge"));
            it.pool = None;
        }),
        ("no datastore prod-small", |it| {
            it.config_datastore = DatastoreId::new("prod-small");
        }),
        ("no datastore gone", |it| {
            it.disks[1].datastore = DatastoreId::new("gone");
        }),
        ("no network dr-network-2", |it| {
            it.adapters[0].network = Some(NetworkId::new("dr-network-2"));
        }),
        ("datastore Fast SSD has", |it| {
            it.disks[3].size = ByteCount(100 << 30);
        }),
    ];
    let before = lab.inventory(&spec().vm.site).expect("read").vms.len();
    for (says, spoil) in cases {
        let mut spec = spec();
        spoil(&mut spec);
        let refused = lab.create_vm(&spec, OWNER).expect_err(says).to_string();
        assert!(refused.contains(says), "{refused}");
        assert!(!meta::vm_dir(dir.path(), &spec.vm).exists(), "{says}");
    }
    assert_eq!(
        lab.inventory(&spec().vm.site).expect("read").vms.len(),
        before
    );
}

#[test]
fn only_its_maker_removes_a_vm_and_only_when_it_is_off() {
    let (dir, lab) = lab();
    let vm = spec().vm;
    lab.remove_vm(&vm, OWNER).expect("gone already is fine");
    lab.create_vm(&spec(), OWNER).expect("made");
    for other in [
        lab.remove_vm(&vm, "session 2"),
        lab.create_vm(&spec(), "session 2").map(drop),
    ] {
        assert!(
            matches!(other, Err(PlatformError::Unexpected { .. })),
            "{other:?}"
        );
    }
    let original = VmRef {
        platform_id: "tiny-a".to_owned(),
        ..vm.clone()
    };
    let refused = lab.remove_vm(&original, OWNER);
    assert!(
        matches!(refused, Err(PlatformError::Unexpected { .. })),
        "{refused:?}"
    );
    lab.power_on(&vm, None).expect("on");
    let refused = lab.remove_vm(&vm, OWNER);
    assert!(
        matches!(refused, Err(PlatformError::MustBeOff { .. })),
        "{refused:?}"
    );
    lab.power_off(&vm).expect("off");
    for _ in 0..2 {
        lab.remove_vm(&vm, OWNER).expect("removed");
    }
    assert!(matches!(lab.vm(&vm), Err(PlatformError::NoVm(_))));
    assert!(!meta::vm_dir(dir.path(), &vm).exists());
    assert_eq!(lab.created_by(&vm).expect("known"), None);
}

#[test]
fn what_a_crash_left_of_a_creation_is_no_vm_and_goes() {
    let (dir, lab) = lab();
    let left = meta::vm_dir(dir.path(), &spec().vm);
    fs::create_dir_all(&left).expect("made");
    fs::write(left.join("a.qcow2"), b"half").expect("written");
    lab.create_vm(&spec(), OWNER).expect("made over it");
    fs::remove_file(left.join("vm.json")).expect("as a removal that a crash ended");
    drop(lab);
    let lab = Lab::open(dir.path(), settings()).expect("the lab again");
    assert!(!left.exists());
    assert!(matches!(lab.vm(&spec().vm), Err(PlatformError::NoVm(_))));
    lab.create_vm(&spec(), OWNER).expect("made again");
    drop(lab);
    let lab = Lab::open(dir.path(), settings()).expect("the lab once more");
    assert_eq!(lab.vm(&spec().vm).expect("it stays").name, "web-new");
}

#[test]
fn free_space_is_what_the_disks_leave_and_never_more_than_the_file_system_has() {
    let (_dir, lab) = lab();
    let free = |file_system: u64| {
        let here = lab.inventory(&spec().vm.site).expect("read");
        let of = crate::lab::resources::of(model::SiteRole::Production);
        let measured = crate::lab::resources::measured(&of, &here.vms, ByteCount(file_system));
        let mut fast = measured.datastores.into_iter();
        fast.find(|it| it.id.as_str() == "prod-fast")
            .expect("there")
            .free
            .0
    };
    let before = free(u64::MAX);
    assert!(before < 64 << 30, "the sample's own disks count: {before}");
    lab.create_vm(&spec(), OWNER).expect("made");
    let after = free(u64::MAX);
    assert!(
        after <= before - 16 * MIB,
        "two thick disks count: {before} then {after}"
    );
    assert_eq!(free(5), 5);
}

#[test]
fn a_storage_policy_is_associated_or_refused_and_nothing_changed() {
    let (_dir, lab) = lab();
    lab.create_vm(&spec(), OWNER).expect("made");
    let of = |lab: &Lab| lab.vm(&spec().vm).expect("there").storage_policy;
    for policy in [Some("Silver"), None, Some("Gold")] {
        lab.set_storage_policy(&spec().vm, policy)
            .expect("it is there");
        assert_eq!(of(&lab).as_deref(), policy);
    }
    let refused = lab.set_storage_policy(&spec().vm, Some("Platinum"));
    assert!(
        matches!(&refused, Err(PlatformError::NoResource { kind, id, .. })
            if *kind == "storage policy" && id == "Platinum"),
        "{refused:?}"
    );
    assert_eq!(of(&lab).as_deref(), Some("Gold"));
}

#[test]
fn a_disk_begins_with_what_its_seed_holds_and_empty_where_that_cannot_be_read() {
    let (_dir, lab) = lab();
    let production = lab.inventory(&SiteId::new("production")).expect("read");
    let original = &production.vms[0];
    let from = &original.disks[0];
    let seed = SeedDisk {
        vm: original.vm.clone(),
        disk: from.key.clone(),
    };
    let like = |key: &str, format, disk_type, seed: &SeedDisk| NewDisk {
        size: from.size,
        seed: Some(seed.clone()),
        ..new_disk(key, format, disk_type)
    };
    let gone = SeedDisk {
        disk: DiskKey::new("gone"),
        ..seed.clone()
    };
    let spec = NewVm {
        disks: vec![
            like("a", DiskFormat::Qcow2, DiskType::Thin, &seed),
            like("b", DiskFormat::Raw, DiskType::ThickEagerZeroed, &seed),
            like("c", DiskFormat::Qcow2, DiskType::Thin, &gone),
        ],
        ..spec()
    };
    let warnings = lab.create_vm(&spec, OWNER).expect("made");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("Disk c begins empty"),
        "{warnings:?}"
    );
    let content = |vm: &VmRef, key: &DiskKey| {
        let at = lab.open_disk(vm, key, &DiskAt::Active, None);
        let disk = disk::open(&at.expect("there"), Access::Read).expect("opened");
        let mut data = vec![0; usize::try_from(disk.size().0).expect("small")];
        disk.read_at(0, &mut data).expect("read");
        data
    };
    let wanted = content(&original.vm, &from.key);
    assert!(wanted.iter().any(|byte| *byte != 0));
    for key in ["a", "b"] {
        assert!(content(&spec.vm, &DiskKey::new(key)) == wanted, "{key}");
    }
    assert!(
        content(&spec.vm, &DiskKey::new("c"))
            .iter()
            .all(|byte| *byte == 0)
    );
}
