//! Freezing VMs that run, what was written since, and what is left behind.

use hypervisor::{DiskAt, Platform as _, PlatformError, Ranges};
use model::{ByteRange, EpochId, PointName};

use crate::hosts::{CLUSTER, Hosts, Vm, key};

fn point(name: &str) -> PointName {
    PointName::new(name)
}

fn clusters(first: u64, count: u64) -> ByteRange {
    ByteRange::new(first * CLUSTER, count * CLUSTER)
}

#[test]
fn a_point_of_a_running_vm_stays_as_it_was_and_what_was_written_since_is_known_exactly() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    vm.start_stopped();
    vm.guest_writes("vda", 1, 11);
    let (p1, p2) = (point("one"), point("two"));
    let first = vm.libvirt.freeze(&vm.vm, &p1, "me").unwrap();
    assert_eq!(
        vm.libvirt.freeze(&vm.vm, &p1, "me").unwrap(),
        first,
        "asked again"
    );
    vm.guest_writes("vda", 1, 12);
    vm.guest_writes("vda", 5, 15);
    let second = vm.libvirt.freeze(&vm.vm, &p2, "me").unwrap();
    assert!(second.epoch > first.epoch);
    vm.guest_writes("vda", 9, 19);
    vm.guest_writes("vdb", 3, 33);

    let at = |point: &PointName| DiskAt::Point(point.clone());
    assert_eq!(vm.reads("vda", &at(&p1), 1), 11);
    assert_eq!(vm.reads("vda", &at(&p1), 5), 0);
    assert_eq!(vm.reads("vda", &at(&p2), 1), 12);
    assert_eq!(vm.reads("vda", &at(&p2), 9), 0);
    let since = |disk, until| {
        vm.libvirt
            .ranges_since(&vm.vm, &key(disk), first.epoch, until)
    };
    assert_eq!(
        since("vda", Some(&p2)).unwrap(),
        Ranges::Written(vec![clusters(1, 1), clusters(5, 1)])
    );
    assert_eq!(
        since("vdb", Some(&p2)).unwrap(),
        Ranges::Written(Vec::new())
    );
    assert!(matches!(since("vda", None).unwrap(), Ranges::Broken(why) if why.contains("runs")));

    // The older point goes while the VM runs: the newer one stays as it was.
    assert!(vm.libvirt.drop_point(&vm.vm, &p1, "somebody else").is_err());
    vm.libvirt.drop_point(&vm.vm, &p1, "me").unwrap();
    assert_eq!(vm.reads("vda", &at(&p2), 5), 15);
    assert!(
        matches!(since("vda", Some(&p2)).unwrap(), Ranges::Broken(why) if why.contains("gone"))
    );
    vm.libvirt.drop_point(&vm.vm, &p2, "me").unwrap();
    vm.libvirt.drop_point(&vm.vm, &p2, "me").unwrap();
    assert_eq!(vm.overlays(), [""; 0], "no file is left");
    assert_eq!(vm.sources(), [vm.base("vda"), vm.base("vdb")]);
    vm.virsh(&["destroy", &vm.name]).unwrap();
    for (disk, cluster, byte) in [
        ("vda", 1, 12),
        ("vda", 5, 15),
        ("vda", 9, 19),
        ("vdb", 3, 33),
    ] {
        assert_eq!(
            vm.reads(disk, &DiskAt::Active, cluster),
            byte,
            "{disk} {cluster}"
        );
    }
}

#[test]
fn a_vm_that_is_off_returns_to_a_point_and_what_was_written_since_is_gone() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    vm.start_stopped();
    vm.guest_writes("vda", 2, 1);
    let one = point("one");
    let frozen = vm.libvirt.freeze(&vm.vm, &one, "me").unwrap();
    vm.guest_writes("vda", 2, 2);
    let refused = vm.libvirt.revert(&vm.vm, &one).unwrap_err();
    assert!(matches!(refused, PlatformError::MustBeOff { .. }));
    vm.libvirt.power_off(&vm.vm).unwrap();
    // Off, what was written up to now is known too.
    let ranges = vm
        .libvirt
        .ranges_since(&vm.vm, &key("vda"), frozen.epoch, None);
    assert_eq!(ranges.unwrap(), Ranges::Written(vec![clusters(2, 1)]));
    vm.libvirt.revert(&vm.vm, &one).unwrap();
    vm.libvirt.revert(&vm.vm, &one).unwrap();
    assert_eq!(vm.reads("vda", &DiskAt::Active, 2), 1);
    vm.libvirt.drop_point(&vm.vm, &one, "me").unwrap();
    assert_eq!(vm.overlays(), [""; 0]);
    assert_eq!(vm.reads("vda", &DiskAt::Active, 2), 1);
    vm.start_stopped();
}

