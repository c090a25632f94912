//! The hosts themselves: what other tests rely on. Only where `cargo xtask test` found that they can be.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{Kit, VARIABLE, demo, hosts::Hosts};
use crate::workspace;

/// An emulated guest on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_guest_outlives_its_libvirtd_heeds_its_power_button_and_ends_with_its_host() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let kit = Kit::get().expect("libvirt was there a moment ago");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let hosts = Hosts::start(&kit, folder.path()).expect("two hosts");
    let prod = hosts.prod.uri();
    boot(&kit, &prod, folder.path());
    let act = |name: &str| {
        workspace::output(&mut Command::new(hosts.prod.folder().join(name))).expect(name);
    };

    act("kill-libvirtd");
    kit.virsh(&prod, &["hostname"]).expect_err("nobody answers");
    let ticks = ticks(folder.path());
    act("start-libvirtd");
    let state = kit.virsh(&prod, &["domstate", "vm"]).expect("an answer");
    assert_eq!(state.trim(), "running");
    until("it still ticks", || self::ticks(folder.path()) > ticks);

    kit.virsh(&prod, &["shutdown", "vm"]).expect("asked");
    until("it is off", || {
        let state = kit.virsh(&prod, &["domstate", "vm"]).expect("an answer");
        state.trim() == "shut off"
    });

    kit.virsh(&prod, &["start", "vm"]).expect("started");
    let process = hosts.prod.folder().join("run/qemu/vm.pid");
    assert!(process.exists());
    let place = folder.path().to_string_lossy().into_owned();
    assert!(uses(&place), "its QEMU is seen from outside");
    drop(hosts);
    assert!(!uses(&place), "nothing runs on");
}

/// Defines and starts a virtual machine and waits until it writes.
fn boot(kit: &Kit, uri: &str, folder: &Path) {
    let disk = folder.join("vm.qcow2");
    let mut create = Command::new("qemu-img");
    create
        .args(["create", "-q", "-f", "qcow2"])
        .arg(&disk)
        .arg("64M");
    workspace::output(&mut create).expect("a disk");
    let definition = folder.join("vm.xml");
    fs::write(&definition, demo::domain(kit, folder, "vm", &disk)).expect("a fresh file");
    kit.virsh(uri, &["define", &definition.to_string_lossy()])
        .expect("defined");
    kit.virsh(uri, &["start", "vm"]).expect("started");
    until("it ticks", || ticks(folder) > 0);
}

fn ticks(folder: &Path) -> usize {
    fs::read_to_string(folder.join("vm.log"))
        .unwrap_or_default()
        .matches("GUEST-TICK")
        .count()
}

/// Whether a QEMU was told of this folder.
fn uses(folder: &str) -> bool {
    fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .any(|line| line.contains("qemu-system") && line.contains(folder))
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}
