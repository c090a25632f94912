//! Named layers of a production VM that is off: a session's transferred data lands in them.

use model::ByteCount;

use super::{cell::Cell, images, merge, points::sources_of};
use crate::PlatformError;

impl Cell {
    /// See [`crate::Platform::layer_create`].
    pub(super) fn layer_create(&mut self, name: &str, owner: &str) -> Result<(), PlatformError> {
        if self.record().find_layer(name).is_some() {
            return Ok(());
        }
        self.finish_drops()?;
        self.while_off(|cell| cell.layer_create_off(name, owner))
    }

    fn layer_create_off(&mut self, name: &str, owner: &str) -> Result<(), PlatformError> {
        let newest = self.newest_of_all()?;
        let (mut record, layer, overlays) = self.next_layer(&newest, Some(name), owner);
        images::make_overlays(self, &overlays)?;
        let sources = sources_of(&layer);
        record.layers.push(layer);
        self.define(&record, &sources).inspect_err(|_| {
            images::remove(overlays.values().map(|(path, _)| path.as_path()));
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
            .map(|path| images::allocated(path))
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
