//! A session's layers on a production VM.

use hypervisor::{DiskAt, LayerName, Platform as _, PlatformError};

use crate::hosts::{Hosts, Vm, key};

const ME: &str = "session-1";

fn layer(name: &str) -> LayerName {
    LayerName(name.to_owned())
}

/// Held, with old content, and new content merged into the layer above it.
fn failed_back(hosts: &Hosts) -> Vm {
    let vm = Vm::new(hosts);
    vm.start_stopped();
    vm.guest_writes("vda", 1, 1);
    vm.guest_writes("vdb", 1, 1);
    vm.libvirt.power_off(&vm.vm).expect("done");
    vm.libvirt.hold(&vm.vm, ME).expect("done");
    vm.libvirt
        .layer_create(&vm.vm, &layer("before"), ME)
        .expect("done");
    vm.libvirt
        .layer_create(&vm.vm, &layer("work"), ME)
        .expect("done");
    vm.libvirt
        .layer_create(&vm.vm, &layer("work"), ME)
        .expect("done");
    vm.mover_writes("vda", ME, 1, 2);
    vm.mover_writes("vdb", ME, 5, 2);
    assert!(
        vm.libvirt
            .layer_size(&vm.vm, &layer("work"))
            .expect("done")
            .0
            > 0
    );
    vm.libvirt
        .layer_merge(&vm.vm, &layer("work"))
        .expect("done");
    vm.libvirt
        .layer_merge(&vm.vm, &layer("work"))
        .expect("done");
    assert!(
        !vm.libvirt
            .layer_exists(&vm.vm, &layer("work"))
            .expect("done")
    );
    assert_eq!(vm.overlays().len(), 2);
    assert_eq!(vm.reads("vda", &DiskAt::Active, 1), 2);
    assert_eq!(vm.reads("vdb", &DiskAt::Active, 1), 1);
    vm
}

#[test]
fn what_was_sent_is_dropped_and_the_content_of_before_is_there_again() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = failed_back(&hosts);
    vm.libvirt.layer_drop(&vm.vm, &layer("before")).unwrap();
    vm.libvirt.layer_drop(&vm.vm, &layer("before")).unwrap();
    assert_eq!(vm.overlays(), [""; 0]);
    assert_eq!(vm.reads("vda", &DiskAt::Active, 1), 1);
    assert_eq!(vm.reads("vdb", &DiskAt::Active, 5), 0);
    vm.libvirt.release(&vm.vm, ME).unwrap();
    assert_eq!(vm.sources(), [vm.base("vda"), vm.base("vdb")]);
    vm.start_stopped();
}

#[test]
fn what_was_sent_is_merged_while_the_vm_runs_and_writes() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = failed_back(&hosts);
    vm.libvirt.release(&vm.vm, ME).unwrap();
    vm.start_stopped();
    vm.guest_writes("vda", 7, 7);
    vm.libvirt.layer_merge(&vm.vm, &layer("before")).unwrap();
    vm.guest_writes("vda", 8, 8);
    assert_eq!(vm.overlays(), [""; 0]);
    assert_eq!(vm.sources(), [vm.base("vda"), vm.base("vdb")]);
    vm.libvirt.power_off(&vm.vm).unwrap();
    for (cluster, byte) in [(1, 2), (7, 7), (8, 8)] {
        assert_eq!(vm.reads("vda", &DiskAt::Active, cluster), byte, "{cluster}");
    }
}

#[test]
fn a_merge_that_was_broken_off_between_two_disks_ends() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = failed_back(&hosts);
    vm.libvirt.release(&vm.vm, ME).unwrap();
    vm.start_stopped();
    // One disk was merged when the console ended.
    vm.virsh(&[
        "blockcommit",
        &vm.name,
        "vda",
        "--active",
        "--pivot",
        "--wait",
    ])
    .unwrap();
    vm.libvirt.layer_merge(&vm.vm, &layer("before")).unwrap();
    assert_eq!(vm.overlays(), [""; 0]);
    vm.libvirt.power_off(&vm.vm).unwrap();
    assert_eq!(vm.reads("vda", &DiskAt::Active, 1), 2);
    assert_eq!(vm.reads("vdb", &DiskAt::Active, 5), 2);
}

