//! The hosts, and VMs on them whose QEMU runs without a guest: what a guest would write is written by
//! QEMU's own `qemu-io`, so that a test knows each byte.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use disk::{Access, Disk};
use hypervisor::{
    DiskAt, Platform as _,
    libvirt::{ConnectionUri, Libvirt, LibvirtSettings, LibvirtSite},
};
use model::{DiskKey, SiteId, SiteRole, VmRef};
use serde::Deserialize;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const CLUSTER: u64 = 64 << 10;

/// What `cargo xtask libvirt-hosts` prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Hosts {
    pub(crate) prod: String,
    pub(crate) dr: String,
    prod_ssh: String,
    dr_ssh: String,
    pub(crate) prod_tls: String,
    virsh_dir: PathBuf,
    kernel: PathBuf,
    initrd_agent: PathBuf,
}

impl Hosts {
    /// None where there are none; the reason was told before the tests began.
    pub(crate) fn told() -> Option<Self> {
        let line = std::env::var("LANDFALL_LIBVIRT").ok()?;
        let hosts: Self = serde_json::from_str(&line).expect("the line of the hosts");
        Some(if env!("CARGO_CRATE_NAME") == "by_ssh" {
            hosts.by_ssh()
        } else {
            hosts
        })
    }

    /// The same hosts, as other machines.
    pub(crate) fn by_ssh(self) -> Self {
        Self {
            prod: self.prod_ssh.clone(),
            dr: self.dr_ssh.clone(),
            ..self
        }
    }

    pub(crate) fn settings(&self) -> LibvirtSettings {
        LibvirtSettings {
            virsh: self.virsh_dir.join("virsh"),
            ssh: self.virsh_dir.join("ssh"),
            reread_after: Duration::ZERO,
            ..LibvirtSettings::default()
        }
    }

    /// Both as sites of a platform.
    pub(crate) fn platform(&self) -> Libvirt {
        let libvirt = Libvirt::new(self.settings());
        for (id, role, uri) in [
            ("prod", SiteRole::Production, &self.prod),
            ("dr", SiteRole::DisasterRecovery, &self.dr),
        ] {
            libvirt.put_site(LibvirtSite {
                id: SiteId::new(id),
                name: id.to_owned(),
                role,
                uri: ConnectionUri::parse(uri).expect("an address"),
            });
        }
        libvirt
    }
}

/// A VM with two disks that this test made on one of the hosts; gone at its end.
#[derive(Debug)]
pub(crate) struct Vm {
    pub(crate) vm: VmRef,
    pub(crate) name: String,
    pub(crate) libvirt: Libvirt,
    pub(crate) folder: TempDir,
    virsh: PathBuf,
    uri: String,
}

impl Vm {
    /// One on the production host, off.
    pub(crate) fn new(hosts: &Hosts) -> Self {
        Self::at(hosts, "prod", &hosts.prod)
    }

    pub(crate) fn at(hosts: &Hosts, site: &str, uri: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let uuid = Uuid::now_v7();
        let vm = Self {
            vm: VmRef {
                site: SiteId::new(site),
                platform_id: uuid.to_string(),
            },
            name: format!("vm-{}", uuid.simple()),
            libvirt: hosts.platform(),
            folder,
            virsh: hosts.settings().virsh,
            uri: uri.to_owned(),
        };
        disk::create_qcow2(&vm.base("vda"), model::ByteCount(16 * MIB)).expect("a disk");
        disk::create_raw(&vm.base("vdb"), model::ByteCount(8 * MIB)).expect("a disk");
        vm.define();
        vm
    }

    /// One that boots a guest with QEMU's guest agent, which has a file system on `vdb`.
    pub(crate) fn with_agent(hosts: &Hosts) -> Self {
        let vm = Self::new(hosts);
        let boot = format!(
            "<os><type arch='x86_64' machine='q35'>hvm</type><kernel>{}</kernel><initrd>{}</initrd>\
             <cmdline>console=ttyS0 panic=-1 loglevel=3</cmdline></os><features><acpi/></features>",
            hosts.kernel.display(),
            hosts.initrd_agent.display()
        );
        let devices = format!(
            "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>\
             <serial type='file'><source path='{}' append='on'/></serial>",
            vm.console().display()
        );
        vm.define_as(192, &boot, &devices);
        vm
    }

    /// Where its guest's words go.
    pub(crate) fn console(&self) -> PathBuf {
        self.folder.path().join("console.log")
    }

    /// The lowest image of a disk.
    pub(crate) fn base(&self, target: &str) -> PathBuf {
        let kind = if target == "vda" { "qcow2" } else { "raw" };
        self.folder.path().join(format!("{target}.{kind}"))
    }

