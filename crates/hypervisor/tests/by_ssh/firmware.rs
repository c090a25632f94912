//! UEFI variables and TPM state go from one host's VM to the other's, whose QEMU and swtpm take them.

use hypervisor::{FirmwareState, Platform as _};
use model::{ByteCount, NewVm, VmRef};
use uuid::Uuid;

use crate::{
    hosts::{Hosts, MIB, Vm},
    made::wanted,
};

const UEFI: &str = "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>\
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'/>";
const TPM: &str = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>";

/// A VM of its own at DR with firmware and TPM, which was on once.
fn with_firmware(hosts: &Hosts) -> Vm {
    let plain = Vm::at(hosts, "dr", &hosts.dr);
    let boot = format!("<os><type machine='q35'>hvm</type>{UEFI}</os><features><acpi/></features>");
    plain.define_as(64, &boot, TPM);
    plain.start_stopped();
    plain.libvirt.power_off(&plain.vm).expect("off");
    plain
}

#[test]
fn a_new_vm_starts_with_the_variables_and_the_tpm_of_the_replica() {
    let Some(hosts) = Hosts::told() else { return };
    let (replica, libvirt) = (with_firmware(&hosts), hosts.platform());
    let mut state = libvirt.firmware_state(&replica.vm).unwrap();
    assert_eq!(
        (state.words().as_str(), &*state.left),
        ("UEFI variables and TPM state", &[][..])
    );
    // Not what every VM begins with: the last byte of the spare block, which is erased.
    *state.variables.as_mut().unwrap().last_mut().unwrap() = 0x7f;
    libvirt.set_firmware_state(&replica.vm, &state).unwrap();
    assert!(libvirt.firmware_state(&replica.vm).unwrap().is_same(&state));

    let folder = tempfile::tempdir().unwrap();
    let name = format!("uefi-{}", Uuid::now_v7().simple());
    let mut spec = NewVm {
        like: Some(replica.vm.clone()),
        ..wanted(folder.path(), &name)
    };
    spec.disks[0].size = ByteCount(16 * MIB);
    libvirt.create_vm(&spec, "me").unwrap();
    assert!(libvirt.firmware_state(&spec.vm).unwrap().is_empty());
    libvirt.hold(&spec.vm, "me").unwrap();
    let left = libvirt.set_firmware_state(&spec.vm, &state).unwrap();
    assert_eq!(left, Vec::<String>::new());
    let given = |vm: &VmRef| libvirt.firmware_state(vm).unwrap();
    assert!(given(&spec.vm).is_same(&state));
    libvirt.release(&spec.vm, "me").unwrap();
    libvirt.power_on(&spec.vm, None).unwrap();
    assert!(
        libvirt.set_firmware_state(&spec.vm, &state).is_err(),
        "it runs"
    );
    libvirt.power_off(&spec.vm).unwrap();
    // It began with them: a TPM counts its starts, and one that libvirt makes anew has other seeds.
    let after = given(&spec.vm);
    assert_eq!(after.variables, state.variables);
    assert!(
        differ(&after, &state) < 64,
        "{} bytes",
        differ(&after, &state)
    );
    let another = with_firmware(&hosts);
    let anew = libvirt.firmware_state(&another.vm).unwrap();
    assert!(
        differ(&anew, &state) > 128,
        "{} bytes",
        differ(&anew, &state)
    );
    libvirt.remove_vm(&spec.vm, "me").unwrap();
}

/// In how many bytes two TPMs differ.
fn differ(one: &FirmwareState, other: &FirmwareState) -> usize {
    let (one, other) = (&one.tpm["tpm2-00.permall"], &other.tpm["tpm2-00.permall"]);
    assert_eq!(one.len(), other.len());
    one.iter()
        .zip(other)
        .filter(|(one, other)| one != other)
        .count()
}