#[test]
fn a_middle_overlay_of_a_vm_that_is_off_is_merged_and_those_above_stay() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let (p1, p2) = (point("one"), point("two"));
    vm.libvirt.freeze(&vm.vm, &p1, "me").unwrap();
    vm.start_stopped();
    vm.guest_writes("vda", 1, 1);
    vm.libvirt.freeze(&vm.vm, &p2, "me").unwrap();
    vm.guest_writes("vda", 3, 3);
    vm.libvirt.power_off(&vm.vm).unwrap();
    vm.libvirt.drop_point(&vm.vm, &p1, "me").unwrap();
    assert_eq!(vm.overlays().len(), 2, "one for each disk");
    assert_eq!(vm.reads("vda", &DiskAt::Point(p2.clone()), 1), 1);
    assert_eq!(vm.reads("vda", &DiskAt::Point(p2), 3), 0);
    assert_eq!(vm.reads("vda", &DiskAt::Active, 3), 3);
    vm.start_stopped();
}

#[test]
fn a_freeze_that_was_broken_off_is_forgotten_or_finished_by_what_the_disks_say() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    vm.start_stopped();
    let file = |disk: &str| {
        let base = vm.base(disk);
        format!("{}.landfall-0.qcow2", base.display())
    };
    let pending = format!(
        "<landfall>{{\"next_layer\":1,\"bases\":{{\"vda\":{{\"path\":\"{}\",\"format\":\"qcow2\"}},\
         \"vdb\":{{\"path\":\"{}\",\"format\":\"raw\"}}}},\"pending\":{{\"layer\":{{\"name\":null,\
         \"owner\":\"me\",\"files\":{{\"vda\":\"{}\",\"vdb\":\"{}\"}}}},\"point\":{{\"name\":\"one\",\
         \"owner\":\"me\",\"taken_at\":7,\"epoch\":1,\"depth\":0}}}}}}</landfall>",
        vm.base("vda").display(),
        vm.base("vdb").display(),
        file("vda"),
        file("vdb")
    );
    let write_down = || {
        vm.virsh(&[
            "metadata",
            &vm.name,
            "--uri",
            "urn:landfall:vm",
            "--key",
            "landfall",
            "--config",
            "--set",
            &pending,
        ])
        .unwrap();
    };
    write_down();
    assert_eq!(vm.libvirt.points(&vm.vm).unwrap(), []);
    assert_eq!(vm.sources(), [vm.base("vda"), vm.base("vdb")]);

    write_down();
    let spec = |disk| format!("{disk},snapshot=external,driver=qcow2,file={}", file(disk));
    vm.virsh(&[
        "snapshot-create-as",
        &vm.name,
        "--disk-only",
        "--atomic",
        "--no-metadata",
        "--diskspec",
        &spec("vda"),
        "--diskspec",
        &spec("vdb"),
    ])
    .unwrap();
    let points = vm.libvirt.points(&vm.vm).unwrap();
    assert_eq!(points.len(), 1);
    assert_eq!(
        (points[0].name.as_str(), points[0].epoch),
        ("one", EpochId(1))
    );
    vm.libvirt.drop_point(&vm.vm, &point("one"), "me").unwrap();
    assert_eq!(vm.overlays(), [""; 0]);
}

/// Found in review: a disk that was added while overlays stood was left at a file that was removed.
#[test]
fn a_disk_that_is_added_between_two_points_is_part_of_what_follows() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let (one, two) = (point("one"), point("two"));
    vm.libvirt.freeze(&vm.vm, &one, "me").unwrap();
    let added = vm.folder.path().join("vdc.qcow2");
    disk::create_qcow2(&added, model::ByteCount(1 << 20)).unwrap();
    let path = added.display().to_string();
    let attach = [
        "attach-disk",
        &vm.name,
        &path,
        "vdc",
        "--driver",
        "qemu",
        "--subdriver",
        "qcow2",
    ];
    vm.virsh(&[&attach[..], &["--config"]].concat()).unwrap();
    vm.libvirt.freeze(&vm.vm, &two, "me").unwrap();
    let at = |point: &PointName| {
        let at = DiskAt::Point(point.clone());
        vm.libvirt.open_disk(&vm.vm, &key("vdc"), &at, None)
    };
    assert!(matches!(at(&one), Err(PlatformError::NoDisk { .. })));
    at(&two).unwrap();
    vm.libvirt.revert(&vm.vm, &one).unwrap();
    vm.libvirt.drop_point(&vm.vm, &one, "me").unwrap();
    assert_eq!(vm.overlays(), [""; 0]);
    assert_eq!(vm.sources(), [vm.base("vda"), vm.base("vdb"), added]);
    vm.start_stopped();
}

#[test]
fn a_snapshot_of_somebody_else_stops_it_and_stays() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    vm.start_stopped();
    let one = point("one");
    vm.libvirt.freeze(&vm.vm, &one, "me").unwrap();
    let foreign = vm.folder.path().join("foreign.qcow2");
    let spec = format!("vda,snapshot=external,file={}", foreign.display());
    vm.virsh(&[
        "snapshot-create-as",
        &vm.name,
        "--disk-only",
        "--no-metadata",
        "--diskspec",
        &spec,
        "--diskspec",
        "vdb,snapshot=no",
    ])
    .unwrap();
    for refused in [
        vm.libvirt.freeze(&vm.vm, &point("two"), "me").map(drop),
        vm.libvirt.drop_point(&vm.vm, &one, "me"),
    ] {
        let words = refused.unwrap_err().to_string();
        assert!(
            words.contains("foreign.qcow2") && words.contains("retry"),
            "{words}"
        );
    }
    assert!(vm.sources().contains(&foreign));
}
