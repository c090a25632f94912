//! What a libvirt host holds: its VMs, replicas, pools and networks, read over two connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use model::{
    ByteCount, DiskInfo, DiskKey, HostId, Job, JobId, Placement, PowerState, TransportMode, VmInfo,
    VmRef,
};

use super::{
    Libvirt, Site,
    cell::{Cell, QUESTIONS, questions},
    domain::Source,
    domain_uuid, lock,
    resources::{Pool, free, pools, resources, space, store_of},
};
use crate::{Inventory, PlatformError};

/// Questions about one domain: those of a cell, and the sizes of its disks.
const PER_DOMAIN: usize = QUESTIONS + 1;
/// Domains that are asked about at once: what is asked is one argument, which has its limit.
const AT_ONCE: usize = 100;

/// So many times as long what was read is good while the host tells what happens.
const WHILE_IT_TELLS: u32 = 6;

/// What a host says of itself.
pub(super) struct AboutHost {
    pub(super) name: String,
    domains: Vec<String>,
    pools: Vec<String>,
    pub(super) networks: Vec<String>,
}

/// What libvirt says of a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sizes {
    capacity: ByteCount,
    /// What its newest image takes.
    allocation: ByteCount,
}

/// A VM and what its disks take.
pub(super) struct Seen {
    pub(super) cell: Cell,
    sizes: BTreeMap<String, Sizes>,
}

impl Libvirt {
    /// What a site holds, read a moment ago at the most.
    pub(super) fn known_site(&self, site: &Arc<Site>) -> Result<Inventory, PlatformError> {
        let mut fresh = self.inner.settings.reread_after;
        if site.events.tells() {
            fresh *= WHILE_IT_TELLS;
        }
        // Held meanwhile: who asks at the same time gets the same answer.
        let mut read = lock(&site.read);
        if let Some((at, known)) = &*read
            && at.elapsed() < fresh
        {
            return known.clone().map_err(|cause| PlatformError::Unreachable {
                site: site.config.id.clone(),
                cause,
            });
        }
        let found = self.read_site(site);
        *read = match &found {
            Ok(inventory) => Some((Instant::now(), Ok(inventory.clone()))),
            Err(PlatformError::Unreachable { cause, .. }) => {
                Some((Instant::now(), Err(cause.clone())))
            }
            Err(_) => None,
        };
        found
    }

    pub(super) fn read_site(&self, site: &Arc<Site>) -> Result<Inventory, PlatformError> {
        let about = about(site)?;
        let pools = pools(site, &about.pools)?;
        let seen = self.read_vms(site, &about.domains)?;
        let host = HostId::new(about.name.clone());
        let mut vms: Vec<VmInfo> = seen.iter().map(|it| it.info(&host, &pools)).collect();
        // A host lists those that run first: with each start they would be in another order.
        vms.sort_by(|one, other| one.vm.cmp(&other.vm));
        let replicas = seen
            .iter()
            .filter_map(|it| it.cell.replica())
            .collect::<Vec<_>>();
        for replica in &replicas {
            self.remember(&replica.id, &replica.vm);
        }
        let space = space(site, &seen);
        let resources = resources(&about, &pools, &space, &seen);
        Ok(Inventory {
            site: site.config.id.clone(),
            name: site.config.name.clone(),
            role: site.config.role,
            free: free(&space, &resources),
            jobs: jobs(&replicas),
            vms,
            replicas,
            resources,
        })
    }

    /// The domains of a host; one that is gone meanwhile is left out, and one whose XML cannot be
    /// understood is told of in the log.
    fn read_vms(&self, site: &Arc<Site>, uuids: &[String]) -> Result<Vec<Seen>, PlatformError> {
        let mut seen = Vec::new();
        for uuids in uuids.chunks(AT_ONCE) {
            let asked = |uuid: &String| {
                let sizes = format!("domblkinfo {uuid} --all");
                questions(uuid).into_iter().chain([sizes])
            };
            let commands: Vec<String> = uuids.iter().flat_map(asked).collect();
            let answers = ask(site, &commands)?;
            let of_domains = uuids.iter().zip(answers.chunks(PER_DOMAIN));
            seen.extend(of_domains.filter_map(|(uuid, answers)| self.seen(site, uuid, answers)));
        }
        Ok(seen)
    }

    fn seen(&self, site: &Arc<Site>, uuid: &str, answers: &[Option<String>]) -> Option<Seen> {
        let (about, sizes) = answers.split_at_checked(PER_DOMAIN - 1)?;
        let vm = VmRef {
            site: site.config.id.clone(),
            platform_id: uuid.to_owned(),
        };
        let mut cell = Cell::of(Arc::clone(site), vm, about)?
            .inspect_err(|error| tracing::warn!(%error, domain = uuid, "a VM is left out"))
            .ok()?;
        // A VM that Landfall made goes by the id that it was made under.
        if let Some(created) = &cell.domain.record.created
            && domain_uuid(&created.id) == domain_uuid(uuid)
        {
            cell.vm.platform_id.clone_from(&created.id);
        }
        Some(Seen {
            cell,
            sizes: sizes_of(sizes.first().and_then(Option::as_deref).unwrap_or_default()),
        })
    }

