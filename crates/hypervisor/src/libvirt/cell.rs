//! One VM while a call is at work on it: what libvirt says of it, Landfall's record, and saving both
//! in one step.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc};

use model::{DiskKey, VmRef, with_causes};

use super::{
    Libvirt, Site,
    domain::{Domain, DomainDisk, DomainError, Source},
    domain_uuid,
    edit::{Bus, Edit},
    images, lock,
    record::{ELEMENT, Image, NAME_SPACE, VmRecord},
};
use crate::PlatformError;

/// Who a VM is fenced for while an operation takes that needs it off.
const BUSY: &str = "landfall-operation";

/// A VM that is looked at or changed.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) site: Arc<Site>,
    pub(super) vm: VmRef,
    /// The persistent domain, as it starts the next time.
    pub(super) domain: Domain,
    /// The running one; none while it is off.
    pub(super) live: Option<Domain>,
    /// Its memory was saved, and would come back at its next start.
    pub(super) saved: bool,
    /// It is kept from starting for as long as an operation takes.
    busy: bool,
    /// Its guest was asked to shut down.
    pub(super) shutting_down: bool,
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
        let operation = site.operation(domain_uuid(&vm.platform_id));
        let _operation = lock(&operation);
        let mut cell = Cell::load(&site, vm)?;
        let settled = cell.mend_fence().and_then(|()| cell.settle());
        let done = settled.and_then(|()| work(&mut cell));
        // Also where it failed half-way.
        *lock(&site.read) = None;
        done
    }

    /// Looks at a VM.
    pub(super) fn look(&self, vm: &VmRef) -> Result<Cell, PlatformError> {
        let site = self.site(&vm.site)?;
        Cell::load(&site, vm)
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
    fn load(site: &Arc<Site>, vm: &VmRef) -> Result<Self, PlatformError> {
        let commands = questions(&domain_uuid(&vm.platform_id).to_string());
        let asked = site.virsh.batch(&commands);
        let batch = asked.map_err(|error| site.failed(Some(vm), error))?;
        let cell = Self::of(Arc::clone(site), vm.clone(), &batch.answers);
        // Why an answer is missing says whether the VM is.
        cell.unwrap_or_else(|| Err(site.failed(Some(vm), batch.failure())))
    }

    /// A VM from the answers to its questions; none where one is missing.
    pub(super) fn of(
        site: Arc<Site>,
        vm: VmRef,
        answers: &[Option<String>],
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
        let read = || Ok((parse(xml)?, live.map(&parse).transpose()?));
        Some(read().map(|(domain, live)| Self {
            domain,
            live,
            saved: is_saved(info),
            busy: false,
            shutting_down: state.trim() == "in shutdown",
            site,
            vm,
            xml: xml.clone(),
        }))
    }

    pub(super) fn record(&self) -> &VmRecord {
        &self.domain.record
    }

    pub(super) const fn runs(&self) -> bool {
        self.live.is_some()
    }

    /// How it starts the next time.
    pub(super) fn xml(&self) -> &str {
        &self.xml
    }

    /// The domain's id for a command.
    pub(super) fn id(&self) -> String {
        domain_uuid(&self.vm.platform_id).to_string()
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

    pub(super) fn define_xml(&mut self, xml: String) -> Result<(), PlatformError> {
        let io = |source| PlatformError::Io {
            operation: "hand a definition to virsh".to_owned(),
            source,
        };
        let domain = Domain::parse(&xml).map_err(|error| unreadable(&self.vm, &error))?;
        let mut file = images::private_file().map_err(io)?;
        file.write_all(xml.as_bytes()).map_err(io)?;
        let path = file.path().display().to_string();
        self.virsh(&["define", &path])?;
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
        self.check_as_left(None)?;
        let newest = |disk: &DomainDisk| Ok((disk.target.clone(), self.newest(disk)?));
        let newest: BTreeMap<_, _> = self
            .domain
            .movable()
            .map(newest)
            .collect::<Result<_, _>>()?;
        if newest.is_empty() {
            return Err(self.unexpected("it has no disk that can be moved"));
        }
        Ok(newest)
    }

    /// Makes sure that every disk is where Landfall left it. A merge of the newest overlay that was
    /// broken off may have moved some to the image below.
    pub(super) fn check_as_left(&self, merging: Option<usize>) -> Result<(), PlatformError> {
        let record = self.record();
        let depth = record.depth();
        let merging = merging.filter(|index| index + 1 == depth);
        for disk in self.domain.movable() {
            let at = self.newest(disk)?.path;
            let Some(left) = record.image_at(&disk.target, depth) else {
                continue;
            };
            let below = merging.and_then(|index| record.image_at(&disk.target, index));
            if left.path != at && below.is_none_or(|below| below.path != at) {
                return Err(self.unexpected(format!(
                    "disk {} is at {}, and Landfall left it at {}: somebody made or removed a \
                     snapshot. Take that back, then retry",
                    disk.target,
                    at.display(),
                    left.path.display()
                )));
            }
        }
        Ok(())
    }

    /// It is off and held by `writer`.
    pub(super) fn check_writer(&self, writer: &str) -> Result<(), PlatformError> {
        self.must_be_off()?;
        match &self.record().held_by {
            Some(holder) if holder == writer => {}
            Some(holder) => return Err(self.held(holder)),
            None => return Err(self.held("nobody")),
        }
        Ok(())
    }

    /// Its images are opened by nobody of ours any more.
    pub(super) fn end_movers(&self) {
        let record = self.record();
        let bases = record.bases.values().map(|it| it.path.as_path());
        let layers = record.layers.iter().flat_map(|it| it.files.values());
        let newest = self.domain.movable().filter_map(|it| self.newest(it).ok());
        let newest: Vec<_> = newest.map(|it| it.path).collect();
        let layers = layers.chain(&newest).map(PathBuf::as_path);
        self.site.images.end(bases.chain(layers));
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
        if self.domain.fenced_for.is_some() {
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

    /// Makes the fence what the record says: one of an operation that was broken off goes, and one that
    /// somebody took away comes back. Until then whoever liked could start the VM, so its writes count
    /// as somebody else's.
    fn mend_fence(&mut self) -> Result<(), PlatformError> {
        let mut record = self.record().clone();
        match (&record.held_by, self.domain.fenced_for.as_deref()) {
            (None, Some(BUSY)) => {}
            (Some(holder), fenced) if fenced != Some(holder) => record.write_epoch += 1,
            (Some(_) | None, _) => return Ok(()),
        }
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
        let loaded = Self::load(&self.site, &self.vm)?;
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
    PlatformError::Unexpected {
        vm: vm.clone(),
        what: with_causes(error),
    }
}
