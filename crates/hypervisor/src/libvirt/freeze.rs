//! Taking points: frozen moments of all disks of a VM, running or not, and finishing or forgetting one
//! that was being taken when something ended.

use std::{collections::BTreeMap, path::PathBuf};

use model::{EpochId, PointName};

use super::{
    cell::Cell,
    domain::{Domain, Source},
    record::{Layer, Pending, PointRecord, VmRecord},
};
use crate::{Consistency, Frozen, PlatformError, clock::now};

/// How long libvirt waits for an agent's answer, in seconds: less than Landfall waits for libvirt.
const AGENT_SECONDS: u32 = 60;

impl Cell {
    /// See [`crate::Platform::freeze`].
    pub(super) fn freeze(
        &mut self,
        name: &PointName,
        owner: &str,
    ) -> Result<Frozen, PlatformError> {
        if let Some(known) = self.record().points.iter().find(|it| it.name == *name) {
            return Ok(Frozen {
                point: name.clone(),
                epoch: known.epoch,
                consistency: known.consistency.clone(),
            });
        }
        self.finish_drops()?;
        let newest = self.newest_of_all()?;
        let (record, layer) = self.next_layer(&newest, None, owner);
        let epoch = EpochId(record.epoch + 1);
        let point = PointRecord {
            name: name.clone(),
            owner: owner.to_owned(),
            taken_at: now(),
            epoch,
            depth: record.depth(),
            consistency: match &self.live {
                None => Consistency::Off,
                Some(live) if live.agent => Consistency::Frozen,
                Some(_) => Consistency::NoAgent,
            },
            dropping: false,
        };
        if self.runs() {
            self.runs_as_defined()?;
            return self.freeze_running(record, Pending { layer, point });
        }
        let consistency = point.consistency.clone();
        self.while_off(|cell| {
            cell.end_movers();
            let mut record = record;
            record.epoch = epoch.0;
            record.points.push(point);
            cell.put_layer(record, layer, &newest)
        })?;
        Ok(Frozen {
            point: name.clone(),
            epoch,
            consistency,
        })
    }

    /// libvirt makes the overlays and moves all disks to them at one moment. It is written down
    /// before, so that whoever comes after a crash knows whose they are.
    fn freeze_running(
        &mut self,
        mut record: VmRecord,
        mut pending: Pending,
    ) -> Result<Frozen, PlatformError> {
        record.pending = Some(pending.clone());
        self.save(record)?;
        let mut made = self.snapshot(&pending);
        // A point without the guest's help is better than none, when its agent does not answer. It
        // would freeze nothing, or thaw what it froze, before it says so.
        if let Err(PlatformError::Refused { cause, .. }) = &made
            && pending.point.consistency == Consistency::Frozen
        {
            let cause = cause.clone();
            self.reload()?;
            if !self.moved_to(&pending)? {
                pending.point.consistency = Consistency::AgentFailed(cause);
                let mut record = self.record().clone();
                record.pending = Some(pending.clone());
                self.save(record)?;
                made = self.snapshot(&pending);
            }
        }
        // Whether it took place is seen at the disks, not in the answer.
        self.reload()?;
        if let Err(PlatformError::Refused { cause, .. }) = &made
            && pending.point.consistency == Consistency::Frozen
        {
            self.thaw(&mut pending, cause)?;
        }
        self.settle()?;
        let mut points = self.record().points.iter();
        match (points.any(|it| it.name == pending.point.name), made) {
            (true, _) => Ok(Frozen {
                point: pending.point.name,
                epoch: pending.point.epoch,
                consistency: pending.point.consistency,
            }),
            (false, Err(error)) => Err(error),
            (false, Ok(_)) => Err(self.unexpected(
                "libvirt says that its snapshot was made, and its disks are not there. Look at them \
                 with `virsh domblklist`",
            )),
        }
    }

    /// The point was taken and its guest may still be frozen: the agent went before it thawed it.
    fn thaw(&mut self, pending: &mut Pending, cause: &str) -> Result<(), PlatformError> {
        let id = self.id();
        let Err(error) = self.virsh(&["domfsthaw", &id]) else {
            return Ok(());
        };
        let still = format!(
            "{cause}; its file systems may be frozen still ({error}). Run `virsh domfsthaw {id}` at its \
             host, or restart its guest"
        );
        pending.point.consistency = Consistency::AgentFailed(still);
        let mut record = self.record().clone();
        record.pending = Some(pending.clone());
        self.save(record)
    }

