//! One VM while a call is at work on it: what libvirt says of it, Landfall's record, and saving both
//! in one step.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc};

use model::{DiskKey, VmRef};
use uuid::Uuid;

use super::{
    Libvirt, Site,
    domain::{Domain, DomainDisk, DomainError, Source},
    domain_uuid,
    edit::{self, Bus, Edit},
    images, lock,
    record::{ELEMENT, Image, NAME_SPACE, VmRecord},
    virsh::Batch,
};
use crate::PlatformError;

/// Who a VM is fenced for while an operation takes that needs it off.
const BUSY: &str = "landfall-operation";

/// A VM that is looked at or changed.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) site: Arc<Site>,
    pub(super) vm: VmRef,
    pub(super) uuid: Uuid,
    /// The persistent domain, as it starts the next time.
    pub(super) domain: Domain,
    /// The running one; none while it is off.
    pub(super) live: Option<Domain>,
    /// Its memory was saved, and would come back at its next start.
    pub(super) saved: bool,
    /// Who its definition keeps it from starting for.
    pub(super) fenced_for: Option<String>,
    /// It is kept from starting for as long as an operation takes.
    busy: bool,
    /// Its guest was asked to shut down.
    pub(super) shutting_down: bool,
    pub(super) qemu_img: PathBuf,
    xml: String,
}

impl Libvirt {
    /// Does something with a VM that no other call changes meanwhile. What an earlier call left
    /// half done is settled first.
    pub(super) fn change<T>(
        &self,
        vm: &VmRef,
        work: impl FnOnce(&mut Cell) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let site = self.site(&vm.site)?;
        let uuid = domain_uuid(&vm.platform_id);
        let operation = site.operation(uuid);
        let _operation = lock(&operation);
        let mut cell = self.load(&site, vm)?;
        let settled = cell.unfence_broken_off().and_then(|()| cell.settle());
        let done = settled.and_then(|()| work(&mut cell));
        // Also where it failed half-way.
        *lock(&site.read) = None;
        done
    }

    /// Looks at a VM.
    pub(super) fn look(&self, vm: &VmRef) -> Result<Cell, PlatformError> {
        let site = self.site(&vm.site)?;
        self.load(&site, vm)
    }

    fn load(&self, site: &Arc<Site>, vm: &VmRef) -> Result<Cell, PlatformError> {
        let uuid = domain_uuid(&vm.platform_id);
        let commands = questions(&uuid.to_string());
        let batch = site
            .virsh
            .batch(&commands)
            .map_err(|error| site.failed(Some(vm), error))?;
        Cell::asked(site, vm, uuid, &batch, &self.inner.settings.qemu_img)
    }
}

/// What is asked of a domain: how it starts, whether it runs, and how it runs.
pub(super) fn questions(uuid: &str) -> [String; QUESTIONS] {
    [
        // Without its secrets a definition made from it would lose them.
        format!("dumpxml --inactive --security-info {uuid}"),
        format!("domstate {uuid}"),
        format!("dumpxml {uuid}"),
        format!("dominfo {uuid}"),
    ]
}

/// How many there are.
pub(super) const QUESTIONS: usize = 4;

impl Cell {
    /// A VM from the answers to its questions.
    fn asked(
        site: &Arc<Site>,
        vm: &VmRef,
        uuid: Uuid,
        batch: &Batch,
        qemu_img: &std::path::Path,
    ) -> Result<Self, PlatformError> {
        let cell = Self::of(Arc::clone(site), vm.clone(), uuid, &batch.answers, qemu_img);
        // Why an answer is missing says whether the VM is.
        cell.unwrap_or_else(|| Err(site.failed(Some(vm), batch.failure())))
    }

    /// None where an answer is missing.
    pub(super) fn of(
        site: Arc<Site>,
        vm: VmRef,
        uuid: Uuid,
        answers: &[Option<String>],
        qemu_img: &std::path::Path,
    ) -> Option<Result<Self, PlatformError>> {
        let [Some(xml), Some(state), live, Some(info)] = answers else {
            return None;
        };
        // "crashed" may be a QEMU that is kept as it was, with its images open.
        let runs = state.trim() != "shut off";
        let live = live.as_deref().filter(|_| runs);
        if runs && live.is_none() {
            return None;
        }
        let parse = |xml: &str| Domain::parse(xml).map_err(|error| unreadable(&vm, &error));
        let read = || -> Result<_, PlatformError> {
            let fenced = edit::fenced_for(xml).map_err(|error| unreadable(&vm, &error))?;
            Ok((parse(xml)?, live.map(&parse).transpose()?, fenced))
        };
        let (domain, live, fenced_for) = match read() {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(Self {
            domain,
            live,
            fenced_for,
            saved: is_saved(info),
            busy: false,
            shutting_down: state.trim() == "in shutdown",
            site,
            vm,
            uuid,
            qemu_img: qemu_img.to_owned(),
            xml: xml.clone(),
        }))
    }