    fn define(&self) {
        self.define_as(64, "<os><type machine='q35'>hvm</type></os>", "");
    }

    pub(crate) fn define_as(&self, memory: u32, boot: &str, devices: &str) {
        let disk = |target: &str, kind: &str| {
            format!(
                "<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>\
                 <source file='{}'/><target dev='{target}' bus='virtio'/></disk>",
                self.base(target).display()
            )
        };
        let xml = format!(
            "<domain type='qemu'><name>{}</name><uuid>{}</uuid><memory unit='MiB'>{memory}</memory>\
             <vcpu>1</vcpu>{boot}<devices>{}{}{devices}\
             <graphics type='vnc' passwd='secret'/></devices></domain>",
            self.name,
            self.vm.platform_id,
            disk("vda", "qcow2"),
            disk("vdb", "raw"),
        );
        let path = self.folder.path().join("vm.xml");
        std::fs::write(&path, xml).expect("written");
        self.virsh(&["define", &path.display().to_string()])
            .expect("defined");
    }

    /// The client, as another operator would use it; its complaint where it fails.
    pub(crate) fn virsh(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.virsh)
            .args(["--quiet", "--connect", &self.uri])
            .args(arguments)
            .output()
            .expect("virsh is there");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Starts its QEMU with the processor stopped.
    pub(crate) fn start_stopped(&self) {
        self.virsh(&["start", "--paused", &self.name])
            .expect("started");
    }

    /// Writes as its guest would: one cluster of a byte.
    pub(crate) fn guest_writes(&self, target: &str, cluster: u64, byte: u8) {
        let number = u32::from(target == "vdb");
        let device = format!("/machine/peripheral/virtio-disk{number}/virtio-backend");
        let command = format!("write -P {byte} {} {CLUSTER}", cluster * CLUSTER);
        let line = format!("qemu-io -d {device} \"{command}\"");
        let said = self
            .virsh(&["qemu-monitor-command", &self.name, "--hmp", &line])
            .expect("a monitor");
        // It tells of success on its own standard output, and of a failure here.
        assert!(!said.contains("rror") && !said.contains("failed"), "{said}");
    }

    /// The first byte of a cluster, read where a mover would.
    pub(crate) fn reads(&self, target: &str, at: &DiskAt, cluster: u64) -> u8 {
        let locator = self.libvirt.open_disk(&self.vm, &key(target), at, None);
        byte_at(&locator.expect("a disk"), cluster)
    }

    /// Writes one cluster as a mover of `holder` does.
    pub(crate) fn mover_writes(&self, target: &str, holder: &str, cluster: u64, byte: u8) {
        let (key, at) = (key(target), DiskAt::Active);
        let locator = self.libvirt.open_disk(&self.vm, &key, &at, Some(holder));
        let disk = open(&locator.expect("a disk"), Access::Write);
        let bytes = vec![byte; usize::try_from(CLUSTER).expect("small")];
        disk.write_at(cluster * CLUSTER, &bytes).expect("written");
        disk.flush().expect("flushed");
    }

    /// The images that its definition names now.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        let xml = self.inactive();
        let sources = xml.split("<source file='").skip(1);
        sources
            .map(|rest| PathBuf::from(rest.split('\'').next().expect("a path")))
            .collect()
    }

    pub(crate) fn inactive(&self) -> String {
        self.virsh(&["dumpxml", "--inactive", "--security-info", &self.name])
            .expect("it is there")
    }

    /// The names of the files beside its images.
    pub(crate) fn overlays(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let names = entries.map(|it| {
            it.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        });
        let mut overlays: Vec<String> = names.filter(|it| it.contains("landfall")).collect();
        overlays.sort();
        overlays
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        drop(self.virsh(&["destroy", &self.name]));
        drop(self.virsh(&[
            "undefine",
            &self.name,
            "--checkpoints-metadata",
            "--snapshots-metadata",
        ]));
    }
}

pub(crate) fn key(target: &str) -> DiskKey {
    DiskKey::new(target)
}

pub(crate) fn open(locator: &disk::Locator, access: Access) -> Arc<dyn Disk> {
    disk::open(locator, access).expect("it opens")
}

pub(crate) fn byte_at(locator: &disk::Locator, cluster: u64) -> u8 {
    let mut byte = [0];
    open(locator, Access::Read)
        .read_at(cluster * CLUSTER, &mut byte)
        .expect("read");
    byte[0]
}

/// A name of a file that is not there.
pub(crate) fn nowhere(folder: &Path) -> String {
    folder.join("nowhere").display().to_string()
}
