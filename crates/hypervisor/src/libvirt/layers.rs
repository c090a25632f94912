//! Overlays of all disks of a VM, made together: those below points, and a session's named layers, in
//! which transferred data lands.

use std::collections::BTreeMap;

use model::ByteCount;

use super::{
    cell::Cell,
    images, merge,
    record::{Image, Layer, VmRecord},
};
use crate::PlatformError;

impl Cell {
    /// See [`crate::Platform::layer_create`].
    pub(super) fn layer_create(&mut self, name: &str, owner: &str) -> Result<(), PlatformError> {
        if self.record().find_layer(name).is_some() {
            return Ok(());
        }
        self.finish_drops()?;
        self.while_off(|cell| {
            let newest = cell.newest_of_all()?;
            cell.end_movers();
            let (record, layer) = cell.next_layer(&newest, Some(name), owner);
            cell.put_layer(record, layer, &newest)
        })
    }

    /// A record that knows the lowest images and counts one more overlay, and that overlay.
    pub(super) fn next_layer(
        &self,
        below: &BTreeMap<String, Image>,
        name: Option<&str>,
        owner: &str,
    ) -> (VmRecord, Layer) {
        let mut record = self.record().clone();
        if record.layers.is_empty() {
            record.bases.clear();
        }
        for (target, image) in below {
            // One that was added since has no overlays yet.
            let known = record.layers.iter().any(|it| it.files.contains_key(target));
            if !known {
                record.bases.insert(target.clone(), image.clone());
            }
        }
        let file = |(target, image): (&String, &Image)| {
            let path = images::overlay_path(&record, target, image);
            (target.clone(), path)
        };
        let layer = Layer {
            name: name.map(str::to_owned),
            owner: owner.to_owned(),
            files: below.iter().map(file).collect(),
        };
        record.next_layer += 1;
        (record, layer)
    }

    /// Makes a layer's overlays above images, and the newest of all disks in one step with a record.
    /// Where that fails, none is left.
    pub(super) fn put_layer(
        &mut self,
        mut record: VmRecord,
        layer: Layer,
        below: &BTreeMap<String, Image>,
    ) -> Result<(), PlatformError> {
        self.site.images.make_overlays(&self.vm, &layer, below)?;
        let sources = layer.images();
        record.layers.push(layer);
        let defined = self.define(&record, &sources);
        defined.inspect_err(|_| {
            let made = sources.values().map(|it| it.path.as_path());
            self.site.images.remove(made);
        })
    }

    /// See [`crate::Platform::layer_drop`].
    pub(super) fn layer_drop(&mut self, name: &str) -> Result<(), PlatformError> {
        let Some(index) = self.record().find_layer(name) else {
            return Ok(());
        };
        self.while_off(|cell| cell.layer_drop_off(name, index))
    }

    fn layer_drop_off(&mut self, name: &str, index: usize) -> Result<(), PlatformError> {
        self.newest_of_all()?;
        self.end_movers();
        let above = index + 1..self.record().depth();
        if self.record().is_boundary(index) || above.clone().any(|it| !self.record().is_orphan(it))
        {
            return Err(self.unexpected(format!(
                "layer {name} is not the newest, or a point needs it"
            )));
        }
        let sources = self.images_at(index)?;
        let mut record = self.record().clone();
        let dropped = record.layers.split_off(index);
        if record.layers.is_empty() {
            record.bases.clear();
        }
        self.define(&record, &sources)?;
        self.remove_layers(&dropped);
        Ok(())
    }

    /// See [`crate::Platform::layer_merge`].
    pub(super) fn layer_merge(&mut self, name: &str) -> Result<(), PlatformError> {
        let Some(index) = self.record().find_layer(name) else {
            return Ok(());
        };
        let owner = self.record().layers[index].owner.clone();
        self.no_foreign_layer(index + 1, &owner)?;
        if !self.record().is_boundary(index) {
            return merge::merge(self, index);
        }
        // A point lies just below: its content stays apart until the point is dropped.
        let mut record = self.record().clone();
        record.layers[index].name = None;
        self.save(record)
    }

    /// See [`crate::Platform::layer_size`].
    pub(super) fn layer_size(&self, name: &str) -> ByteCount {
        let layers = self.record().layers.iter();
        let named = layers.filter(|it| it.name.as_deref() == Some(name));
        named
            .flat_map(|it| it.files.values())
            .map(|path| self.site.images.allocated(path))
            .sum()
    }

    /// No named layer of somebody else, from an index on.
    pub(super) fn no_foreign_layer(&self, from: usize, owner: &str) -> Result<(), PlatformError> {
        let above = self.record().layers.iter().skip(from);
        let foreign = above
            .filter(|it| it.owner != owner)
            .find_map(|it| it.name.as_deref().map(|name| (name, &it.owner)));
        match foreign {
            Some((name, owner)) => {
                Err(self.unexpected(format!("layer {name} of {owner} lies above")))
            }
            None => Ok(()),
        }
    }
}
