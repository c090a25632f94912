//! UEFI variables and the state of an emulated TPM: small files that libvirt keeps beside a VM.

use std::path::{Path, PathBuf};

use model::VmRef;
use roxmltree::{Document, Node};

use super::{
    Libvirt,
    cell::Cell,
    domain::{DomainError, child},
    edit::{Edit, escape},
};
use crate::{FirmwareState, PlatformError, Retry};

/// Where libvirt keeps the variables of the VMs of the system.
const VARIABLES: &str = "/var/lib/libvirt/qemu/nvram";
/// The same of their TPMs: a folder by UUID, in it one by version.
const TPMS: &str = "/var/lib/libvirt/swtpm";

/// Where a VM keeps its state.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    variables: Option<PathBuf>,
    tpm: Option<PathBuf>,
    /// What it has that cannot be carried, and why.
    left: Vec<String>,
}

impl Libvirt {
    /// See [`crate::Platform::firmware_state`].
    pub(super) fn read_firmware(&self, vm: &VmRef) -> Result<FirmwareState, PlatformError> {
        let cell = self.look(vm)?;
        let places = Places::of(&cell)?;
        let mut left = places.left;
        let mut read = |path: Option<&PathBuf>, what: &str| {
            let Some(path) = path else { return Ok(None) };
            match cell.site.images.read_file(vm, path) {
                Err(error) if error.retry() == Retry::NeedsPerson => {
                    left.push(format!("{what} cannot be read: {error}"));
                    Ok(None)
                }
                read => read,
            }
        };
        let variables = read(places.variables.as_ref(), "its UEFI variables")?;
        let tpm = read(places.tpm.as_ref(), "the state of its TPM")?;
        let tpm = tpm.zip(places.tpm.as_ref()).and_then(|(content, path)| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some((name, content))
        });
        Ok(FirmwareState {
            variables,
            tpm: tpm.into_iter().collect(),
            left,
        })
    }

    /// See [`crate::Platform::set_firmware_state`].
    pub(super) fn write_firmware(
        &self,
        vm: &VmRef,
        state: &FirmwareState,
    ) -> Result<Vec<String>, PlatformError> {
        self.change(vm, |cell| {
            cell.must_be_off()?;
            let mut left = Vec::new();
            if let Some(variables) = &state.variables {
                let path = cell.place_of_variables()?;
                cell.site.images.write_file(vm, &path, variables)?;
            }
            let place = Places::of(cell)?.tpm;
            for (name, content) in &state.tpm {
                match place
                    .as_ref()
                    .filter(|it| it.file_name() == Some(name.as_ref()))
                {
                    Some(path) => cell.site.images.write_file(vm, path, content)?,
                    None => left.push("it has no such TPM".to_owned()),
                }
            }
            Ok(left)
        })
    }
}

impl Cell {
    /// Where its variables are; libvirt leaves that open until a VM starts first, and then it is told.
    fn place_of_variables(&mut self) -> Result<PathBuf, PlatformError> {
        if let Some(path) = Places::of(self)?.variables {
            return Ok(path);
        }
        let path = Path::new(VARIABLES).join(format!("{}_VARS.fd", self.id()));
        let placed = Edit::of(self.xml()).variables(Some(&path));
        let xml = placed.map_err(|error| self.unexpected(error.to_string()))?;
        self.define_xml(xml.done())?;
        Ok(path)
    }
}

impl Edit<'_> {
    /// Puts the UEFI variables at a path; without one they are made anew from their template, where there
    /// is one, when the VM starts first.
    pub(super) fn variables(mut self, at: Option<&Path>) -> Result<Self, DomainError> {
        let document = Document::parse(self.xml())?;
        let os = child(document.root_element(), "os").ok_or(DomainError::Missing("os"))?;
        let old = child(os, "nvram");
        let template = old.and_then(|old| old.attribute_node("template"));
        let template = template.and_then(|it| self.xml().get(it.range()));
        let template = template.map_or_else(String::new, |it| format!(" {it}"));
        let new = match at {
            Some(path) => {
                let path = escape(&path.display().to_string());
                format!("<nvram{template}>{path}</nvram>")
            }
            None if template.is_empty() => String::new(),
            None => format!("<nvram{template}/>"),
        };
        let end = os.range().end - "</os>".len();
        self.replace(old.map_or(end..end, |old| old.range()), new);
        Ok(self)
    }
}

impl Places {
    fn of(cell: &Cell) -> Result<Self, PlatformError> {
        let uuid = cell.id();
        Self::read(cell.xml(), &uuid).map_err(|error| cell.unexpected(error.to_string()))
    }

