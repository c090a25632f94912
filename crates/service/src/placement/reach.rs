//! What a host or cluster reaches. A cluster picks one of its hosts itself, so that only what all
//! of them reach counts.

use model::{Compute, Datastore, DatastoreId, Host, Network, NetworkId, Pool, SiteResources};

/// A host or cluster with what it reaches.
#[derive(Clone, Debug)]
pub(crate) struct Reach<'a> {
    resources: &'a SiteResources,
    compute: Compute,
    hosts: Vec<&'a Host>,
}

impl<'a> Reach<'a> {
    /// None when there is no such host or cluster, or the cluster has no hosts.
    pub(crate) fn of(resources: &'a SiteResources, compute: &Compute) -> Option<Self> {
        let hosts: Vec<&Host> = match compute {
            Compute::Host(id) => resources.hosts.iter().filter(|it| it.id == *id).collect(),
            Compute::Cluster(id) => {
                let known = resources.clusters.iter().any(|it| it.id == *id);
                let of_it = |host: &&Host| known && host.cluster.as_ref() == Some(id);
                resources.hosts.iter().filter(of_it).collect()
            }
        };
        (!hosts.is_empty()).then(|| Self {
            resources,
            compute: compute.clone(),
            hosts,
        })
    }

    /// A standalone host has no VM folders.
    pub(crate) fn is_standalone(&self) -> bool {
        self.hosts.iter().all(|host| host.is_standalone())
    }

    pub(crate) fn reaches_datastore(&self, id: &DatastoreId) -> bool {
        self.hosts.iter().all(|host| host.datastores.contains(id))
    }

    pub(crate) fn reaches_network(&self, id: &NetworkId) -> bool {
        self.hosts.iter().all(|host| host.networks.contains(id))
    }

    /// A host that is in a cluster offers the cluster's pools too.
    pub(crate) fn offers_pool(&self, pool: &Pool) -> bool {
        pool.of == self.compute
            || self.hosts.iter().all(|host| match &pool.of {
                Compute::Host(_) => false,
                Compute::Cluster(id) => host.cluster.as_ref() == Some(id),
            })
    }

    /// The datastores that it reaches.
    pub(crate) fn datastores(&self) -> impl Iterator<Item = &'a Datastore> {
        let all = self.resources.datastores.iter();
        all.filter(|it| self.reaches_datastore(&it.id))
    }

    /// The networks that it reaches.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &'a Network> {
        let all = self.resources.networks.iter();
        all.filter(|it| self.reaches_network(&it.id))
    }
}

/// What operators call a host or cluster; its id when it is not there.
pub(crate) fn compute_name<'a>(resources: &'a SiteResources, compute: &'a Compute) -> &'a str {
    match compute {
        Compute::Host(id) => {
            let found = resources.hosts.iter().find(|it| it.id == *id);
            found.map_or(id.as_str(), |host| host.name.as_str())
        }
        Compute::Cluster(id) => {
            let found = resources.clusters.iter().find(|it| it.id == *id);
            found.map_or(id.as_str(), |cluster| cluster.name.as_str())
        }
    }
}
