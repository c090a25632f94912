//! A domain's XML, changed: only the words that must change, everything else byte for byte as it
//! was, so that nothing that Landfall does not know of is lost.

use std::ops::Range;

use roxmltree::{Document, Node};

use super::{
    domain::{DomainError, child, children},
    record::{self, Image, VmRecord},
};

/// The file that a held VM's fence names. It is nowhere, so libvirt refuses to start the VM, and its
/// refusal names the holder.
const FENCE: &str = "/landfall/held-by/";

/// A domain's XML being changed.
#[derive(Debug)]
pub(super) struct Edit<'x> {
    xml: &'x str,
    changes: Vec<(Range<usize>, String)>,
}

impl<'x> Edit<'x> {
    /// The XML as it was.
    pub(super) const fn xml(&self) -> &'x str {
        self.xml
    }

    pub(super) fn of(xml: &'x str) -> Self {
        Self {
            xml,
            changes: Vec::new(),
        }
    }

    /// Makes disks point at other images, by target.
    pub(super) fn sources(mut self, images: &[(String, Image)]) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml)?;
        let devices = devices(&document)?;
        for (target, image) in images {
            let disk = find_disk(devices, target).ok_or(DomainError::Missing("such a disk"))?;
            self.source(disk, image)?;
        }
        Ok(self)
    }

    fn source(&mut self, disk: Node<'_, '_>, image: &Image) -> Result<(), DomainError> {
        let source = child(disk, "source").ok_or(DomainError::Missing("source of a disk"))?;
        let file = source
            .attribute_node("file")
            .ok_or(DomainError::Missing("file of a disk"))?;
        self.replace(
            file.range_value(),
            escape(&image.path.display().to_string()),
        );
        let word = image.format.word();
        match child(disk, "driver") {
            Some(driver) => match driver.attribute_node("type") {
                Some(format) => self.replace(format.range_value(), word.to_owned()),
                None => self.insert(
                    driver.range().start + "<driver".len(),
                    format!(" type='{word}'"),
                ),
            },
            None => self.insert(
                source.range().start,
                format!("<driver name='qemu' type='{word}'/>"),
            ),
        }
        // A chain that is written down would be the old one; libvirt reads the images' own.
        if let Some(backing) = child(disk, "backingStore") {
            self.replace(backing.range(), String::new());
        }
        Ok(())
    }

    /// Puts Landfall's record into the metadata.
    pub(super) fn record(mut self, record: &VmRecord) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml)?;
        let root = document.root_element();
        let element = record.to_element()?;
        if let Some(old) = record::element(root) {
            self.replace(old.range(), element);
        } else if let Some(metadata) = child(root, "metadata").filter(Node::has_children) {
            let end = metadata.range().end - "</metadata>".len();
            self.insert(end, element);
        } else if let Some(metadata) = child(root, "metadata") {
            self.replace(metadata.range(), format!("<metadata>{element}</metadata>"));
        } else {
            let name = child(root, "name").ok_or(DomainError::Missing("name"))?;
            self.insert(name.range().end, format!("<metadata>{element}</metadata>"));
        }
        Ok(self)
    }

    /// Keeps libvirt from starting the VM, in the name of a holder; none lets it start again.
    pub(super) fn fence(mut self, holder: Option<&str>, bus: Bus) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml)?;
        let devices = devices(&document)?;
        for old in fences(devices) {
            let mut range = old.range();
            let after = self.xml.get(range.end..).unwrap_or_default();
            range.end += after.len() - after.trim_start().len();
            self.replace(range, String::new());
        }
        if let Some(holder) = holder {
            let path = escape(&format!("{FENCE}{holder}"));
            let (bus, target) = bus.free_target(devices);
            let fence = format!(
                "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>\
                 <source file='{path}' startupPolicy='mandatory'/>\
                 <target dev='{target}' bus='{bus}'/><readonly/></disk>"
            );
            self.insert(devices.range().end - "</devices>".len(), fence);
        }
        Ok(self)
    }

    pub(super) fn replace(&mut self, range: Range<usize>, text: String) {
        self.changes.push((range, text));
    }

    pub(super) fn insert(&mut self, at: usize, text: String) {
        self.changes.push((at..at, text));
    }

    /// The XML with all changes.
    pub(super) fn done(mut self) -> String {
        self.changes.sort_by_key(|(range, _)| range.start);
        let mut xml = String::with_capacity(self.xml.len() + 1024);
        let mut from = 0;
        for (range, text) in self.changes {
            xml.push_str(self.xml.get(from..range.start).unwrap_or_default());
            xml.push_str(&text);
            from = range.end;
        }
        xml.push_str(self.xml.get(from..).unwrap_or_default());
        xml
    }
}

/// The bus that every machine of a kind has without being asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bus {
    Sata,
    Ide,
    Scsi,
}

impl Bus {
    /// The bus of a machine: `pc-q35-10.0` has SATA.
    pub(super) fn of_machine(machine: &str) -> Self {
        if machine.contains("q35") {
            Self::Sata
        } else if machine.starts_with("pc") {
            Self::Ide
        } else {
            Self::Scsi
        }
    }