    fn read(xml: &str, uuid: &str) -> Result<Self, DomainError> {
        let document = Document::parse(xml)?;
        let root = document.root_element();
        let mut places = Self::default();
        if let Some(nvram) = child(root, "os").and_then(|os| child(os, "nvram")) {
            places.variables(nvram);
        }
        let devices = child(root, "devices");
        if let Some(tpm) = devices.and_then(|it| child(it, "tpm")) {
            places.tpm(tpm, uuid);
        }
        Ok(places)
    }

    fn variables(&mut self, nvram: Node<'_, '_>) {
        let plain = |name, word| nvram.attribute(name).is_none_or(|it| it == word);
        if !plain("type", "file") || !plain("format", "raw") {
            let left = "its UEFI variables are no raw file, and are not carried";
            self.left.push(left.to_owned());
            return;
        }
        // New definitions have the path in an element of its own.
        let source = child(nvram, "source").and_then(|it| it.attribute("file"));
        let path = source.or_else(|| nvram.text()).map(str::trim);
        self.variables = path.filter(|it| !it.is_empty()).map(PathBuf::from);
    }

    fn tpm(&mut self, tpm: Node<'_, '_>, uuid: &str) {
        let Some(backend) = child(tpm, "backend") else {
            return;
        };
        if backend.attribute("type") != Some("emulator") {
            let left = "its TPM is the host's own, whose state stays there";
            self.left.push(left.to_owned());
        } else if child(backend, "encryption").is_some() {
            let left =
                "the state of its TPM is encrypted by a secret of its host, and is not carried";
            self.left.push(left.to_owned());
        } else if child(backend, "source").is_some() {
            let left = "the state of its TPM is at a place of its own, and is not carried";
            self.left.push(left.to_owned());
        } else {
            let (folder, name) = match backend.attribute("version") {
                Some("1.2") => ("tpm1.2", "tpm-00.permall"),
                Some(_) | None => ("tpm2", "tpm2-00.permall"),
            };
            self.tpm = Some(Path::new(TPMS).join(uuid).join(folder).join(name));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Where the state lies, and what is left.

    use super::*;

    fn places(os: &str, tpm: &str) -> Places {
        let xml = format!("<domain><os>{os}</os><devices>{tpm}</devices></domain>");
        Places::read(&xml, "u-1").unwrap()
    }

    #[test]
    fn state_lies_where_the_definition_or_libvirt_has_it() {
        assert_eq!(places("", ""), Places::default());
        let template = "<nvram template='/T.fd'>/n/a_VARS.fd</nvram>";
        let source = "<nvram type='file'><source file='/n/a_VARS.fd'/></nvram>";
        let tpm = "<tpm><backend type='emulator' version='2.0'/></tpm>";
        for os in [template, source] {
            let found = places(os, tpm);
            assert_eq!(found.variables, Some(PathBuf::from("/n/a_VARS.fd")), "{os}");
            let state = "/var/lib/libvirt/swtpm/u-1/tpm2/tpm2-00.permall";
            assert_eq!(found.tpm, Some(PathBuf::from(state)));
            assert_eq!(found.left, [""; 0]);
        }
        assert_eq!(places("<nvram template='/T.fd'/>", "").variables, None);
    }

    #[test]
    fn what_cannot_be_carried_is_told() {
        for (os, tpm, told) in [
            (
                "<nvram type='block'><source dev='/d'/></nvram>",
                "",
                "no raw file",
            ),
            ("<nvram format='qcow2'>/n</nvram>", "", "no raw file"),
            (
                "",
                "<tpm><backend type='passthrough'/></tpm>",
                "the host's own",
            ),
            (
                "",
                "<tpm><backend type='emulator'><encryption secret='s'/></backend></tpm>",
                "encrypted",
            ),
            (
                "",
                "<tpm><backend type='emulator'><source type='dir' path='/p'/></backend></tpm>",
                "place of its own",
            ),
        ] {
            let found = places(os, tpm);
            assert!(found.left[0].contains(told), "{found:?}");
            assert_eq!((found.variables, found.tpm), (None, None));
        }
    }

    #[test]
    fn a_place_for_variables_is_told_once() {
        for (os, wanted) in [
            (
                "<type>hvm</type>",
                "<os><type>hvm</type><nvram>/n &amp; m</nvram></os>",
            ),
            (
                "<nvram template='/T.fd'/>",
                "<os><nvram template='/T.fd'>/n &amp; m</nvram></os>",
            ),
        ] {
            let xml = format!("<domain><os>{os}</os></domain>");
            let edit = Edit::of(&xml).variables(Some(Path::new("/n & m"))).unwrap();
            assert!(edit.done().contains(wanted));
        }
    }
}
