//! Points that were taken: listing, dropping and returning to them, and what was written since one.

use std::collections::BTreeMap;

use model::{DiskKey, EpochId, PointName};

use super::{
    cell::Cell,
    merge,
    record::{Image, Layer, PointRecord},
};
use crate::{PlatformError, Point, Ranges};

impl Cell {
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

    /// The image that is a disk's content at a point.
    pub(super) fn frozen_image(
        &self,
        disk: &DiskKey,
        point: &PointName,
    ) -> Result<Image, PlatformError> {
        let target = &self.disk(disk)?.target;
        let depth = self.find_point(point)?.depth;
        // A disk without an overlay above the point was added later: nothing froze it.
        let above = self.record().layers.get(depth);
        let frozen = above.is_some_and(|it| it.files.contains_key(target));
        let image = self.record().image_at(target, depth).filter(|_| frozen);
        image.ok_or_else(|| PlatformError::NoDisk {
            vm: self.vm.clone(),
            disk: disk.clone(),
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
                self.check_as_left(Some(orphan))?;
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
        self.end_movers();
        self.nothing_foreign_above(point)?;
        let below = self.images_at(point.depth)?;
        let (mut record, layer) = self.next_layer(&below, None, &point.owner);
        let dropped = record.layers.split_off(point.depth);
        record.points.retain(|it| it.depth <= point.depth);
        record.epoch += 1;
        record.write_epoch += 1;
        self.put_layer(record, layer, &below)?;
        self.remove_layers(&dropped);
        Ok(())
    }

    /// Removes the files of layers that no disk of its definition needs.
    pub(super) fn remove_layers(&self, layers: &[Layer]) {
        let files = layers.iter().flat_map(|it| &it.files);
        // A disk that was taken away keeps what it was left at.
        let known = |target: &str| self.domain.movable().any(|it| it.target == target);
        let ours = files.filter(|(target, _)| known(target));
        self.site
            .images
            .remove(ours.map(|(_, path)| path.as_path()));
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
        let own = self.site.images.own_ranges(&self.vm, overlays.into_iter());
        own.map(Ranges::Written)
    }
}