    fn free_target(self, devices: Node<'_, '_>) -> (&'static str, String) {
        let (bus, prefix, most) = match self {
            Self::Sata => ("sata", "sd", 6),
            Self::Ide => ("ide", "hd", 4),
            Self::Scsi => ("scsi", "sd", 7),
        };
        // A name stands for a place on the bus: one beyond the first controller would add another.
        let names = (b'a'..b'a' + most).rev();
        let mut names = names.map(|letter| format!("{prefix}{}", char::from(letter)));
        let free = names.find(|name| find_disk(devices, name).is_none());
        (bus, free.unwrap_or_else(|| format!("{prefix}z")))
    }
}

/// Who a domain is fenced for.
pub(super) fn fenced_for(devices: Node<'_, '_>) -> Option<String> {
    fences(devices).find_map(|disk| {
        let path = child(disk, "source")?.attribute("file")?;
        path.strip_prefix(FENCE).map(str::to_owned)
    })
}

pub(super) fn devices<'a, 'i>(document: &'a Document<'i>) -> Result<Node<'a, 'i>, DomainError> {
    child(document.root_element(), "devices").ok_or(DomainError::Missing("devices"))
}

pub(super) fn fences<'a, 'i>(devices: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    children(devices, "disk").filter(|disk| {
        let file = child(*disk, "source").and_then(|it| it.attribute("file"));
        file.is_some_and(|it| it.starts_with(FENCE))
    })
}

fn find_disk<'a, 'i>(devices: Node<'a, 'i>, target: &str) -> Option<Node<'a, 'i>> {
    children(devices, "disk")
        .find(|disk| child(*disk, "target").and_then(|it| it.attribute("dev")) == Some(target))
}

/// A text as an attribute's value or as content.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let text = text.replace('>', "&gt;");
    text.replace('\'', "&apos;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use model::DiskFormat;

    use super::*;
    use crate::libvirt::{
        domain::{Domain, Source},
        record::NAME_SPACE,
    };

    const OFF: &str = "<domain type='qemu'>
  <name>a</name>
  <uuid>5f2c7a52-6a0e-4b0e-9b38-1c9b9d7c2f11</uuid>
  <metadata><other:x xmlns:other='urn:other'>kept</other:x></metadata>
  <os><type machine='pc-q35-10.0'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='/v/a.raw'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <graphics type='vnc' passwd='secret'/>
  </devices>
</domain>";

    fn overlay() -> Image {
        Image {
            path: "/v/it's & <b>.qcow2".into(),
            format: DiskFormat::Qcow2,
        }
    }

    #[test]
    fn a_disk_points_elsewhere_and_back_and_nothing_else_changes() {
        let images = [("vda".to_owned(), overlay())];
        let there = Edit::of(OFF).sources(&images).unwrap().done();
        let domain = Domain::parse(&there).unwrap();
        assert_eq!(domain.disks[0].source, Source::File(overlay().path));
        assert_eq!(domain.disks[0].format, DiskFormat::Qcow2);
        let base = Image {
            path: "/v/a.raw".into(),
            format: DiskFormat::Raw,
        };
        let back = Edit::of(&there).sources(&[("vda".to_owned(), base)]);
        assert_eq!(back.unwrap().done(), OFF);
    }

    #[test]
    fn a_fence_names_its_holder_and_leaves_no_trace() {
        let bus = Bus::of_machine("pc-q35-10.0");
        let fenced = Edit::of(OFF).fence(Some("session-7"), bus).unwrap().done();
        assert_eq!(
            Domain::parse(&fenced).unwrap().fenced_for.as_deref(),
            Some("session-7")
        );
        let again = Edit::of(&fenced)
            .fence(Some("session-7"), bus)
            .unwrap()
            .done();
        assert_eq!(again.matches(FENCE).count(), 1);
        let free = Edit::of(&fenced).fence(None, bus).unwrap().done();
        assert_eq!(Domain::parse(&free).unwrap().fenced_for, None);
        assert_eq!(free, OFF);
    }

    #[test]
    fn the_record_comes_back_as_it_was_beside_the_metadata_of_others() {
        let mut record = VmRecord {
            held_by: Some("<&> 'x'".to_owned()),
            ..VmRecord::default()
        };
        let with = Edit::of(OFF).record(&record).unwrap().done();
        assert!(with.contains("<other:x xmlns:other='urn:other'>kept</other:x>"));
        assert_eq!(Domain::parse(&with).unwrap().record, record);
        record.held_by = None;
        let changed = Edit::of(&with).record(&record).unwrap().done();
        assert_eq!(Domain::parse(&changed).unwrap().record, record);
        assert_eq!(changed.matches(NAME_SPACE).count(), 1);
        for bare in ["", "<metadata/>", "<metadata></metadata>"] {
            let start = OFF.find("  <metadata>").unwrap();
            let end = OFF.find("  <os>").unwrap();
            let xml = format!("{}{bare}{}", &OFF[..start], &OFF[end..]);
            let with = Edit::of(&xml).record(&record).unwrap().done();
            assert_eq!(Domain::parse(&with).unwrap().record, record, "{bare:?}");
        }
    }

    #[test]
    fn every_machine_has_a_bus_for_it_and_a_name_in_use_is_not_taken() {
        assert_eq!(Bus::of_machine("pc-i440fx-10.0"), Bus::Ide);
        assert_eq!(Bus::of_machine("virt-10.0"), Bus::Scsi);
        let used = OFF.replace("dev='vda'", "dev='sdf'");
        let fenced = Edit::of(&used).fence(Some("s"), Bus::Sata).unwrap().done();
        assert!(fenced.contains("dev='sde'"));
    }
}
