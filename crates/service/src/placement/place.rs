//! The host or cluster of each VM: the chosen one, else the host with the fewest VMs.

use std::collections::{BTreeMap, BTreeSet};

use model::{Compute, HostId, SiteId, SiteResources};
use store::{PlacementChoice, SiteInventory};

use super::{
    Finding, Pick, Placed, Row, Subject, World,
    problem::Problem,
    reach::{Reach, compute_name},
};

/// The hosts of each site, the next to be proposed first: the first of those with the fewest VMs, and
/// one without a datastore only where all are.
type Loads<'a> = BTreeMap<&'a SiteId, BTreeSet<Load>>;

/// Whether a host has no datastore, how many VMs it has or will have, and its place in the site's list.
type Load = (bool, usize, usize);

/// Begins the place of each VM with its site and host.
pub(super) fn hosts<'a>(
    world: &World<'a>,
    subjects: &[(Subject<'a>, &PlacementChoice)],
) -> Vec<Placed<'a>> {
    let mut loads = loads(world, subjects);
    subjects
        .iter()
        .map(|(subject, choice)| match &choice.compute {
            Some((site, compute)) => chosen(world, *subject, site, compute),
            None => proposed(world, *subject, &mut loads),
        })
        .collect()
}

/// The VMs that hosts have, and those that were chosen for them.
fn loads<'a>(world: &World<'a>, subjects: &[(Subject<'a>, &PlacementChoice)]) -> Loads<'a> {
    let mut loads = Loads::new();
    for site in &world.sites {
        let mut here: BTreeMap<&HostId, usize> = BTreeMap::new();
        let of_vms = site.vms.iter().filter_map(|vm| vm.placement.host.as_ref());
        let of_choices = subjects.iter().filter_map(|(_, choice)| {
            let (at, compute) = choice.compute.as_ref()?;
            match compute {
                Compute::Host(id) => Some(id).filter(|_| *at == site.site),
                Compute::Cluster(_) => None,
            }
        });
        for id in of_vms.chain(of_choices) {
            *here.entry(id).or_default() += 1;
        }
        let hosts = site.resources.hosts.iter().enumerate();
        let of_site = hosts.map(|(place, host)| {
            let count = here.get(&host.id).copied().unwrap_or(0);
            (host.datastores.is_empty(), count, place)
        });
        loads.insert(&site.site, of_site.collect());
    }
    loads
}

fn chosen<'a>(
    world: &World<'a>,
    subject: Subject<'a>,
    site: &SiteId,
    compute: &Compute,
) -> Placed<'a> {
    let pick = Pick {
        value: Some(compute.clone()),
        chosen: true,
    };
    let Some(found) = world.site(site) else {
        let gone = Problem::SiteGone {
            site: site.to_string(),
        };
        return begin(subject, None, pick, Some(gone));
    };
    let problem = match Reach::of(&found.resources, compute) {
        Some(_) => None,
        None => Some(unreachable(&found.resources, compute)),
    };
    begin(subject, Some(found), pick, problem)
}

/// Why nothing can run on a host or cluster.
fn unreachable(resources: &SiteResources, compute: &Compute) -> Problem {
    let name = compute_name(resources, compute).to_owned();
    let is_known = match compute {
        Compute::Host(_) => false,
        Compute::Cluster(id) => resources.clusters.iter().any(|it| it.id == *id),
    };
    if is_known {
        Problem::ClusterEmpty { cluster: name }
    } else {
        Problem::ComputeGone { name }
    }
}

fn proposed<'a>(world: &World<'a>, subject: Subject<'a>, loads: &mut Loads<'a>) -> Placed<'a> {
    let home = world.site(subject.home);
    let Some(site) = home.or_else(|| world.sites.first().copied()) else {
        let nothing = Pick {
            value: None,
            chosen: false,
        };
        return begin(subject, None, nothing, Some(Problem::NoSite));
    };
    let of_site = loads.entry(&site.site).or_default();
    let host = of_site.pop_first().and_then(|(bare, count, place)| {
        of_site.insert((bare, count + 1, place));
        site.resources.hosts.get(place)
    });
    let pick = Pick {
        value: host.map(|host| Compute::Host(host.id.clone())),
        chosen: false,
    };
    begin(subject, Some(site), pick, None)
}

fn begin<'a>(
    subject: Subject<'a>,
    site: Option<&'a SiteInventory>,
    compute: Pick<Compute>,
    problem: Option<Problem>,
) -> Placed<'a> {
    fn nothing<T>() -> Pick<T> {
        Pick {
            value: None,
            chosen: false,
        }
    }
    let findings = problem.map(|problem| Finding {
        row: Row::Vm,
        problem,
    });
    Placed {
        subject,
        site,
        compute,
        name: nothing(),
        pool: nothing(),
        config: nothing(),
        disks: Vec::new(),
        folder: nothing(),
        restore_tags: nothing(),
        adapters: Vec::new(),
        findings: findings.into_iter().collect(),
    }
}
