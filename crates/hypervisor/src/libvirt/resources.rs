//! What a libvirt host offers to place VMs in: directories of images, networks and bridges.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use model::{ByteCount, Datastore, DatastoreId, Host, HostId, Network, NetworkId, SiteResources};
use roxmltree::Document;

use super::{
    Site,
    domain::{Domain, Source, child, text},
    images::Space,
    inventory::{AboutHost, Seen, ask},
};
use crate::PlatformError;

/// A pool that is a directory.
pub(super) struct Pool {
    name: String,
    path: PathBuf,
    capacity: ByteCount,
    free: ByteCount,
}

/// The host's pools that are directories; images lie in no others.
pub(super) fn pools(site: &Site, names: &[String]) -> Result<Vec<Pool>, PlatformError> {
    // A name with spaces would be two words.
    let names: Vec<&String> = names.iter().filter(|it| is_word(it)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let commands: Vec<String> = names
        .iter()
        .map(|it| format!("pool-dumpxml {it}"))
        .collect();
    let answers = ask(site, &commands)?;
    Ok(answers
        .into_iter()
        .flatten()
        .filter_map(|it| pool(&it))
        .collect())
}

fn is_word(text: &str) -> bool {
    let of_word = |c: char| c.is_ascii_alphanumeric() || "-_.+:@".contains(c);
    !text.starts_with('-') && text.chars().all(of_word)
}

fn pool(xml: &str) -> Option<Pool> {
    let document = Document::parse(xml).ok()?;
    let root = document.root_element();
    if !matches!(root.attribute("type"), Some("dir" | "fs" | "netfs")) {
        return None;
    }
    let bytes = |name| ByteCount(text(root, name).and_then(|it| it.parse().ok()).unwrap_or(0));
    Some(Pool {
        name: text(root, "name")?,
        path: text(child(root, "target")?, "path")?.into(),
        capacity: bytes("capacity"),
        free: bytes("available"),
    })
}

/// The datastore that a directory is: a pool, or itself.
pub(super) fn store_of(directory: &Path, pools: &[Pool]) -> DatastoreId {
    let pool = pools.iter().find(|pool| pool.path == directory);
    match pool {
        Some(pool) => DatastoreId::new(format!("pool:{}", pool.name)),
        None => DatastoreId::new(format!("dir:{}", directory.display())),
    }
}

pub(super) fn resources(
    about: &AboutHost,
    pools: &[Pool],
    space: &BTreeMap<PathBuf, Space>,
    seen: &[Seen],
) -> SiteResources {
    let mut datastores: Vec<Datastore> = pools
        .iter()
        .map(|pool| Datastore {
            id: DatastoreId::new(format!("pool:{}", pool.name)),
            name: pool.name.clone(),
            capacity: pool.capacity,
            free: pool.free,
            default_policy: None,
        })
        .collect();
    datastores.extend(directories(pools, space));
    let networks = networks(about, seen);
    let host = Host {
        id: HostId::new(about.name.clone()),
        name: about.name.clone(),
        cluster: None,
        datastores: datastores.iter().map(|it| it.id.clone()).collect(),
        networks: networks.iter().map(|it| it.id.clone()).collect(),
    };
    SiteResources {
        hosts: vec![host],
        datastores,
        networks,
        ..SiteResources::default()
    }
}

/// The folders that images of VMs lie in, and what each has; none of those that cannot be looked at.
pub(super) fn space(site: &Site, seen: &[Seen]) -> BTreeMap<PathBuf, Space> {
    let domains = seen.iter().map(|it| &it.cell.domain);
    let folders: BTreeSet<&Path> = domains.flat_map(image_directories).collect();
    let folders: Vec<&Path> = folders.into_iter().collect();
    site.images.space(&folders)
}

/// Folders of images that are in no pool.
fn directories(pools: &[Pool], space: &BTreeMap<PathBuf, Space>) -> Vec<Datastore> {
    let outside = space
        .iter()
        .filter(|(folder, _)| pools.iter().all(|pool| pool.path != **folder));
    outside
        .map(|(folder, space)| Datastore {
            id: store_of(folder, pools),
            name: folder.display().to_string(),
            capacity: space.capacity,
            free: space.free,
            default_policy: None,
        })
        .collect()
}

fn image_directories(domain: &Domain) -> impl Iterator<Item = &Path> {
    domain.movable().filter_map(|disk| match &disk.source {
        Source::File(path) => path.parent(),
        Source::Block(_) | Source::Volume { .. } | Source::Network(_) | Source::None => None,
    })
}

/// libvirt's own networks, and the bridges that VMs are attached to.
fn networks(about: &AboutHost, seen: &[Seen]) -> Vec<Network> {
    let own: BTreeSet<&str> = about.networks.iter().map(String::as_str).collect();
    let adapters = seen.iter().flat_map(|it| &it.cell.domain.adapters);
    let used: BTreeSet<&str> = adapters.filter_map(|it| it.network.as_deref()).collect();
    let network = |kind: &str, name: &str| Network {
        id: NetworkId::new(format!("{kind}:{name}")),
        name: name.to_owned(),
    };
    let bridges = used.difference(&own).map(|name| network("bridge", name));
    own.iter()
        .map(|name| network("network", name))
        .chain(bridges)
        .collect()
}

/// Where layers are made there is as much as the fullest of the VMs' directories has.
pub(super) fn free(space: &BTreeMap<PathBuf, Space>, resources: &SiteResources) -> ByteCount {
    let measured = space.values().map(|it| it.free);
    let stores = resources.datastores.iter().map(|it| it.free);
    measured.min().or_else(|| stores.max()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_datastore_where_it_is_a_directory() {
        let dir = "<pool type='dir'><name>images</name><capacity unit='bytes'>100</capacity>\
                   <available unit='bytes'>40</available><target><path>/v</path></target></pool>";
        let pool = pool(dir).unwrap();
        assert_eq!((pool.capacity, pool.free), (ByteCount(100), ByteCount(40)));
        assert_eq!(store_of(Path::new("/v"), &[pool]).as_str(), "pool:images");
        assert_eq!(store_of(Path::new("/w"), &[]).as_str(), "dir:/w");
        assert!(super::pool(&dir.replace("'dir'", "'rbd'")).is_none());
    }

    #[test]
    fn only_plain_words_become_part_of_a_command() {
        assert!(is_word("images-1.a"));
        for other in ["a b", "a;list", "$(x)", "--all", "a'b"] {
            assert!(!is_word(other), "{other}");
        }
    }
}
