//! What the lab's sites offer to place VMs in: figures beside real files. A datastore is a name on
//! a disk's description; what it holds is counted from the VMs that name it.

use std::collections::BTreeMap;

use model::{
    ByteCount, Cluster, ClusterId, Compute, Datastore, DatastoreId, Folder, FolderId, Host, HostId,
    Network, NetworkId, NewVm, Placement, Policy, PolicyId, Pool, PoolId, PoolKind, SiteId,
    SiteResources, SiteRole, VmInfo,
};

use crate::PlatformError;

const GIB: u64 = 1 << 30;

/// Storage policies of every site.
const POLICIES: [&str; 3] = ["Gold", "Silver", "Bronze"];

/// What a site's ids begin with.
const fn short(role: SiteRole) -> &'static str {
    match role {
        SiteRole::Production => "prod",
        SiteRole::DisasterRecovery => "dr",
    }
}

/// What a site of the sample offers. Ids are made of the site's role, so that they are the same
/// each time.
pub(super) fn of(role: SiteRole) -> SiteResources {
    let title = match role {
        SiteRole::Production => "Production",
        SiteRole::DisasterRecovery => "DR",
    };
    let short = short(role);
    let id = |what: &str| format!("{short}-{what}");
    let cluster = ClusterId::new(id("cluster"));
    let datastores = [
        ("fast", "Fast SSD", 64, Some("Gold")),
        ("bulk", "Bulk disk", 256, Some("Silver")),
        ("small", "Small scratch", 1, None),
    ];
    let networks: &[&str] = match role {
        SiteRole::Production => &["VM network", "Backup network", "Isolated test network"],
        SiteRole::DisasterRecovery => {
            &["VM network", "DR application network", "DR backup network"]
        }
    };
    let network_ids: Vec<NetworkId> = (1..=networks.len())
        .map(|number| NetworkId::new(id(&format!("network-{number}"))))
        .collect();
    let reached = |names: &[&str]| names.iter().map(|it| DatastoreId::new(id(it))).collect();
    let host = |which: &str, cluster: Option<&ClusterId>, stores: &[&str]| Host {
        id: HostId::new(id(which)),
        name: format!("{short}-{which}.example"),
        cluster: cluster.cloned(),
        datastores: reached(stores),
        networks: network_ids.clone(),
    };
    let business = PoolId::new(id("pool-business"));
    SiteResources {
        hosts: vec![
            host("host-1", Some(&cluster), &["fast", "bulk"]),
            host("host-2", Some(&cluster), &["fast", "bulk"]),
            host("edge", None, &["bulk", "small"]),
        ],
        pools: vec![
            Pool {
                id: business.clone(),
                name: "Business".to_owned(),
                kind: PoolKind::ResourcePool,
                of: Compute::Cluster(cluster.clone()),
                parent: None,
            },
            Pool {
                id: PoolId::new(id("vapp-shop")),
                name: "Web shop".to_owned(),
                kind: PoolKind::VApp,
                of: Compute::Cluster(cluster.clone()),
                parent: Some(business),
            },
            Pool {
                id: PoolId::new(id("pool-edge")),
                name: "Edge".to_owned(),
                kind: PoolKind::ResourcePool,
                of: Compute::Host(HostId::new(id("edge"))),
                parent: None,
            },
        ],
        clusters: vec![Cluster {
            id: cluster,
            name: format!("{title} cluster"),
        }],
        datastores: datastores
            .into_iter()
            .map(|(which, name, gib, policy)| Datastore {
                id: DatastoreId::new(id(which)),
                name: name.to_owned(),
                capacity: ByteCount(gib * GIB),
                free: ByteCount(gib * GIB),
                default_policy: policy.map(PolicyId::new),
            })
            .collect(),
        folders: ["Business", "Business/Databases", "Business/Web", "Test"]
            .into_iter()
            .zip(1..)
            .map(|(path, number)| Folder {
                id: FolderId::new(id(&format!("folder-{number}"))),
                path: path.to_owned(),
            })
            .collect(),
        networks: networks
            .iter()
            .zip(network_ids)
            .map(|(name, id)| Network {
                id,
                name: (*name).to_owned(),
            })
            .collect(),
        policies: POLICIES
            .into_iter()
            .map(|name| Policy {
                id: PolicyId::new(name),
                name: name.to_owned(),
            })
            .collect(),
    }
}

/// Generated VMs per host and per datastore that an estate is given for them.
const VMS_PER_HOST: u32 = 100;
const VMS_PER_DATASTORE: u32 = 500;
/// Capacity of such a datastore.
const DATASTORE_GIB: u64 = 1_024;

