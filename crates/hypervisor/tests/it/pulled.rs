//! libvirt's own pull backup as a source of data and of ranges: what other tools offer is read, too.

use disk::{Access, Locator, NbdUri, dirty_ranges};
use model::ByteRange;

use crate::hosts::{CLUSTER, Hosts, Vm, open};

#[test]
fn a_pull_backup_is_read_as_it_began_and_its_bitmap_says_what_was_written() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let place = |name: &str| vm.folder.path().join(name).display().to_string();
    let written = |name: &str, xml: String| {
        let path = place(name);
        std::fs::write(&path, xml).unwrap();
        path
    };
    vm.start_stopped();
    let disks =
        "<disks><disk name='vda' checkpoint='bitmap'/><disk name='vdb' checkpoint='no'/></disks>";
    let xml = format!("<domaincheckpoint><name>before</name>{disks}</domaincheckpoint>");
    vm.virsh(&[
        "checkpoint-create",
        &vm.name,
        &written("checkpoint.xml", xml),
    ])
    .unwrap();
    vm.guest_writes("vda", 5, 7);
    vm.guest_writes("vda", 9, 8);
    let socket = place("backup.sock");
    let xml = format!(
        "<domainbackup mode='pull'><incremental>before</incremental>\
         <server transport='unix' socket='{socket}'/><disks>\
         <disk name='vda' backup='yes' type='file' exportname='vda' exportbitmap='since'>\
         <driver type='qcow2'/><scratch file='{}'/></disk>\
         <disk name='vdb' backup='no'/></disks></domainbackup>",
        place("scratch.qcow2")
    );
    vm.virsh(&["backup-begin", &vm.name, &written("backup.xml", xml)])
        .unwrap();
    // What is written from now on is no part of it.
    vm.guest_writes("vda", 9, 1);
    vm.guest_writes("vda", 11, 1);

    let uri = NbdUri::parse(&format!("nbd+unix:///vda?socket={socket}")).unwrap();
    let disk = open(&Locator::Nbd(uri.clone()), Access::Read);
    let byte = |cluster: u64| {
        let mut byte = [0];
        disk.read_at(cluster * CLUSTER, &mut byte).unwrap();
        byte[0]
    };
    assert_eq!([byte(5), byte(9), byte(11)], [7, 8, 0]);
    let ranges: Vec<ByteRange> = dirty_ranges(&uri, "since")
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let cluster = |number: u64| ByteRange::new(number * CLUSTER, CLUSTER);
    assert_eq!(ranges, [cluster(5), cluster(9)]);
    drop(disk);
    vm.virsh(&["domjobabort", &vm.name]).unwrap();
}
