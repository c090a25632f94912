//! What serves the images at the hosts: there when it is wanted, gone when it is not.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use disk::{Access, Locator};
use hypervisor::{DiskAt, Platform as _, PlatformError, Retry};
use model::{SiteId, TransportMode};

use crate::hosts::{Hosts, Vm, key, open};

/// Processes by their command lines, whose words are apart by zeroes.
fn processes(is: impl Fn(&str) -> bool) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    all.filter_map(|it| {
        let number: u32 = it.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(it.path().join("cmdline")).ok()?;
        is(&String::from_utf8_lossy(&line)).then_some(number)
    })
    .collect()
}

/// The `qemu-nbd` processes that have an image of a VM open.
fn servers(vm: &Vm) -> Vec<u32> {
    let folder = vm.folder.path().display().to_string();
    processes(|line| line.starts_with("qemu-nbd") && line.contains(&folder))
}

fn kill(process: u32) {
    let killed = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status();
    assert!(killed.expect("kill is there").success());
}

/// Waits until so many are there.
fn until(vm: &Vm, count: usize) {
    let begun = Instant::now();
    while servers(vm).len() != count {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            servers(vm)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_image_is_served_until_it_is_let_go_of_or_the_vm_goes_on() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let site = SiteId::new("prod");
    assert_eq!(vm.libvirt.transport_modes(&site), [TransportMode::Network]);
    let open_vda = |writer: Option<&str>| {
        let locator = vm
            .libvirt
            .open_disk(&vm.vm, &key("vda"), &DiskAt::Active, writer);
        locator.expect("a disk")
    };
    let locator = open_vda(None);
    assert!(matches!(locator, Locator::Nbd(_)));
    let disk = open(&locator, Access::Read);
    assert_eq!(servers(&vm).len(), 1);
    drop(disk);
    // Nobody is kept from starting the VM.
    until(&vm, 0);
    vm.libvirt.hold(&vm.vm, "me").unwrap();
    vm.mover_writes("vdb", "me", 3, 9);
    until(&vm, 0);
    assert_eq!(vm.reads("vdb", &DiskAt::Active, 3), 9);
    until(&vm, 0);
    // One that nobody opened, and one that takes the place of another.
    open_vda(Some("me"));
    open_vda(Some("me"));
    assert_eq!(servers(&vm).len(), 1);
    vm.libvirt.release(&vm.vm, "me").unwrap();
    assert!(servers(&vm).is_empty(), "nothing has its images open");
}

#[test]
fn servers_end_with_the_platform_and_with_their_connection() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let read = |libvirt: &hypervisor::libvirt::Libvirt| {
        let locator = libvirt.open_disk(&vm.vm, &key("vda"), &DiskAt::Active, None);
        open(&locator.unwrap(), Access::Read)
    };
    let other = hosts.platform();
    let disk = read(&other);
    assert_eq!(servers(&vm).len(), 1);
    drop(other);
    until(&vm, 0);
    disk.read_at(0, &mut [0; 512]).unwrap_err();
    // A connection that is cut is made again.
    let disk = read(&vm.libvirt);
    let masters = processes(|line| line.contains("landfall-ssh-") && line.ends_with("\0cat\0"));
    masters.into_iter().for_each(kill);
    disk.read_at(0, &mut [0; 512]).unwrap_err();
    read(&vm.libvirt).read_at(0, &mut [0; 512]).unwrap();
}

#[test]
fn an_image_that_is_not_there_is_an_error_in_the_words_of_the_host() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    std::fs::remove_file(vm.base("vda")).unwrap();
    let opened = vm
        .libvirt
        .open_disk(&vm.vm, &key("vda"), &DiskAt::Active, None);
    let error = opened.unwrap_err();
    assert!(matches!(error, PlatformError::Unexpected { .. }), "{error}");
    assert!(error.to_string().contains("No such file"), "{error}");
    assert_eq!(error.retry(), Retry::NeedsPerson);
    assert!(servers(&vm).is_empty());
}
