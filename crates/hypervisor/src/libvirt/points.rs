//! Points: frozen moments of all disks of a VM, running or not, and what was written since one.

use std::{collections::BTreeMap, path::PathBuf};

use model::{DiskKey, EpochId, PointName};

use super::{
    cell::Cell,
    domain::{Domain, Source},
    images, merge, now,
    record::{Image, Layer, Pending, PointRecord, VmRecord},
};
use crate::{Frozen, PlatformError, Point, Ranges};

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
            });
        }
        self.finish_drops()?;
        let newest = self.newest_of_all()?;
        let (record, layer, below) = self.next_layer(&newest, None, owner);
        let epoch = EpochId(record.epoch + 1);
        let pending = Pending {
            point: PointRecord {
                name: name.clone(),
                owner: owner.to_owned(),
                taken_at: now(),
                epoch,
                depth: record.depth(),
                dropping: false,
            },
            layer,
        };
        if self.runs() {
            self.runs_as_defined()?;
            self.freeze_running(record, &pending)?;
        } else {
            self.while_off(|cell| cell.freeze_off(record, pending, &below))?;
        }
        Ok(Frozen {
            point: name.clone(),
            epoch,
        })
    }

    /// A record that knows the lowest images and counts one more overlay, and that overlay.
    pub(super) fn next_layer(
        &self,
        newest: &BTreeMap<String, Image>,
        name: Option<&str>,
        owner: &str,
    ) -> (VmRecord, Layer, BTreeMap<String, (PathBuf, Image)>) {
        let mut record = self.record().clone();
        if record.layers.is_empty() {
            record.bases.clear();
        }
        for (target, image) in newest {
            // One that was added since has no overlays yet.
            let known = record.layers.iter().any(|it| it.files.contains_key(target));
            if !known {
                record.bases.insert(target.clone(), image.clone());
            }
        }
        let overlays: BTreeMap<_, _> = newest
            .iter()
            .map(|(target, image)| {
                let path = images::overlay_path(&record, target, image);
                (target.clone(), (path, image.clone()))
            })
            .collect();
        record.next_layer += 1;
        let files = overlays
            .iter()
            .map(|(t, (path, _))| (t.clone(), path.clone()));
        let layer = Layer {
            name: name.map(str::to_owned),
            owner: owner.to_owned(),
            files: files.collect(),
        };
        (record, layer, overlays)
    }

    fn freeze_off(
        &mut self,
        mut record: VmRecord,
        pending: Pending,
        overlays: &BTreeMap<String, (PathBuf, Image)>,
    ) -> Result<(), PlatformError> {
        images::make_overlays(self, overlays)?;
        let sources = sources_of(&pending.layer);
        adopt(&mut record, pending);
        self.define(&record, &sources).inspect_err(|_| {
            images::remove(overlays.values().map(|(path, _)| path.as_path()));
        })
    }

    /// libvirt makes the overlays and moves all disks to them at one moment. It is written down
    /// before, so that whoever comes after a crash knows whose they are.
    fn freeze_running(
        &mut self,
        mut record: VmRecord,
        pending: &Pending,
    ) -> Result<(), PlatformError> {
        record.pending = Some(pending.clone());
        self.save(record)?;
        let id = self.id();
        let specs = self.disk_specs(&pending.layer);
        let mut arguments = vec![
            "snapshot-create-as",
            &id,
            "--disk-only",
            "--atomic",
            "--no-metadata",
        ];
        if self.live.as_ref().is_some_and(|live| live.agent) {
            arguments.push("--quiesce");
        }
        for spec in &specs {
            arguments.extend(["--diskspec", spec]);
        }
        let made = self.virsh(&arguments);
        // Whether it took place is seen at the disks, not in the answer.
        self.reload()?;
        self.settle()?;
        let mut points = self.record().points.iter();
        match (points.any(|it| it.name == pending.point.name), made) {
            (true, _) => Ok(()),
            (false, Err(error)) => Err(error),
            (false, Ok(_)) => Err(self.unexpected(
                "libvirt says that its snapshot was made, and its disks are not there. Look at them \
                 with `virsh domblklist`",
            )),
        }
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
            images::remove(pending.layer.files.values().map(PathBuf::as_path));
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
        let sources = sources_of(&pending.layer);
        adopt(&mut record, pending);
        // Its definition may still name the images of before, when libvirtd ended in between.
        self.define(&record, &sources)
    }

    /// See [`crate::Platform::points`].
    pub(super) fn points(&self) -> Vec<Point> {
        let point = |point: &PointRecord| Point {
            name: point.name.clone(),
            owner: point.owner.clone(),
            taken_at: point.taken_at,
            epoch: point.epoch,
        };
        self.record().points.iter().map(point).collect()
    }

    pub(super) fn find_point(&self, name: &PointName) -> Result<&PointRecord, PlatformError> {
        let mut kept = self.record().points.iter().filter(|it| !it.dropping);
        let found = kept.find(|it| it.name == *name);
        found.ok_or_else(|| PlatformError::NoPoint {
            vm: self.vm.clone(),
            point: name.clone(),
        })
    }

    /// See [`crate::Platform::drop_point`].
    pub(super) fn drop_point(
        &mut self,
        name: &PointName,
        owner: &str,
    ) -> Result<(), PlatformError> {
        if let Ok(point) = self.find_point(name) {
            if point.owner != owner {
                let what = format!("point {name} belongs to {}; it stays", point.owner);
                return Err(self.unexpected(what));
            }
            let mut record = self.record().clone();
            for point in record.points.iter_mut().filter(|it| it.name == *name) {
                point.dropping = true;
            }
            if let Some(orphan) = record.orphan() {
                self.still_as_left(orphan)?;
            }
            self.save(record)?;
        }
        self.finish_drops()
    }

    /// Merges the overlays that nothing needs any more, and then forgets the points that needed them:
    /// until then they are listed, so that a merge that was broken off is taken up again.
    pub(super) fn finish_drops(&mut self) -> Result<(), PlatformError> {
        while let Some(orphan) = self.record().orphan() {
            merge::merge(self, orphan)?;
        }
        let mut record = self.record().clone();
        record.points.retain(|point| !point.dropping);
        self.save(record)
    }

    /// See [`crate::Platform::revert`].
    pub(super) fn revert(&mut self, name: &PointName) -> Result<(), PlatformError> {
        let point = self.find_point(name)?.clone();
        self.while_off(|cell| cell.revert_off(&point))
    }

    fn revert_off(&mut self, point: &PointRecord) -> Result<(), PlatformError> {
        self.newest_of_all()?;
        self.nothing_foreign_above(point)?;
        let below = self.images_at(point.depth)?;
        let (mut record, layer, overlays) = self.next_layer(&below, None, &point.owner);
        images::make_overlays(self, &overlays)?;
        let dropped = record.layers.split_off(point.depth);
        record.points.retain(|it| it.depth <= point.depth);
        record.epoch += 1;
        record.write_epoch += 1;
        let sources = sources_of(&layer);
        record.layers.push(layer);
        self.define(&record, &sources).inspect_err(|_| {
            images::remove(overlays.values().map(|(path, _)| path.as_path()));
        })?;
        self.remove_layers(&dropped);
        Ok(())
    }

    /// Removes the files of layers that no disk of its definition needs.
    pub(super) fn remove_layers(&self, layers: &[Layer]) {
        let files = layers.iter().flat_map(|it| &it.files);
        // A disk that was taken away keeps what it was left at.
        let known = |target: &str| self.domain.movable().any(|it| it.target == target);
        let ours = files.filter(|(target, _)| known(target));
        images::remove(ours.map(|(_, path)| path.as_path()));
    }

    fn nothing_foreign_above(&self, point: &PointRecord) -> Result<(), PlatformError> {
        let record = self.record();
        let later = record
            .points
            .iter()
            .find(|it| it.depth > point.depth && it.owner != point.owner);
        if let Some(later) = later {
            let what = format!("point {} of {} was taken later", later.name, later.owner);
            return Err(self.unexpected(what));
        }
        self.no_foreign_layer(point.depth, &point.owner)
    }

    /// The image of every disk at a depth.
    pub(super) fn images_at(&self, depth: usize) -> Result<BTreeMap<String, Image>, PlatformError> {
        if self.record().layers.is_empty() {
            return self.newest_of_all();
        }
        // A disk that was taken away since needs none.
        let there = |target: &&String| self.domain.movable().any(|it| it.target == **target);
        let targets = self.record().bases.keys().filter(there);
        let image = |target: &String| {
            let found = self.record().image_at(target, depth);
            let found = found.ok_or_else(|| self.unexpected("its record names no such image"))?;
            Ok((target.clone(), found))
        };
        targets.map(image).collect()
    }

    /// See [`crate::Platform::ranges_since`]: what the overlays hold that were the newest meanwhile.
    pub(super) fn ranges_since(
        &self,
        disk: &DiskKey,
        since: EpochId,
        until: Option<&PointName>,
    ) -> Result<Ranges, PlatformError> {
        let target = self.disk(disk)?.target.clone();
        let record = self.record();
        let end = match until {
            Some(point) => self.find_point(point)?.depth,
            // A running QEMU writes to the newest one while it is looked at.
            None if self.runs() => {
                return Ok(Ranges::Broken(
                    "the VM runs, so what it writes is known only up to a point".to_owned(),
                ));
            }
            None => record.depth(),
        };
        let Some(from) = record.points.iter().find(|point| point.epoch == since) else {
            return Ok(Ranges::Broken(format!(
                "the point that began epoch {since} is gone, and what was written since with it"
            )));
        };
        if from.depth > end {
            return Ok(Ranges::Broken(format!(
                "epoch {since} has not begun at that moment"
            )));
        }
        let mut overlays = Vec::new();
        for layer in record.layers.get(from.depth..end).unwrap_or_default() {
            let Some(path) = layer.files.get(&target) else {
                return Ok(Ranges::Broken(format!(
                    "disk {target} was added after epoch {since} began"
                )));
            };
            overlays.push(path.as_path());
        }
        images::own_ranges(&self.vm, overlays.into_iter()).map(Ranges::Written)
    }
}

/// The point is taken, and its overlay is the newest.
fn adopt(record: &mut VmRecord, pending: Pending) {
    record.epoch = pending.point.epoch.0;
    record.layers.push(pending.layer);
    record.points.push(pending.point);
}

/// A layer's files as what its disks point at.
pub(super) fn sources_of(layer: &Layer) -> BTreeMap<String, Image> {
    let image = |path: &PathBuf| Image {
        path: path.clone(),
        format: model::DiskFormat::Qcow2,
    };
    let files = layer.files.iter();
    files
        .map(|(target, path)| (target.clone(), image(path)))
        .collect()
}