    pub(super) fn record(&self) -> &VmRecord {
        &self.domain.record
    }

    pub(super) const fn runs(&self) -> bool {
        self.live.is_some()
    }

    /// The domain's id for a command.
    pub(super) fn id(&self) -> String {
        self.uuid.to_string()
    }

    /// A command at its host.
    pub(super) fn virsh(&self, arguments: &[&str]) -> Result<String, PlatformError> {
        let ran = self.site.virsh.run(arguments);
        ran.map_err(|error| self.site.failed(Some(&self.vm), error))
    }

    /// Saves a record and nothing else.
    pub(super) fn save(&mut self, record: VmRecord) -> Result<(), PlatformError> {
        if record == self.domain.record {
            return Ok(());
        }
        let text = record
            .to_text()
            .map_err(|error| unreadable(&self.vm, &error.into()))?;
        let element = format!("<{ELEMENT}>{text}</{ELEMENT}>");
        let id = self.id();
        self.virsh(&[
            "metadata", &id, "--uri", NAME_SPACE, "--key", ELEMENT, "--config", "--set", &element,
        ])?;
        self.domain.record = record;
        Ok(())
    }

    /// Saves a record together with where the disks are and whether the VM may be started.
    pub(super) fn define(
        &mut self,
        record: &VmRecord,
        sources: &BTreeMap<String, Image>,
    ) -> Result<(), PlatformError> {
        let xml = self.edited(record, sources, record.held_by.as_deref())?;
        self.define_xml(xml)
    }

    /// As [`Cell::define`], but the VM may be started although it is held.
    pub(super) fn define_unfenced(&mut self) -> Result<(), PlatformError> {
        let xml = self.edited(&self.domain.record.clone(), &BTreeMap::new(), None)?;
        self.define_xml(xml)
    }

    fn edited(
        &self,
        record: &VmRecord,
        sources: &BTreeMap<String, Image>,
        holder: Option<&str>,
    ) -> Result<String, PlatformError> {
        let bus = Bus::of_machine(&self.domain.machine);
        let holder = holder.or_else(|| self.busy.then_some(BUSY));
        let sources: Vec<_> = sources
            .iter()
            .map(|(t, i)| (t.clone(), i.clone()))
            .collect();
        let edited = Edit::of(&self.xml)
            .sources(&sources)
            .and_then(|edit| edit.record(record))
            .map(Edit::done)
            .and_then(|xml| Ok(Edit::of(&xml).fence(holder, bus)?.done()));
        edited.map_err(|error| unreadable(&self.vm, &error))
    }

    fn define_xml(&mut self, xml: String) -> Result<(), PlatformError> {
        let io = |source| PlatformError::Io {
            operation: "hand a definition to virsh".to_owned(),
            source,
        };
        let domain = Domain::parse(&xml).map_err(|error| unreadable(&self.vm, &error))?;
        let mut file = images::private_file().map_err(io)?;
        file.write_all(xml.as_bytes()).map_err(io)?;
        let path = file.path().display().to_string();
        self.virsh(&["define", &path])?;
        self.fenced_for = edit::fenced_for(&xml).map_err(|error| unreadable(&self.vm, &error))?;
        self.domain = domain;
        self.xml = xml;
        Ok(())
    }

    /// The disk of a key.
    pub(super) fn disk(&self, key: &DiskKey) -> Result<&DomainDisk, PlatformError> {
        let found = self.domain.movable().find(|it| it.target == key.as_str());
        found.ok_or_else(|| PlatformError::NoDisk {
            vm: self.vm.clone(),
            disk: key.clone(),
        })
    }

    /// The newest image of a disk.
    pub(super) fn newest(&self, disk: &DomainDisk) -> Result<Image, PlatformError> {
        if let Some(why) = &disk.unsupported {
            return Err(self.unexpected(format!(
                "disk {} cannot be moved: {why}. Landfall moves disks that are qcow2 or raw files",
                disk.target
            )));
        }
        let Source::File(path) = &disk.source else {
            return Err(self.unexpected(format!(
                "disk {} is no image file. Landfall moves disks that are qcow2 or raw files",
                disk.target
            )));
        };
        Ok(Image {
            path: path.clone(),
            format: disk.format,
        })
    }

