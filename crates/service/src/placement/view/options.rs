//! What can be chosen for the rows that are ticked.

use std::collections::BTreeSet;

use model::{Compute, Pool, PoolKind, SiteId, SiteResources, view::PlaceOption};
use store::SiteInventory;

use super::super::{Plan, reach::compute_name, value};

/// Clusters, then hosts, of every site where VMs can be made.
pub(super) fn hosts(plan: &Plan<'_>) -> Vec<PlaceOption> {
    let sites = plan.world.sites.iter();
    sites
        .flat_map(|site| {
            let resources = &site.resources;
            let clusters = resources.clusters.iter().map(|cluster| {
                let label = format!("{}, the host with the fewest VMs", cluster.name);
                (Compute::Cluster(cluster.id.clone()), label)
            });
            let hosts = resources.hosts.iter().map(|host| {
                let alone = if host.is_standalone() {
                    ", standalone"
                } else {
                    ""
                };
                let label = format!("{}{alone}", host.name);
                (Compute::Host(host.id.clone()), label)
            });
            clusters.chain(hosts).map(|(compute, label)| PlaceOption {
                value: value::write_compute(&site.site, &compute),
                label: format!("{label}{}", at(plan, site)),
            })
        })
        .collect()
}

pub(super) fn pools(plan: &Plan<'_>) -> Vec<PlaceOption> {
    of_sites(plan, |resources| {
        let pools = resources.pools.iter();
        pools
            .map(|pool| (pool.id.to_string(), pool_label(resources, pool)))
            .collect()
    })
}

pub(super) fn datastores(plan: &Plan<'_>) -> Vec<PlaceOption> {
    of_sites(plan, |resources| {
        let datastores = resources.datastores.iter();
        datastores
            .map(|it| {
                let space = plan.space.iter().find(|space| space.datastore == it);
                let after = space.map_or_else(String::new, |space| {
                    let left = it.free.saturating_sub(space.takes);
                    format!(", {left} after all choices")
                });
                (
                    it.id.to_string(),
                    format!("{}, {} free{after}", it.name, it.free),
                )
            })
            .collect()
    })
}

pub(super) fn folders(plan: &Plan<'_>) -> Vec<PlaceOption> {
    of_sites(plan, |resources| {
        let folders = resources.folders.iter();
        folders
            .map(|it| (it.id.to_string(), it.path.clone()))
            .collect()
    })
}

pub(super) fn networks(plan: &Plan<'_>) -> Vec<PlaceOption> {
    of_sites(plan, |resources| {
        let networks = resources.networks.iter();
        networks
            .map(|it| (it.id.to_string(), it.name.clone()))
            .collect()
    })
}

/// Options of the sites that VMs are to be made at.
fn of_sites(
    plan: &Plan<'_>,
    list: impl Fn(&SiteResources) -> Vec<(String, String)>,
) -> Vec<PlaceOption> {
    let used: BTreeSet<&SiteId> = plan
        .vms
        .iter()
        .filter_map(|vm| vm.site.map(|site| &site.site))
        .collect();
    let sites = plan.world.sites.iter();
    sites
        .filter(|site| used.contains(&site.site))
        .flat_map(|site| {
            let options = list(&site.resources).into_iter();
            options.map(|(id, label)| PlaceOption {
                value: value::write(&site.site, id),
                label: format!("{label}{}", at(plan, site)),
            })
        })
        .collect()
}

/// The site, where there are several.
fn at(plan: &Plan<'_>, site: &SiteInventory) -> String {
    if plan.world.sites.len() > 1 {
        format!(" at {}", site.name)
    } else {
        String::new()
    }
}

fn pool_label(resources: &SiteResources, pool: &Pool) -> String {
    let mut path = pool.name.clone();
    let mut above = pool.parent.as_ref();
    // A pool cannot be deeper than there are pools.
    for _ in &resources.pools {
        let Some(parent) = above.and_then(|id| resources.pools.iter().find(|it| it.id == *id))
        else {
            break;
        };
        path = format!("{} / {path}", parent.name);
        above = parent.parent.as_ref();
    }
    let kind = match pool.kind {
        PoolKind::ResourcePool => "",
        PoolKind::VApp => ", vApp",
    };
    format!("{path}{kind}, of {}", compute_name(resources, &pool.of))
}
