//! A guest with QEMU's own agent: points that it freezes, one that it is silent at, and its shutdown.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use disk::Access;
use hypervisor::{Consistency, DiskAt, Frozen, Platform as _};
use model::{PointName, PowerState};

use crate::hosts::{Hosts, Vm, key, open};

/// An emulated guest on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);
/// What a point may take whose agent is silent: libvirt gives an agent some seconds.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn an_agent_freezes_what_it_is_there_for_and_its_silence_holds_nothing_up() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::with_agent(&hosts);
    vm.virsh(&["start", &vm.name]).unwrap();
    let early = freeze(&vm, "early");
    assert_eq!(
        early.consistency,
        Consistency::NoAgent,
        "its guest has yet to boot"
    );

    until("the agent", || answers(&vm));
    let before = ticks_above(&vm, 0);
    let frozen = freeze(&vm, "frozen");
    assert_eq!(frozen.consistency, Consistency::Frozen);
    assert_eq!(freeze(&vm, "frozen"), frozen, "asked again");
    let written = on_disk(&vm, "frozen");
    assert!(
        written >= before,
        "what was never synced is there: {written}, {before}"
    );
    ticks_above(&vm, before);

    // It keeps its channel open and answers nothing any more.
    silence(&vm);
    let before = ticks_above(&vm, written + 1);
    let begun = Instant::now();
    let silent = freeze(&vm, "silent");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(
        matches!(&silent.consistency, Consistency::AgentFailed(why) if why.contains("agent")),
        "{silent:?}"
    );
    assert_eq!(freeze(&vm, "silent"), silent, "asked again");
    // Without the freeze it is as after a loss of power: so what the agent was there for is seen.
    let written = on_disk(&vm, "silent");
    assert!(written < before, "{written}, {before}");

    // Shutting down by the power button still works.
    vm.libvirt.request_shutdown(&vm.vm).unwrap();
    until("it is off", || is_off(&vm));
    assert!(said(&vm).contains("GUEST-OFF up="));
    let off = freeze(&vm, "off");
    assert_eq!(off.consistency, Consistency::Off);
}

#[test]
fn a_guest_is_shut_down_by_its_agent_where_it_has_one() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::with_agent(&hosts);
    vm.virsh(&["start", &vm.name]).unwrap();
    until("the agent", || answers(&vm));
    vm.libvirt.request_shutdown(&vm.vm).unwrap();
    until("it is off", || is_off(&vm));
    let said = said(&vm);
    assert!(said.contains("GUEST-OFF by its agent"), "{said}");
    vm.libvirt.request_shutdown(&vm.vm).unwrap();
}

fn freeze(vm: &Vm, name: &str) -> Frozen {
    let point = PointName::new(name);
    vm.libvirt.freeze(&vm.vm, &point, "me").expect("a point")
}

fn said(vm: &Vm) -> String {
    let bytes = fs::read(vm.console()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until it has ticked more often than that; returns how often.
fn ticks_above(vm: &Vm, than: usize) -> usize {
    let ticks = || said(vm).matches("GUEST-TICK").count();
    until("it ticks", || ticks() > than);
    ticks()
}

/// Whether its agent can be asked.
fn answers(vm: &Vm) -> bool {
    agent(vm, "{\"execute\": \"guest-ping\"}").is_ok()
}

fn agent(vm: &Vm, command: &str) -> Result<String, String> {
    vm.virsh(&["qemu-agent-command", "--timeout", "5", &vm.name, command])
}

/// The agent stops itself.
fn silence(vm: &Vm) {
    let command = "{\"execute\": \"guest-exec\", \"arguments\": {\"path\": \"/bin/sh\", \
                   \"arg\": [\"-c\", \"kill -STOP $PPID\"]}}";
    // It may be stopped before it has answered.
    drop(agent(vm, command));
    until("it is silent", || !answers(vm));
}

fn is_off(vm: &Vm) -> bool {
    vm.libvirt.vm(&vm.vm).expect("it is there").power == PowerState::Off
}

/// How many ticks its file system holds at a point, on the disk and not in the guest's memory.
fn on_disk(vm: &Vm, point: &str) -> usize {
    let at = DiskAt::Point(PointName::new(point));
    let locator = vm.libvirt.open_disk(&vm.vm, &key("vdb"), &at, None);
    let disk = open(&locator.expect("a disk"), Access::Read);
    let mut bytes = vec![0; usize::try_from(disk.size().0).expect("small")];
    disk.read_at(0, &mut bytes).expect("read");
    String::from_utf8_lossy(&bytes)
        .matches("not synced ")
        .count()
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}