    /// The newest image of every disk, after making sure that each is the one that Landfall left.
    pub(super) fn newest_of_all(&self) -> Result<BTreeMap<String, Image>, PlatformError> {
        let mut newest = BTreeMap::new();
        for disk in self.domain.movable() {
            let image = self.newest(disk)?;
            let depth = self.record().depth();
            if let Some(left) = self.record().image_at(&disk.target, depth)
                && left.path != image.path
            {
                return Err(self.unexpected(format!(
                    "disk {} is at {}, and Landfall left it at {}: somebody made or removed a \
                     snapshot. Take that back, then retry",
                    disk.target,
                    image.path.display(),
                    left.path.display()
                )));
            }
            newest.insert(disk.target.clone(), image);
        }
        if newest.is_empty() {
            return Err(self.unexpected("it has no disk that can be moved"));
        }
        Ok(newest)
    }

    /// It is held by `writer`, and libvirt would not start it.
    pub(super) fn check_writer(&self, writer: &str) -> Result<(), PlatformError> {
        self.must_be_off()?;
        match &self.record().held_by {
            Some(holder) if holder == writer => {}
            Some(holder) => return Err(self.held(holder)),
            None => return Err(self.held("nobody")),
        }
        if self.fenced_for.as_deref() != Some(writer) {
            return Err(self.unexpected(
                "its definition was changed while it is held, so it could be started. Retry, and \
                 it is fenced again",
            ));
        }
        Ok(())
    }

    pub(super) fn unexpected(&self, what: impl Into<String>) -> PlatformError {
        PlatformError::Unexpected {
            vm: self.vm.clone(),
            what: what.into(),
        }
    }

    pub(super) fn must_be_off(&self) -> Result<(), PlatformError> {
        if self.runs() {
            return Err(PlatformError::MustBeOff {
                vm: self.vm.clone(),
            });
        }
        self.must_not_be_saved()
    }

    /// A saved memory knows the disks as they were: over others it would ruin what is on them.
    pub(super) fn must_not_be_saved(&self) -> Result<(), PlatformError> {
        if self.saved {
            return Err(self.unexpected(format!(
                "its memory was saved, and would come back over other disks. Remove it with \
                 `virsh managedsave-remove {}`, then retry",
                self.domain.name
            )));
        }
        Ok(())
    }

    /// Does something to a VM that is off and that nobody can start meanwhile.
    pub(super) fn while_off<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        self.must_be_off()?;
        if self.fenced_for.is_some() {
            return work(self);
        }
        self.busy = true;
        let record = self.record().clone();
        let fenced = self.define(&record, &BTreeMap::new());
        // It may have been started just before.
        let done = fenced
            .and_then(|()| self.reload())
            .and_then(|()| self.must_be_off())
            .and_then(|()| work(self));
        self.busy = false;
        let record = self.record().clone();
        let freed = self.define(&record, &BTreeMap::new());
        let done = done?;
        freed.map(|()| done)
    }

    /// Takes away the fence of an operation that was broken off.
    pub(super) fn unfence_broken_off(&mut self) -> Result<(), PlatformError> {
        if self.fenced_for.as_deref() != Some(BUSY) || self.record().held_by.is_some() {
            return Ok(());
        }
        let record = self.record().clone();
        self.define(&record, &BTreeMap::new())
    }

    pub(super) fn held(&self, holder: &str) -> PlatformError {
        PlatformError::Held {
            vm: self.vm.clone(),
            holder: holder.to_owned(),
        }
    }

    /// Loads it again after libvirt changed it.
    pub(super) fn reload(&mut self) -> Result<(), PlatformError> {
        let commands = questions(&self.id());
        let batch = self
            .site
            .virsh
            .batch(&commands)
            .map_err(|error| self.site.failed(Some(&self.vm), error))?;
        let loaded = Self::asked(&self.site, &self.vm, self.uuid, &batch, &self.qemu_img)?;
        let busy = self.busy;
        *self = Self { busy, ..loaded };
        Ok(())
    }
}

/// "Managed save:   yes".
fn is_saved(info: &str) -> bool {
    let line = info
        .lines()
        .find_map(|line| line.trim().strip_prefix("Managed save:"));
    line.is_some_and(|value| value.trim() == "yes")
}

/// A domain whose XML cannot be understood.
pub(super) fn unreadable(vm: &VmRef, error: &DomainError) -> PlatformError {
    let mut what = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        what = format!("{what}: {cause}");
    }
    PlatformError::Unexpected {
        vm: vm.clone(),
        what,
    }
}
