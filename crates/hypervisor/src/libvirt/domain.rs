//! A domain's XML, read: what of it Landfall knows. Nothing is changed here.

use std::path::PathBuf;

use model::{Adapter, ByteCount, DiskFormat, Firmware, Slot};
use roxmltree::{Document, Node};

use super::{
    edit,
    record::{self, VmRecord},
};

/// A domain as its XML describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Domain {
    pub(super) name: String,
    /// `qemu` or `kvm`.
    pub(super) virt_type: String,
    /// `pc-q35-10.0`.
    pub(super) machine: String,
    pub(super) cpus: u32,
    pub(super) memory: ByteCount,
    pub(super) firmware: Firmware,
    pub(super) adapters: Vec<Adapter>,
    pub(super) disks: Vec<DomainDisk>,
    /// A guest agent is connected; known of a running domain only.
    pub(super) agent: bool,
    /// What its firmware tells the guest that it is: the serial number that was set, else its UUID. A
    /// copy made by other tools keeps it.
    pub(super) identity: String,
    /// Who it is kept from starting for.
    pub(super) fenced_for: Option<String>,
    /// What it keeps that is on no disk: `UEFI variables`, `TPM state`.
    pub(super) beside_disks: Vec<&'static str>,
    pub(super) record: VmRecord,
}

/// One disk that holds a VM's data: no CD, no floppy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DomainDisk {
    /// `vda`.
    pub(super) target: String,
    pub(super) source: Source,
    pub(super) format: DiskFormat,
    /// Nobody writes to it, or several VMs do: it is no part of a failback.
    pub(super) apart: bool,
    /// What about it Landfall cannot handle.
    pub(super) unsupported: Option<String>,
    pub(super) sector: u32,
    pub(super) slot: Option<Slot>,
    /// Files below the source, nearest first, as a running domain names them.
    pub(super) backing: Vec<PathBuf>,
}

/// Where a disk's data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Block(PathBuf),
    Volume { pool: String, volume: String },
    Network(String),
    None,
}

/// XML that is not as libvirt writes it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DomainError {
    #[error("read the domain's XML")]
    Xml(#[from] roxmltree::Error),
    #[error("the domain's XML has no {0}")]
    Missing(&'static str),
    #[error(
        "what Landfall keeps in the domain's metadata cannot be read; it was written by a newer \
         version, or by hand"
    )]
    Record(#[from] serde_json::Error),
}

impl Domain {
    pub(super) fn parse(xml: &str) -> Result<Self, DomainError> {
        let document = Document::parse(xml)?;
        let root = document.root_element();
        let os = child(root, "os").ok_or(DomainError::Missing("os"))?;
        let devices = child(root, "devices").ok_or(DomainError::Missing("devices"))?;
        let disks = children(devices, "disk")
            .filter(|disk| matches!(disk.attribute("device"), None | Some("disk" | "lun")))
            .map(disk)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            identity: identity(root)
                .or_else(|| text(root, "uuid"))
                .ok_or(DomainError::Missing("uuid"))?,
            fenced_for: edit::fenced_for(devices),
            name: text(root, "name").ok_or(DomainError::Missing("name"))?,
            virt_type: root.attribute("type").unwrap_or_default().to_owned(),
            machine: child(os, "type")
                .and_then(|it| it.attribute("machine"))
                .unwrap_or_default()
                .to_owned(),
            cpus: text(root, "vcpu")
                .and_then(|it| it.parse().ok())
                .unwrap_or(1),
            memory: memory(root),
            firmware: firmware(os),
            adapters: children(devices, "interface").map(adapter).collect(),
            disks,
            agent: agent(devices),
            beside_disks: beside_disks(os, devices),
            record: record::of(root)?,
        })
    }

    /// The disks that a failback moves.
    pub(super) fn movable(&self) -> impl Iterator<Item = &DomainDisk> {
        self.disks.iter().filter(|disk| !disk.apart)
    }
}

pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|it| it.has_tag_name(name))
}

pub(super) fn children<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |it| it.has_tag_name(name))
}

pub(super) fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let found = child(node, name)?.text()?.trim();
    (!found.is_empty()).then(|| found.to_owned())
}

