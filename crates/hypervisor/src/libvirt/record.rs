//! What Landfall keeps of a VM, in the metadata of its domain: it moves with the domain and is gone
//! with it, and every other console shows it.
//!
//! One JSON document in one element of Landfall's own name space. Its form has a version.

use std::{collections::BTreeMap, path::PathBuf};

use model::{
    DiskFormat, DiskPair, EpochId, JobId, PointName, ProtectedVmId, ReplicaId, ReplicaState,
    RestorePoint, Timestamp, VmRef,
};
use roxmltree::Node;
use serde::{Deserialize, Serialize};

use super::{domain::child, edit::escape};
use crate::Consistency;

/// The name space of the element.
pub(super) const NAME_SPACE: &str = "urn:landfall:vm";
/// The name of the element; libvirt uses it as the prefix, too.
pub(super) const ELEMENT: &str = "landfall";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VmRecord {
    /// The version of this form; 1.
    #[serde(default = "first_version")]
    pub(super) version: u32,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_by: Option<String>,
    /// See [`super::epoch`].
    #[serde(default)]
    pub(super) write_epoch: u64,
    /// The fingerprint of its images when `write_epoch` was given.
    #[serde(default)]
    pub(super) settled_at: u64,
    /// The tracking epoch that is open now.
    #[serde(default)]
    pub(super) epoch: u64,
    /// The number of the next overlay.
    #[serde(default)]
    pub(super) next_layer: u64,
    /// The lowest image of each disk, by its target; empty as long as there are no overlays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) bases: BTreeMap<String, Image>,
    /// Landfall's overlays, lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) layers: Vec<Layer>,
    /// Points, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) points: Vec<PointRecord>,
    /// An overlay that is being made while the VM runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    /// Who made the VM, and the id that it was made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<Created>,
    /// It is a replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replica: Option<ReplicaEntry>,
}

/// An image and its format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    pub(super) format: DiskFormat,
}

/// Overlays of all disks that were made together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layer {
    /// Its name where a session asked for it; none where a freeze made it.
    pub(super) name: Option<String>,
    pub(super) owner: String,
    /// Its file for each disk's target.
    pub(super) files: BTreeMap<String, PathBuf>,
}

impl Layer {
    /// Its files as what the disks point at.
    pub(super) fn images(&self) -> BTreeMap<String, Image> {
        let image = |path: &PathBuf| Image {
            path: path.clone(),
            format: DiskFormat::Qcow2,
        };
        let files = self.files.iter();
        files
            .map(|(target, path)| (target.clone(), image(path)))
            .collect()
    }
}

/// A frozen moment: the content below the overlay at `depth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PointRecord {
    pub(super) name: PointName,
    pub(super) owner: String,
    pub(super) taken_at: Timestamp,
    pub(super) epoch: EpochId,
    pub(super) depth: usize,
    /// While it is being taken, what is tried.
    #[serde(default)]
    pub(super) consistency: Consistency,
    /// It is being dropped: its overlay is merged, and then it is gone.
    #[serde(default)]
    pub(super) dropping: bool,
}

/// A point and the overlay that it needs, written down before libvirt is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) layer: Layer,
    pub(super) point: PointRecord,
}

/// See [`crate::Platform::created_by`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) owner: String,
}

/// See [`crate::ReplicaRecord`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplicaEntry {
    pub(super) id: ReplicaId,
    pub(super) protected: ProtectedVmId,
    pub(super) original: VmRef,
    pub(super) job: JobId,
    /// None: in Failover while it runs, Ready while it is off.
    #[serde(default)]
    pub(super) state: Option<ReplicaState>,
    #[serde(default)]
    pub(super) on_hold: bool,
    #[serde(default)]
    pub(super) restore_point: Option<RestorePoint>,
    #[serde(default)]
    pub(super) running_since: Option<Timestamp>,
    #[serde(default)]
    pub(super) disk_pairs: Vec<DiskPair>,
}

const fn first_version() -> u32 {
    1
}

impl Default for VmRecord {
    fn default() -> Self {
        Self {
            version: first_version(),
            held_by: None,
            write_epoch: 0,
            settled_at: 0,
            epoch: 0,
            next_layer: 0,
            bases: BTreeMap::new(),
            layers: Vec::new(),
            points: Vec::new(),
            pending: None,
            created: None,
            replica: None,
        }
    }
}

impl VmRecord {
    /// The number of overlays.
    pub(super) fn depth(&self) -> usize {
        self.layers.len()
    }

    /// The image that is a disk's content at `depth` overlays; none where Landfall has no overlays
    /// of the disk. One that was added later has its lowest image at all depths below its own.
    pub(super) fn image_at(&self, target: &str, depth: usize) -> Option<Image> {
        let below = self.layers.iter().take(depth).rev();
        let overlay = below.filter_map(|layer| layer.files.get(target)).next();
        match overlay {
            Some(path) => Some(Image {
                path: path.clone(),
                format: DiskFormat::Qcow2,
            }),
            None => self.bases.get(target).cloned(),
        }
    }

    /// The index of the overlay of this name.
    pub(super) fn find_layer(&self, name: &str) -> Option<usize> {
        self.layers
            .iter()
            .position(|layer| layer.name.as_deref() == Some(name))
    }

    /// Whether a point is the content just below the overlay at `index`.
    pub(super) fn is_boundary(&self, index: usize) -> bool {
        let mut kept = self.points.iter().filter(|point| !point.dropping);
        kept.any(|point| point.depth == index)
    }

    /// An overlay that neither a name nor a point needs.
    pub(super) fn orphan(&self) -> Option<usize> {
        (0..self.depth()).find(|index| self.is_orphan(*index))
    }

    pub(super) fn is_orphan(&self, index: usize) -> bool {
        let unnamed = self.layers.get(index).is_some_and(|it| it.name.is_none());
        unnamed && !self.is_boundary(index)
    }

    /// Takes the overlay at `index` out; its content is in the image below.
    pub(super) fn take_out(&mut self, index: usize) {
        self.layers.remove(index);
        for point in &mut self.points {
            if point.depth > index {
                point.depth -= 1;
            }
        }
        if self.layers.is_empty() {
            self.bases.clear();
        }
    }

    /// The element for a domain's XML.
    pub(super) fn to_element(&self) -> Result<String, serde_json::Error> {
        let text = self.to_text()?;
        Ok(format!(
            "<{ELEMENT}:{ELEMENT} xmlns:{ELEMENT}='{NAME_SPACE}'>{text}</{ELEMENT}:{ELEMENT}>"
        ))
    }

    /// The text of the element.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|json| escape(&json))
    }
}

/// The record in a domain's XML; an empty one where there is none.
pub(super) fn of(root: Node<'_, '_>) -> Result<VmRecord, serde_json::Error> {
    match element(root).and_then(|it| it.text()) {
        Some(text) => serde_json::from_str(text),
        None => Ok(VmRecord::default()),
    }
}

/// Its element.
pub(super) fn element<'a, 'i>(root: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    let metadata = child(root, "metadata")?;
    metadata
        .children()
        .find(|it| it.has_tag_name((NAME_SPACE, ELEMENT)))
}
