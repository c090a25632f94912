//! Choices as forms send them: `site/id`, for hosts and clusters `site/host/id`, and a word for none.

use std::fmt::Display;

use model::{ClusterId, Compute, DiskType, HostId, MacChoice, SiteId};
use store::SeedChoice;

/// What forms send for no pool, no folder and no network.
pub(crate) const NONE: &str = "none";

const HOST: &str = "host";
const CLUSTER: &str = "cluster";

/// A pool, datastore, folder or network of a site.
pub(super) fn write(site: &SiteId, id: impl Display) -> String {
    format!("{site}/{id}")
}

/// See [`write()`].
pub(crate) fn read(text: &str) -> Option<(SiteId, &str)> {
    let (site, id) = text.split_once('/')?;
    Some((SiteId::new(site), id))
}

pub(super) fn write_compute(site: &SiteId, compute: &Compute) -> String {
    match compute {
        Compute::Host(id) => format!("{site}/{HOST}/{id}"),
        Compute::Cluster(id) => format!("{site}/{CLUSTER}/{id}"),
    }
}

pub(crate) fn read_compute(text: &str) -> Option<(SiteId, Compute)> {
    let (site, rest) = read(text)?;
    let (kind, id) = rest.split_once('/')?;
    let compute = match kind {
        HOST => Compute::Host(HostId::new(id)),
        CLUSTER => Compute::Cluster(ClusterId::new(id)),
        _ => return None,
    };
    Some((site, compute))
}

/// A disk type as `serde` writes it.
pub(crate) fn read_disk_type(text: &str) -> Option<DiskType> {
    match text {
        "as_source" => Some(DiskType::AsSource),
        "thin" => Some(DiskType::Thin),
        "thick_lazy_zeroed" => Some(DiskType::ThickLazyZeroed),
        "thick_eager_zeroed" => Some(DiskType::ThickEagerZeroed),
        _ => None,
    }
}

/// A hardware address as `serde` writes the choice of one.
pub(crate) fn read_mac(text: &str) -> Option<MacChoice> {
    match text {
        "keep" => Some(MacChoice::Keep),
        "renew" => Some(MacChoice::Renew),
        _ => None,
    }
}

/// What a disk begins with, as `serde` writes the choice.
pub(crate) fn read_seed(text: &str) -> Option<SeedChoice> {
    match text {
        "nothing" => Some(SeedChoice::Nothing),
        "original" => Some(SeedChoice::Original),
        _ => None,
    }
}

pub(super) const fn seed_words(seed: SeedChoice) -> &'static str {
    match seed {
        SeedChoice::Nothing => "Nothing",
        SeedChoice::Original => "A copy of the original's disk",
    }
}

pub(super) const fn mac_words(mac: MacChoice) -> &'static str {
    match mac {
        MacChoice::Keep => "Kept",
        MacChoice::Renew => "Renewed",
    }
}

pub(super) const fn disk_type_words(disk_type: DiskType) -> &'static str {
    match disk_type {
        DiskType::AsSource => "As source",
        DiskType::Thin => "Thin",
        DiskType::ThickLazyZeroed => "Thick, lazy zeroed",
        DiskType::ThickEagerZeroed => "Thick, eager zeroed",
    }
}