/// What a site of an estate with generated VMs offers: more hosts in its cluster, and datastores that
/// all of them reach.
pub(super) fn grown(role: SiteRole, generated: u32) -> SiteResources {
    let mut resources = of(role);
    let Some(like) = resources.hosts.first().cloned() else {
        return resources;
    };
    let (hosts, stores) = (
        generated.div_ceil(VMS_PER_HOST),
        generated.div_ceil(VMS_PER_DATASTORE),
    );
    let short = short(role);
    let added: Vec<Datastore> = (1..=stores)
        .map(|number| Datastore {
            id: DatastoreId::new(format!("{short}-branch-{number}")),
            name: format!("Branches {number:02}"),
            capacity: ByteCount(DATASTORE_GIB * GIB),
            free: ByteCount(DATASTORE_GIB * GIB),
            default_policy: Some(PolicyId::new("Silver")),
        })
        .collect();
    resources.hosts.extend((1..=hosts).map(|number| {
        let id = format!("{short}-branch-host-{number}");
        Host {
            name: format!("{id}.example"),
            id: HostId::new(id),
            ..like.clone()
        }
    }));
    for host in resources.hosts.iter_mut().filter(|it| it.cluster.is_some()) {
        host.datastores.extend(added.iter().map(|it| it.id.clone()));
    }
    resources.datastores.extend(added);
    resources
}

/// Where the generated VM of a number, from 0, is at a site: spread over what [`grown`] adds.
pub(super) fn spread(role: SiteRole, number: u32) -> (Placement, DatastoreId) {
    let short = short(role);
    let datastore = format!("{short}-branch-{}", number / VMS_PER_DATASTORE + 1);
    let datastore = DatastoreId::new(datastore);
    let host = format!("{short}-branch-host-{}", number / VMS_PER_HOST + 1);
    let placement = Placement {
        host: Some(HostId::new(host)),
        pool: None,
        folder: of(role).folders.first().map(|it| it.id.clone()),
        config_datastore: Some(datastore.clone()),
        hardware_version: None,
    };
    (placement, datastore)
}

/// Whether the lab's sites have a storage policy of this name.
pub(super) fn has_policy(name: &str) -> bool {
    POLICIES.contains(&name)
}

/// Where the sample's VMs of a site are: those with the Gold policy on the fast datastore.
pub(super) fn sample_placement(role: SiteRole, policy: &str) -> (Placement, DatastoreId) {
    let resources = of(role);
    let index = usize::from(policy != "Gold");
    let datastore = resources.datastores[index].id.clone();
    let placement = Placement {
        host: resources.hosts.get(index).map(|host| host.id.clone()),
        pool: None,
        folder: resources.folders.first().map(|it| it.id.clone()),
        config_datastore: Some(datastore.clone()),
        hardware_version: None,
    };
    (placement, datastore)
}

/// The resources with what is free now, never more than the file system has.
pub(super) fn measured(
    resources: &SiteResources,
    vms: &[VmInfo],
    file_system: ByteCount,
) -> SiteResources {
    let mut resources = resources.clone();
    let mut used: BTreeMap<&DatastoreId, ByteCount> = BTreeMap::new();
    for disk in vms.iter().flat_map(|vm| &vm.disks) {
        if let Some(datastore) = &disk.datastore {
            *used.entry(datastore).or_default() += disk.allocated;
        }
    }
    for datastore in &mut resources.datastores {
        let used = used.get(&datastore.id).copied().unwrap_or_default();
        let left = datastore.capacity.saturating_sub(used);
        datastore.free = left.min(file_system);
    }
    resources
}

fn used(datastore: &DatastoreId, vms: &[VmInfo]) -> ByteCount {
    vms.iter()
        .flat_map(|vm| &vm.disks)
        .filter(|disk| disk.datastore.as_ref() == Some(datastore))
        .map(|disk| disk.allocated)
        .sum()
}

/// Where a VM to be made lands, everything looked up.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) placement: Placement,
    /// The networks of its adapters, by name.
    pub(super) networks: Vec<Option<String>>,
    /// The policy of its datastore.
    pub(super) policy: Option<String>,
}