fn disk(node: Node<'_, '_>) -> Result<DomainDisk, DomainError> {
    let target = child(node, "target").ok_or(DomainError::Missing("target of a disk"))?;
    let name = target.attribute("dev").unwrap_or_default().to_owned();
    let bus = target.attribute("bus").unwrap_or("unknown");
    let format = child(node, "driver").and_then(|it| it.attribute("type"));
    Ok(DomainDisk {
        source: source(node),
        format: if format == Some("qcow2") {
            DiskFormat::Qcow2
        } else {
            DiskFormat::Raw
        },
        apart: child(node, "readonly").is_some() || child(node, "shareable").is_some(),
        unsupported: unsupported(node, format),
        sector: child(node, "blockio")
            .and_then(|it| it.attribute("logical_block_size"))
            .and_then(|it| it.parse().ok())
            .unwrap_or(512),
        slot: slot(node, bus, &name),
        backing: backing(node),
        target: name,
    })
}

fn unsupported(node: Node<'_, '_>, format: Option<&str>) -> Option<String> {
    if node.attribute("device") == Some("lun") {
        return Some("it is a whole SCSI device".to_owned());
    }
    if let Some(format) = format.filter(|it| !matches!(*it, "qcow2" | "raw")) {
        return Some(format!("its format is {format}"));
    }
    let source = child(node, "source")?;
    for (element, words) in [
        ("encryption", "it is encrypted by QEMU"),
        ("slices", "it is a slice of an image"),
    ] {
        if child(source, element).is_some() {
            return Some(words.to_owned());
        }
    }
    None
}

fn source(node: Node<'_, '_>) -> Source {
    let Some(source) = child(node, "source") else {
        return Source::None;
    };
    let attribute = |name| source.attribute(name).unwrap_or_default().to_owned();
    match node.attribute("type") {
        Some("file") => Source::File(attribute("file").into()),
        Some("block") => Source::Block(attribute("dev").into()),
        Some("volume") => Source::Volume {
            pool: attribute("pool"),
            volume: attribute("volume"),
        },
        _ => Source::Network(attribute("protocol")),
    }
}

/// The controller is the bus: its number and unit where the domain names them, else the letter.
fn slot(node: Node<'_, '_>, bus: &str, target: &str) -> Option<Slot> {
    let address = child(node, "address");
    let drive = address.filter(|it| it.attribute("type") == Some("drive"));
    let number = |name| {
        drive
            .and_then(|it| it.attribute(name))
            .and_then(|it| it.parse::<u32>().ok())
    };
    if let (Some(controller), Some(unit)) = (number("controller"), number("unit")) {
        return Some(Slot {
            controller: format!("{bus}{controller}"),
            unit,
        });
    }
    let letter = target.bytes().last().filter(u8::is_ascii_lowercase)?;
    Some(Slot {
        controller: format!("{bus}0"),
        unit: u32::from(letter - b'a'),
    })
}

fn backing(node: Node<'_, '_>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut below = child(node, "backingStore");
    while let Some(store) = below {
        match source(store) {
            Source::File(path) => files.push(path),
            Source::Block(_) | Source::Volume { .. } | Source::Network(_) | Source::None => break,
        }
        below = child(store, "backingStore");
    }
    files
}

fn identity(root: Node<'_, '_>) -> Option<String> {
    let system = child(child(root, "sysinfo")?, "system")?;
    let serial = children(system, "entry").find(|it| it.attribute("name") == Some("serial"))?;
    let serial = serial.text()?.trim();
    (!serial.is_empty()).then(|| serial.to_owned())
}

fn memory(root: Node<'_, '_>) -> ByteCount {
    let Some(node) = child(root, "memory") else {
        return ByteCount::ZERO;
    };
    let unit: u64 = match node.attribute("unit") {
        Some("b" | "bytes") => 1,
        Some("MiB" | "M") => 1 << 20,
        Some("GiB" | "G") => 1 << 30,
        // What libvirt writes.
        _ => 1 << 10,
    };
    let count = node.text().and_then(|it| it.trim().parse::<u64>().ok());
    ByteCount(count.unwrap_or_default().saturating_mul(unit))
}

fn firmware(os: Node<'_, '_>) -> Firmware {
    let loader = child(os, "loader").and_then(|it| it.attribute("type"));
    if os.attribute("firmware") == Some("efi") || loader == Some("pflash") {
        Firmware::Uefi
    } else {
        Firmware::Bios
    }
}

fn adapter(node: Node<'_, '_>) -> Adapter {
    let source = child(node, "source");
    let of = |name| source.and_then(|it| it.attribute(name)).map(str::to_owned);
    let down = child(node, "link").and_then(|it| it.attribute("state")) == Some("down");
    let network = match node.attribute("type") {
        Some("network") => of("network"),
        Some("bridge") => of("bridge"),
        Some("direct") => of("dev"),
        other => other.map(str::to_owned),
    };
    Adapter {
        mac: child(node, "mac")
            .and_then(|it| it.attribute("address"))
            .unwrap_or_default()
            .to_owned(),
        network: network.filter(|_| !down),
        address: None,
    }
}