/// Found in review: what a guest wrote after the pivot was overwritten by the older overlay.
#[test]
fn what_qemu_merged_already_is_not_merged_again_when_the_vm_is_off() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = failed_back(&hosts);
    vm.libvirt.release(&vm.vm, ME).unwrap();
    vm.start_stopped();
    for disk in ["vda", "vdb"] {
        vm.virsh(&[
            "blockcommit",
            &vm.name,
            disk,
            "--active",
            "--pivot",
            "--wait",
        ])
        .unwrap();
    }
    vm.guest_writes("vda", 1, 9);
    vm.libvirt.power_off(&vm.vm).unwrap();
    vm.libvirt.layer_merge(&vm.vm, &layer("before")).unwrap();
    assert_eq!(vm.reads("vda", &DiskAt::Active, 1), 9);
    assert_eq!(vm.overlays(), [""; 0]);
}

/// Found in review: a memory that was saved came back over disks that had changed.
#[test]
fn a_vm_whose_memory_was_saved_is_neither_held_nor_written_to() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    vm.start_stopped();
    vm.virsh(&["managedsave", &vm.name]).unwrap();
    for refused in [
        vm.libvirt.hold(&vm.vm, ME),
        vm.libvirt.layer_create(&vm.vm, &layer("before"), ME),
        vm.libvirt.power_on(&vm.vm, None),
    ] {
        let words = refused.unwrap_err().to_string();
        assert!(words.contains("managedsave-remove"), "{words}");
    }
    vm.virsh(&["managedsave-remove", &vm.name]).unwrap();
    vm.libvirt.hold(&vm.vm, ME).unwrap();
}

/// Found in review: Landfall would have taken an operator's copy for its own merge.
#[test]
fn a_job_of_somebody_else_on_a_disk_stops_a_merge_and_goes_on() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = failed_back(&hosts);
    vm.libvirt.release(&vm.vm, ME).unwrap();
    vm.start_stopped();
    let copy = vm.folder.path().join("copy.qcow2").display().to_string();
    vm.virsh(&[
        "blockcopy",
        &vm.name,
        "vda",
        "--dest",
        &copy,
        "--transient-job",
        "--wait",
    ])
    .unwrap();
    let words = vm.libvirt.layer_merge(&vm.vm, &layer("before"));
    let words = words.unwrap_err().to_string();
    assert!(words.contains("somebody else"), "{words}");
    vm.virsh(&["blockjob", &vm.name, "vda", "--abort"]).unwrap();
    vm.libvirt.layer_merge(&vm.vm, &layer("before")).unwrap();
    assert_eq!(vm.overlays(), [""; 0]);
}

#[test]
fn only_the_holder_writes_and_only_to_a_vm_that_is_off_and_fenced() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let open = |writer: &str| {
        let (disk, at) = (key("vda"), DiskAt::Active);
        vm.libvirt.open_disk(&vm.vm, &disk, &at, Some(writer))
    };
    assert!(matches!(open(ME), Err(PlatformError::Held { .. })));
    let before = vm.inactive();
    vm.libvirt.hold(&vm.vm, ME).unwrap();
    assert!(matches!(open("other"), Err(PlatformError::Held { .. })));
    open(ME).unwrap();
    let epoch = vm.libvirt.write_epoch(&vm.vm).unwrap();
    // Somebody puts the definition of before back, and with it the fence away, but not the record.
    let path = vm.folder.path().join("old.xml");
    let record = vm.inactive();
    let metadata = record.split("<metadata>").nth(1).unwrap();
    let metadata = metadata.split("</metadata>").next().unwrap();
    let name_ends = before.find("</uuid>").unwrap() + "</uuid>".len();
    let (head, tail) = before.split_at(name_ends);
    std::fs::write(
        &path,
        format!("{head}<metadata>{metadata}</metadata>{tail}"),
    )
    .unwrap();
    vm.virsh(&["define", &path.display().to_string()]).unwrap();
    // It is fenced again, and what may have been written meanwhile counts as somebody else's.
    open(ME).unwrap();
    assert!(vm.libvirt.write_epoch(&vm.vm).unwrap() > epoch);
    let refused = vm.virsh(&["start", &vm.name]).unwrap_err();
    assert!(refused.contains("held-by"), "{refused}");
}