    /// One VM with what its disks take.
    pub(super) fn vm_info(&self, vm: &VmRef) -> Result<VmInfo, PlatformError> {
        let cell = self.look(vm)?;
        let site = Arc::clone(&cell.site);
        let id = cell.id();
        let asked = ["hostname".to_owned(), format!("domblkinfo {id} --all")];
        let answers = ask(&site, &asked)?;
        let host = answers.first().cloned().flatten().unwrap_or_default();
        let sizes = answers.get(1).cloned().flatten().unwrap_or_default();
        let seen = Seen {
            cell,
            sizes: sizes_of(&sizes),
        };
        Ok(seen.info(&HostId::new(host), &[]))
    }
}

pub(super) fn ask(site: &Site, commands: &[String]) -> Result<Vec<Option<String>>, PlatformError> {
    let answers = site.virsh.batch(commands);
    let answers = answers.map(|batch| batch.answers);
    answers.map_err(|error| site.failed(None, error))
}

fn about(site: &Site) -> Result<AboutHost, PlatformError> {
    let commands = [
        "hostname",
        "list --all --uuid",
        "pool-list --name",
        "net-list --all --name",
    ]
    .map(str::to_owned);
    let mut answers = ask(site, &commands)?.into_iter();
    let mut lines = || -> Vec<String> {
        let answer = answers.next().flatten().unwrap_or_default();
        let lines = answer.lines().map(str::trim).filter(|it| !it.is_empty());
        lines.map(str::to_owned).collect()
    };
    Ok(AboutHost {
        name: lines().into_iter().next().unwrap_or_default(),
        domains: lines(),
        pools: lines(),
        networks: lines(),
    })
}

/// The sizes of each target, from a table of `Target Capacity Allocation Physical`.
fn sizes_of(table: &str) -> BTreeMap<String, Sizes> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let target = words.next()?.to_owned();
        let mut bytes = || words.next()?.parse().ok().map(ByteCount);
        let (capacity, allocation) = (bytes()?, bytes()?);
        Some((
            target,
            Sizes {
                capacity,
                allocation,
            },
        ))
    };
    table.lines().filter_map(row).collect()
}

impl Seen {
    fn info(&self, host: &HostId, pools: &[Pool]) -> VmInfo {
        let cell = &self.cell;
        let domain = &cell.domain;
        VmInfo {
            vm: cell.vm.clone(),
            name: domain.name.clone(),
            identity: Some(domain.identity.clone()),
            power: power(cell),
            cpus: domain.cpus,
            memory: domain.memory,
            firmware: domain.firmware,
            adapters: domain.adapters.clone(),
            tags: Vec::new(),
            storage_policy: None,
            change_tracking: true,
            disks: domain.movable().map(|it| self.disk(it, pools)).collect(),
            held_by: domain.record.held_by.clone(),
            beside_disks: domain
                .beside_disks
                .iter()
                .map(|&it| it.to_owned())
                .collect(),
            placement: Placement {
                host: Some(host.clone()),
                ..Placement::default()
            },
        }
    }

    fn disk(&self, disk: &super::domain::DomainDisk, pools: &[Pool]) -> DiskInfo {
        let record = self.cell.record();
        let base = record.bases.get(&disk.target);
        let layers = record
            .layers
            .iter()
            .filter_map(|it| it.files.get(&disk.target));
        let own = match &disk.source {
            Source::File(path) => Some(path),
            Source::Block(_) | Source::Volume { .. } | Source::Network(_) | Source::None => None,
        };
        let lowest = base.map(|it| &it.path).or(own);
        let files: BTreeSet<&PathBuf> = layers.chain(lowest).chain(own).collect();
        let sizes = self.sizes.get(&disk.target).copied().unwrap_or_default();
        DiskInfo {
            key: DiskKey::new(disk.target.clone()),
            name: disk.target.clone(),
            size: sizes.capacity,
            // Asking another host of each file would take too long.
            allocated: match self.cell.site.images.transport() {
                TransportMode::DirectStorage => files
                    .into_iter()
                    .map(|it| self.cell.site.images.allocated(it))
                    .sum(),
                TransportMode::VirtualAppliance | TransportMode::Network => sizes.allocation,
            },
            format: base.map_or(disk.format, |it| it.format),
            sector: disk.sector,
            slot: disk.slot.clone(),
            datastore: lowest
                .and_then(|it| it.parent())
                .map(|it| store_of(it, pools)),
        }
    }
}

fn power(cell: &Cell) -> PowerState {
    match (cell.runs(), cell.shutting_down) {
        (false, _) => PowerState::Off,
        (true, false) => PowerState::On,
        (true, true) => PowerState::ShuttingDown,
    }
}

/// Pairs that were registered have no job at the platform: one stands for them all.
fn jobs(replicas: &[crate::ReplicaRecord]) -> Vec<Job> {
    let mut jobs: BTreeMap<&JobId, Job> = BTreeMap::new();
    for replica in replicas {
        let job = jobs.entry(&replica.job).or_insert_with(|| Job {
            id: replica.job.clone(),
            name: "Registered pairs".to_owned(),
            held: false,
            vms: Vec::new(),
        });
        job.vms.push(replica.original.clone());
    }
    jobs.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_from_the_table_without_its_head() {
        let table = " Target   Capacity     Allocation   Physical\n\
                     -------------------------------------------\n\
                     \u{20}vda      1073741824   67112960     67108864\n";
        assert_eq!(
            sizes_of(table),
            BTreeMap::from([(
                "vda".to_owned(),
                Sizes {
                    capacity: ByteCount(1 << 30),
                    allocation: ByteCount(67_112_960),
                }
            )])
        );
    }
}