    /// Asks libvirt for the overlays of a point.
    fn snapshot(&self, pending: &Pending) -> Result<String, PlatformError> {
        let id = self.id();
        let specs = self.disk_specs(&pending.layer);
        let mut arguments = vec![
            "snapshot-create-as",
            &id,
            "--disk-only",
            "--atomic",
            "--no-metadata",
        ];
        if pending.point.consistency == Consistency::Frozen {
            // Without it libvirt waits for ever for an agent that hears and does not do. A host that is
            // too old to know it goes on as it would.
            let seconds = AGENT_SECONDS.to_string();
            let waits = ["guest-agent-timeout", &id, "--timeout", &seconds];
            if let Err(error) = self.virsh(&waits) {
                tracing::warn!(%error, vm = %self.vm, "how long its agent is waited for stays as it is");
            }
            arguments.push("--quiesce");
        }
        for spec in &specs {
            arguments.extend(["--diskspec", spec]);
        }
        self.virsh(&arguments)
    }

    /// What runs has the disks that its definition names: else a point would be of others.
    fn runs_as_defined(&self) -> Result<(), PlatformError> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let at = |domain: &Domain| -> BTreeMap<String, Source> {
            let disks = domain.disks.iter();
            disks
                .map(|it| (it.target.clone(), it.source.clone()))
                .collect()
        };
        if at(live) != at(&self.domain) {
            return Err(self.unexpected(
                "it runs with other disks than its definition names. Make both the same, then retry",
            ));
        }
        Ok(())
    }

    fn disk_specs(&self, layer: &Layer) -> Vec<String> {
        let spec = |target: &String| match layer.files.get(target) {
            // A comma in a path would end it.
            Some(path) => format!(
                "{target},snapshot=external,driver=qcow2,file={}",
                path.display().to_string().replace(',', ",,")
            ),
            None => format!("{target},snapshot=no"),
        };
        self.domain
            .disks
            .iter()
            .map(|disk| spec(&disk.target))
            .collect()
    }

    /// Finishes or forgets a point that was being taken when something ended.
    pub(super) fn settle(&mut self) -> Result<(), PlatformError> {
        let Some(pending) = self.record().pending.clone() else {
            return Ok(());
        };
        if self.moved_to(&pending)? {
            return self.adopt_pending(pending);
        }
        let mut record = self.record().clone();
        record.pending = None;
        if record.layers.is_empty() {
            record.bases.clear();
        }
        // libvirt does one thing after another with a domain: a snapshot that is still being made is
        // made, or not, when this is answered.
        let before = self.record().clone();
        self.save(record)?;
        self.reload()?;
        if self.moved_to(&pending)? {
            self.save(before)?;
            return self.adopt_pending(pending);
        }
        // Of one that runs nothing is removed: a file that is in nobody's way is no harm.
        if !self.runs() {
            let files = pending.layer.files.values();
            self.site.images.remove(files.map(PathBuf::as_path));
        }
        Ok(())
    }

    /// Whether the disks are at the overlays of a point that was being taken: where it runs by how it
    /// runs, which counts.
    fn moved_to(&self, pending: &Pending) -> Result<bool, PlatformError> {
        let domain = self.live.as_ref().unwrap_or(&self.domain);
        let at: BTreeMap<&str, _> = domain
            .movable()
            .map(|it| (it.target.as_str(), it))
            .collect();
        let moved = |(target, path): (&String, &PathBuf)| {
            let disk = at.get(target.as_str());
            disk.is_some_and(|it| self.newest(it).is_ok_and(|image| image.path == *path))
        };
        let taken = pending.layer.files.iter().filter(|it| moved(*it)).count();
        if taken > 0 && taken < pending.layer.files.len() {
            return Err(self.unexpected(format!(
                "point {} was taken of some disks and not of others. Look at its disks with \
                 `virsh domblklist`",
                pending.point.name
            )));
        }
        Ok(taken > 0)
    }

    fn adopt_pending(&mut self, pending: Pending) -> Result<(), PlatformError> {
        let mut record = self.record().clone();
        record.pending = None;
        let sources = pending.layer.images();
        record.epoch = pending.point.epoch.0;
        record.layers.push(pending.layer);
        record.points.push(pending.point);
        // Its definition may still name the images of before, when libvirtd ended in between.
        self.define(&record, &sources)
    }
}
