//! Trying a connection, losing one, hearing what happens, and what a site holds.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use hypervisor::{
    Platform as _, PlatformError, Retry,
    libvirt::{ConnectionUri, Libvirt, LibvirtSettings, LibvirtSite, test_connection},
};
use model::{ByteCount, DiskPair, NewPair, PowerState, ReplicaState, SiteId, SiteRole};

use crate::hosts::{Hosts, MIB, Vm, key, nowhere};

#[test]
fn a_connection_that_works_says_what_is_there_and_one_that_does_not_says_why() {
    let Some(hosts) = Hosts::told() else { return };
    let settings = hosts.settings();
    let uri = ConnectionUri::parse(&hosts.prod).unwrap();
    let report = test_connection(&settings, &uri).unwrap();
    assert_eq!(report.host, "prod");
    for version in [&report.libvirt, &report.qemu] {
        assert!(
            version.split('.').all(|it| it.parse::<u32>().is_ok()),
            "{version}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let uri = format!("qemu:///system?socket={}", nowhere(folder.path()));
    let uri = ConnectionUri::parse(&uri).unwrap();
    let why = test_connection(&settings, &uri).unwrap_err();
    assert!(why.contains("No such file"), "{why}");
}

#[test]
fn a_host_is_the_same_by_every_way_in() {
    let Some(hosts) = Hosts::told() else { return };
    let settings = hosts.settings();
    let try_uri = |uri: &str| test_connection(&settings, &ConnectionUri::parse(uri).unwrap());
    let here = try_uri(&hosts.prod).unwrap();
    let tls = hosts.prod_tls.clone();
    assert_eq!(try_uri(&tls).unwrap().id, here.id);
    // A client that has no certificate of the authority that the host knows.
    let (place, folder) = tls.split_once("pkipath=").unwrap();
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(
        format!("{folder}/cacert.pem"),
        other.path().join("cacert.pem"),
    )
    .unwrap();
    let why = try_uri(&format!("{place}pkipath={}", other.path().display())).unwrap_err();
    assert!(why.contains("TLS") || why.contains("certificate"), "{why}");

    let ssh = hosts.by_ssh().prod;
    assert_eq!(try_uri(&ssh).unwrap().id, here.id);
    let (place, _) = ssh.split_once("keyfile=").unwrap();
    let why = try_uri(&format!("{place}keyfile=/nowhere/key")).unwrap_err();
    assert!(why.contains("Permission denied"), "{why}");
    // What a host without them says.
    let no_tools = other.path().join("ssh");
    let script = "#!/bin/sh\ncase \"$*\" in *cat) : >\"$3\"; exec cat ;; esac\necho not found >&2; exit 127\n";
    std::fs::write(&no_tools, script).unwrap();
    std::fs::set_permissions(&no_tools, std::fs::Permissions::from_mode(0o755)).unwrap();
    let without_tools = LibvirtSettings {
        ssh: no_tools,
        ..settings.clone()
    };
    let uri = ConnectionUri::parse(&ssh).unwrap();
    let why = test_connection(&without_tools, &uri).unwrap_err();
    assert!(why.starts_with("qemu-img cannot be run there"), "{why}");
}

#[test]
fn what_happens_at_a_host_is_told_and_not_waited_for() {
    let Some(hosts) = Hosts::told() else { return };
    let vm = Vm::new(&hosts);
    let settings = LibvirtSettings {
        reread_after: Duration::from_secs(3600),
        ..hosts.settings()
    };
    let libvirt = Libvirt::new(settings);
    libvirt.put_site(LibvirtSite {
        id: vm.vm.site.clone(),
        name: "prod".to_owned(),
        role: SiteRole::Production,
        uri: ConnectionUri::parse(&hosts.prod).unwrap(),
    });
    let power = || {
        let inventory = libvirt.inventory(&vm.vm.site).unwrap();
        let found = inventory.vms.into_iter().find(|it| it.vm == vm.vm);
        found.map(|it| it.power)
    };
    let until = |wanted: PowerState| {
        let begun = Instant::now();
        while power() != Some(wanted) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{wanted:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until(PowerState::Off);
    // The client needs a moment until it listens; what happens in it is told by the next event.
    std::thread::sleep(Duration::from_secs(2));
    vm.start_stopped();
    until(PowerState::On);
    vm.virsh(&["destroy", &vm.name]).unwrap();
    until(PowerState::Off);
}

#[test]
fn a_host_that_does_not_answer_is_no_loss_and_may_answer_later() {
    let Some(hosts) = Hosts::told() else { return };
    let folder = tempfile::tempdir().unwrap();
    let libvirt = hosts.platform();
    let uri = format!("qemu:///system?socket={}", nowhere(folder.path()));
    let gone = SiteId::new("gone");
    libvirt.put_site(LibvirtSite {
        id: gone.clone(),
        name: "Gone".to_owned(),
        role: SiteRole::Production,
        uri: ConnectionUri::parse(&uri).unwrap(),
    });
    let error = libvirt.inventory(&gone).unwrap_err();
    assert!(
        matches!(error, PlatformError::Unreachable { .. }),
        "{error}"
    );
    assert_eq!(error.retry(), Retry::Temporary);
    libvirt.inventory(&SiteId::new("prod")).unwrap();
}

#[test]
fn a_pair_is_registered_in_the_replicas_own_domain_and_listed_while_it_runs() {
    let Some(hosts) = Hosts::told() else { return };
    let (original, replica) = (Vm::new(&hosts), Vm::at(&hosts, "dr", &hosts.dr));
    let pairs = |list: &[(&str, &str)]| {
        let pair = |(a, b): &(&str, &str)| DiskPair {
            replica: key(a),
            production: key(b),
        };
        NewPair {
            replica: replica.vm.clone(),
            original: original.vm.clone(),
            disk_pairs: list.iter().map(pair).collect(),
        }
    };
    let register = |list: &[(&str, &str)]| replica.libvirt.register_pair(&pairs(list));
    assert!(matches!(
        register(&[("vdz", "vda")]),
        Err(PlatformError::NoDisk { .. })
    ));
    let twice = register(&[("vda", "vda"), ("vdb", "vda")]).unwrap_err();
    assert!(twice.to_string().contains("paired twice"), "{twice}");
    let id = register(&[("vda", "vda"), ("vdb", "vdb")]).unwrap();
    assert_eq!(
        register(&[("vda", "vda")]).unwrap(),
        id,
        "changed, not registered twice"
    );

    let listed = || {
        let inventory = replica.libvirt.inventory(&replica.vm.site).unwrap();
        let found = inventory.replicas.into_iter().find(|it| it.id == id);
        let vm = inventory.vms.into_iter().find(|it| it.vm == replica.vm);
        (found.unwrap(), vm.unwrap(), inventory.jobs)
    };
    let (record, vm, jobs) = listed();
    assert_eq!(
        (record.state, &record.original),
        (ReplicaState::Ready, &original.vm)
    );
    assert!(
        jobs.iter()
            .any(|job| job.id == record.job && job.vms.contains(&original.vm))
    );
    assert_eq!(vm.power, PowerState::Off);
    let sizes: Vec<_> = vm
        .disks
        .iter()
        .map(|it| (it.name.as_str(), it.size))
        .collect();
    assert_eq!(
        sizes,
        [("vda", ByteCount(16 * MIB)), ("vdb", ByteCount(8 * MIB))]
    );
    replica.start_stopped();
    assert_eq!(listed().0.state, ReplicaState::Failover);
    // Another console finds it by its id alone.
    hosts.platform().set_replication_hold(&id, true).unwrap();
    assert!(listed().0.on_hold);
    replica.libvirt.forget_pair(&replica.vm).unwrap();
    let inventory = replica.libvirt.inventory(&replica.vm.site).unwrap();
    assert!(inventory.replicas.iter().all(|it| it.id != id));
}
