//! Holding and starting.

use hypervisor::{Platform as _, PlatformError};
use model::PowerState;

use crate::hosts::{Hosts, Vm};

const ME: &str = "session-1";

#[test]
fn nobody_starts_a_vm_that_is_held_and_the_refusal_names_the_holder() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let before = vm.inactive();
    vm.libvirt.hold(&vm.vm, ME).unwrap();
    vm.libvirt.hold(&vm.vm, ME).unwrap();
    assert!(matches!(
        vm.libvirt.hold(&vm.vm, "other"),
        Err(PlatformError::Held { holder, .. }) if holder == ME
    ));
    let refused = vm.virsh(&["start", &vm.name]).unwrap_err();
    assert!(refused.contains("/landfall/held-by/session-1"), "{refused}");
    assert!(matches!(
        vm.libvirt.power_on(&vm.vm, None),
        Err(PlatformError::Held { .. })
    ));
    assert!(vm.libvirt.release(&vm.vm, "other").is_err());

    vm.libvirt.power_on(&vm.vm, Some(ME)).unwrap();
    vm.libvirt.power_on(&vm.vm, Some(ME)).unwrap();
    assert_eq!(vm.libvirt.vm(&vm.vm).unwrap().power, PowerState::On);
    vm.libvirt.power_off(&vm.vm).unwrap();
    vm.libvirt.power_off(&vm.vm).unwrap();
    assert!(
        vm.virsh(&["start", &vm.name]).is_err(),
        "it is fenced again"
    );
    vm.libvirt.release(&vm.vm, ME).unwrap();
    vm.libvirt.release(&vm.vm, ME).unwrap();

    // Nothing of it is left but Landfall's own record; its secret is there, too.
    let after = vm.inactive();
    let start = after.find("  <metadata>").unwrap();
    let end = after.find("</metadata>\n").unwrap() + "</metadata>\n".len();
    assert_eq!(format!("{}{}", &after[..start], &after[end..]), before);
    assert!(before.contains("passwd='secret'"));
    vm.start_stopped();
}

#[test]
fn a_vm_that_is_on_is_held_for_its_next_start() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    vm.start_stopped();
    vm.libvirt.hold(&vm.vm, ME).unwrap();
    vm.libvirt.power_off(&vm.vm).unwrap();
    assert!(vm.virsh(&["start", &vm.name]).is_err());
}

#[test]
fn whoever_writes_moves_the_write_epoch_and_a_mover_that_holds_it_does_not() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let epoch = || vm.libvirt.write_epoch(&vm.vm).unwrap();
    let first = epoch();
    assert_eq!(epoch(), first, "nobody wrote");
    vm.start_stopped();
    vm.guest_writes("vda", 1, 1);
    vm.libvirt.power_off(&vm.vm).unwrap();
    let second = epoch();
    assert!(second > first);
    vm.libvirt.hold(&vm.vm, ME).unwrap();
    assert_eq!(epoch(), second);
    vm.libvirt
        .layer_create(&vm.vm, &hypervisor::LayerName("l".to_owned()), ME)
        .unwrap();
    vm.mover_writes("vda", ME, 2, 2);
    assert_eq!(epoch(), second);
    vm.libvirt.release(&vm.vm, ME).unwrap();
    assert_eq!(epoch(), second, "what the holder wrote is known");
    vm.libvirt.power_on(&vm.vm, None).unwrap();
    assert!(epoch() > second);
}