fn agent(devices: Node<'_, '_>) -> bool {
    children(devices, "channel")
        .filter_map(|channel| child(channel, "target"))
        .any(|target| {
            target.attribute("name") == Some("org.qemu.guest_agent.0")
                && target.attribute("state") == Some("connected")
        })
}

fn beside_disks(os: Node<'_, '_>, devices: Node<'_, '_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    let efi = os.attribute("firmware") == Some("efi");
    if efi || child(os, "nvram").is_some() {
        found.push("UEFI variables");
    }
    if child(devices, "tpm").is_some() {
        found.push("TPM state");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const RUNNING: &str = "<domain type='qemu' id='3'>
  <name>shop-01</name>
  <uuid>5f2c7a52-6a0e-4b0e-9b38-1c9b9d7c2f11</uuid>
  <memory unit='KiB'>262144</memory>
  <vcpu placement='static'>2</vcpu>
  <os firmware='efi'><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/v/shop.qcow2.landfall-1.qcow2' index='2'/>
      <backingStore type='file' index='1'>
        <format type='qcow2'/>
        <source file='/v/shop.qcow2'/>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/v/data.raw'/>
      <blockio logical_block_size='4096' physical_block_size='4096'/>
      <target dev='sdb' bus='scsi'/>
      <address type='drive' controller='0' bus='0' target='0' unit='1'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/>
      <source protocol='rbd' name='pool/image'/>
      <target dev='vdc' bus='virtio'/><shareable/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <interface type='network'>
      <mac address='52:54:00:00:00:01'/><source network='default'/>
    </interface>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:02'/><source bridge='br0'/><link state='down'/>
    </interface>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
    </channel>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
  </devices>
</domain>";

    #[test]
    fn what_a_running_domain_is_made_of() {
        let domain = Domain::parse(RUNNING).unwrap();
        assert_eq!(domain.name, "shop-01");
        assert_eq!(domain.memory, ByteCount(256 << 20));
        assert_eq!((domain.cpus, domain.firmware), (2, Firmware::Uefi));
        assert_eq!(domain.beside_disks, ["UEFI variables", "TPM state"]);
        assert!(domain.agent);
        assert_eq!(domain.identity, "5f2c7a52-6a0e-4b0e-9b38-1c9b9d7c2f11");
        let serial = "<name>shop-01</name><sysinfo type='smbios'><system>\
                      <entry name='serial'>S-1</entry></system></sysinfo>";
        let named = RUNNING.replace("<name>shop-01</name>", serial);
        assert_eq!(Domain::parse(&named).unwrap().identity, "S-1");
        let networks: Vec<_> = domain
            .adapters
            .iter()
            .map(|it| it.network.as_deref())
            .collect();
        assert_eq!(networks, [Some("default"), None]);
        assert_eq!(domain.record, VmRecord::default());
    }

    #[test]
    fn its_disks_are_those_that_hold_its_own_data() {
        let domain = Domain::parse(RUNNING).unwrap();
        assert_eq!(domain.disks.len(), 3);
        let movable: Vec<_> = domain.movable().map(|it| it.target.as_str()).collect();
        assert_eq!(movable, ["vda", "sdb"]);
        let [system, data, shared] = domain.disks.as_slice() else {
            panic!("three disks");
        };
        assert_eq!(system.backing, [PathBuf::from("/v/shop.qcow2")]);
        let slot = |controller: &str, unit| {
            Some(Slot {
                controller: controller.to_owned(),
                unit,
            })
        };
        assert_eq!(system.slot, slot("virtio0", 0));
        assert_eq!(data.slot, slot("scsi0", 1));
        assert_eq!((data.sector, data.format), (4096, DiskFormat::Raw));
        assert_eq!(shared.source, Source::Network("rbd".to_owned()));
        let vmdk = RUNNING.replace(
            "type='raw'/>\n      <source file",
            "type='vmdk'/>\n      <source file",
        );
        let [_, data, _] = &Domain::parse(&vmdk).unwrap().disks[..] else {
            panic!("three disks");
        };
        assert_eq!(data.unsupported.as_deref(), Some("its format is vmdk"));
    }

    #[test]
    fn xml_that_is_no_domain_is_refused() {
        assert!(matches!(Domain::parse("<domain"), Err(DomainError::Xml(_))));
        assert!(matches!(
            Domain::parse("<domain><os/></domain>"),
            Err(DomainError::Missing("devices"))
        ));
    }
}