impl Place {
    /// Looks up what was chosen.
    pub(super) fn find(
        resources: &SiteResources,
        spec: &NewVm,
        here: &[VmInfo],
    ) -> Result<Self, PlatformError> {
        let look = Look {
            site: &spec.vm.site,
            resources,
        };
        if here
            .iter()
            .any(|vm| vm.name.eq_ignore_ascii_case(&spec.name))
        {
            return Err(PlatformError::NameTaken {
                site: spec.vm.site.clone(),
                name: spec.name.clone(),
            });
        }
        let host = look.host(&spec.compute, here)?;
        look.pool(spec, host)?;
        look.folder(spec, host)?;
        let config = look.datastore(&spec.config_datastore, host)?;
        for disk in &spec.disks {
            let datastore = look.datastore(&disk.datastore, host)?;
            check_space(spec, datastore, here)?;
        }
        let networks = spec
            .adapters
            .iter()
            .map(|adapter| {
                let network = adapter.network.as_ref();
                network.map(|id| look.network(id, host)).transpose()
            })
            .collect::<Result<_, _>>()?;
        let policy = config.default_policy.as_ref();
        Ok(Self {
            placement: Placement {
                host: Some(host.id.clone()),
                pool: spec.pool.clone(),
                folder: spec.folder.clone(),
                config_datastore: Some(config.id.clone()),
                hardware_version: spec.hardware_version,
            },
            networks,
            policy: policy.and_then(|id| {
                let found = resources.policies.iter().find(|policy| policy.id == *id);
                found.map(|policy| policy.name.clone())
            }),
        })
    }
}

/// Space that is taken when the disks are made must be free; thin ones take theirs later.
fn check_space(spec: &NewVm, datastore: &Datastore, here: &[VmInfo]) -> Result<(), PlatformError> {
    let thick = spec
        .disks
        .iter()
        .filter(|disk| disk.datastore == datastore.id && disk.disk_type.takes_all_space());
    let needed: ByteCount = thick.map(|disk| disk.size).sum();
    let free = datastore.capacity.saturating_sub(used(&datastore.id, here));
    if needed > free {
        return Err(PlatformError::DatastoreFull {
            datastore: datastore.name.clone(),
            free,
            needed,
        });
    }
    Ok(())
}

struct Look<'a> {
    site: &'a SiteId,
    resources: &'a SiteResources,
}

impl<'a> Look<'a> {
    fn missing(&self, kind: &'static str, id: &str) -> PlatformError {
        PlatformError::NoResource {
            site: self.site.clone(),
            kind,
            id: id.to_owned(),
        }
    }

    fn host(&self, compute: &Compute, here: &[VmInfo]) -> Result<&'a Host, PlatformError> {
        let hosts = self.resources.hosts.iter();
        match compute {
            Compute::Host(id) => hosts
                .into_iter()
                .find(|host| host.id == *id)
                .ok_or_else(|| self.missing("host", id.as_str())),
            Compute::Cluster(id) => {
                let vms_on = |host: &Host| {
                    let on = |vm: &&VmInfo| vm.placement.host.as_ref() == Some(&host.id);
                    here.iter().filter(on).count()
                };
                hosts
                    .filter(|host| host.cluster.as_ref() == Some(id))
                    .min_by_key(|host| vms_on(host))
                    .ok_or_else(|| self.missing("cluster", id.as_str()))
            }
        }
    }

    fn pool(&self, spec: &NewVm, host: &Host) -> Result<(), PlatformError> {
        let Some(id) = &spec.pool else {
            return Ok(());
        };
        let of_host = |pool: &&Pool| match &pool.of {
            Compute::Host(id) => *id == host.id,
            Compute::Cluster(id) => host.cluster.as_ref() == Some(id),
        };
        let mut pools = self.resources.pools.iter().filter(of_host);
        match pools.find(|pool| pool.id == *id) {
            Some(_) => Ok(()),
            None => Err(self.missing("resource pool", id.as_str())),
        }
    }

    fn folder(&self, spec: &NewVm, host: &Host) -> Result<(), PlatformError> {
        let Some(id) = &spec.folder else {
            return Ok(());
        };
        let known = self.resources.folders.iter().any(|it| it.id == *id);
        if known && !host.is_standalone() {
            return Ok(());
        }
        Err(self.missing("VM folder", id.as_str()))
    }

    fn datastore(&self, id: &DatastoreId, host: &Host) -> Result<&'a Datastore, PlatformError> {
        let mut known = self.resources.datastores.iter();
        known
            .find(|it| it.id == *id && host.datastores.contains(id))
            .ok_or_else(|| self.missing("datastore", id.as_str()))
    }

    fn network(&self, id: &NetworkId, host: &Host) -> Result<String, PlatformError> {
        let mut known = self.resources.networks.iter();
        known
            .find(|it| it.id == *id && host.networks.contains(id))
            .map(|network| network.name.clone())
            .ok_or_else(|| self.missing("network", id.as_str()))
    }
}
