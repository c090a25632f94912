//! The inventory: read from the platforms, kept in the store with its age. What stayed as it was is
//! neither measured nor written again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hypervisor::{Inventory, Platform, PlatformError, ReplicaRecord};
use model::{ByteCount, ProtectedVmId, ReplicaId, SiteId, VmInfo, VmRef, WrittenSince};
use store::{
    KnownInventories, KnownProtectedVms, ProtectedVmRow, ReplicaRow, SiteInventory, Store,
    StoreError,
};

use crate::{clock, config::Config, written_since};

/// A change of free space below one in so many of it is no news.
const FREE_SPACE_STEPS: u64 = 128;

/// What was read of the platforms last. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Inventories {
    /// Held by who reads: a site may take its time, or never answer.
    reading: Arc<tokio::sync::Mutex<()>>,
    /// Changed only by who reads, and never held for long.
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    /// As they were put into the store by this process.
    sites: BTreeMap<SiteId, Arc<SiteInventory>>,
    /// What was written to replicas and their originals, as of their revisions.
    written: Arc<Measured>,
    /// Protected VMs that are in the store.
    protected: BTreeSet<ProtectedVmId>,
}

type Measured = BTreeMap<ReplicaId, (Revisions, Option<WrittenSince>)>;

/// A replica's record and the revisions of both VMs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Revisions {
    record: ReplicaRecord,
    replica: u64,
    original: u64,
}

impl Inventories {
    /// What the store has of an earlier run.
    pub(crate) async fn stored(store: &Store) -> Result<Self, StoreError> {
        let mut stored = KnownInventories::default();
        store.inventory_follow(&mut stored).await?;
        let sites = stored
            .rows()
            .map(|(site, ..)| (site.site.clone(), Arc::clone(site)));
        let mut protected = KnownProtectedVms::default();
        store.protected_vm_follow(&mut protected).await?;
        let known = Known {
            sites: sites.collect(),
            written: Arc::default(),
            protected: protected.rows().keys().cloned().collect(),
        };
        Ok(Self {
            reading: Arc::default(),
            known: Arc::new(Mutex::new(known)),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads every site and saves what it holds, or why it could not be read. Waits for who reads
    /// already.
    pub(crate) async fn refresh(&self, config: &Config) -> Result<(), StoreError> {
        let _reading = self.reading.lock().await;
        let mut there = BTreeSet::new();
        for platform in &config.platforms {
            for site in platform.sites() {
                there.insert(site.clone());
                self.one_site(config, platform, site).await?;
            }
        }
        // One that was forgotten and comes back is written anew.
        self.known().sites.retain(|site, _| there.contains(site));
        Ok(())
    }

    /// What operators call the sites that were read.
    pub(crate) fn site_names(&self) -> BTreeMap<SiteId, String> {
        let known = self.known();
        let sites = known.sites.values();
        sites
            .map(|site| (site.site.clone(), site.name.clone()))
            .collect()
    }

    /// All replicas of the sites that were read.
    pub(crate) fn replicas(&self) -> Vec<ReplicaRow> {
        let known = self.known();
        let sites = known.sites.values();
        sites.flat_map(|site| site.replicas.clone()).collect()
    }

    async fn one_site(
        &self,
        config: &Config,
        platform: &Arc<dyn Platform>,
        site: SiteId,
    ) -> Result<(), StoreError> {
        let store = &config.store;
        let read = {
            let (platform, site, all) = (platform.clone(), site.clone(), config.platforms.clone());
            let (before, measured) = {
                let known = self.known();
                (known.sites.get(&site).cloned(), Arc::clone(&known.written))
            };
            tokio::task::spawn_blocking(move || {
                let (mut new, measured) = read(platform.as_ref(), &site, &all, &measured)?;
                settle(before.as_deref(), &mut new);
                Ok::<_, PlatformError>((new, measured))
            })
            .await
        };
        let error = match read {
            Ok(Ok((inventory, measured))) => {
                Arc::make_mut(&mut self.known().written).extend(measured);
                return self.save(config, inventory).await;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(site.id = %site, error, "inventory not read");
        store.inventory_failed(&site, &error, clock::now()).await
    }

    async fn save(&self, config: &Config, new: SiteInventory) -> Result<(), StoreError> {
        let store = &config.store;
        let (unknown, old) = {
            let known = self.known();
            (known.unprotected(&new), known.sites.get(&new.site).cloned())
        };
        store.protected_vm_put_absent(&unknown).await?;
        store
            .inventory_replace(old.as_deref(), &new, clock::now())
            .await?;
        let mut known = self.known();
        known
            .protected
            .extend(unknown.into_iter().map(|row| row.id));
        if old.as_deref() != Some(&new) {
            known.sites.insert(new.site.clone(), Arc::new(new));
        }
        Ok(())
    }
}

impl Known {
    /// The protected VMs of replicas that are not in the store yet.
    fn unprotected(&self, new: &SiteInventory) -> Vec<ProtectedVmRow> {
        let names: BTreeMap<&VmRef, &str> = new.vms.iter().map(|vm| (&vm.vm, &*vm.name)).collect();
        let unknown = new
            .replicas
            .iter()
            .filter(|replica| !self.protected.contains(&replica.protected));
        unknown
            .map(|replica| ProtectedVmRow {
                id: replica.protected.clone(),
                name: names.get(&replica.original).map_or_else(
                    || replica.original.platform_id.clone(),
                    |it| (*it).to_owned(),
                ),
                production: replica.original.clone(),
            })
            .collect()
    }
}

/// Takes free space in coarse steps, so that a site where little was written is as it was.
fn settle(before: Option<&SiteInventory>, new: &mut SiteInventory) {
    settle_free(before.map(|before| before.free), &mut new.free);
    for datastore in &mut new.resources.datastores {
        let stores = before.into_iter().flat_map(|it| &it.resources.datastores);
        let mut old = stores.filter(|old| old.id == datastore.id);
        settle_free(old.next().map(|old| old.free), &mut datastore.free);
    }
}

/// Never more than there is: what fits is decided by it. A step below is left, so that a little
/// more written does not change it.
fn settle_free(before: Option<ByteCount>, now: &mut ByteCount) {
    let step = (now.0 / FREE_SPACE_STEPS).max(1);
    *now = match before {
        Some(before) if before <= *now && now.0 - before.0 < 3 * step => before,
        Some(_) | None => ByteCount((now.0 - now.0 % step).saturating_sub(step)),
    };
}

/// A site's inventory, and what had to be measured for it.
fn read(
    platform: &dyn Platform,
    site: &SiteId,
    all: &[Arc<dyn Platform>],
    measured: &Measured,
) -> Result<(SiteInventory, Measured), PlatformError> {
    let capabilities = platform.capabilities();
    let Inventory {
        site,
        name,
        role,
        free,
        vms,
        replicas,
        jobs,
        resources,
    } = platform.inventory(site)?;
    let known: BTreeMap<&VmRef, &VmInfo> = vms.iter().map(|vm| (&vm.vm, vm)).collect();
    let mut newly = Measured::new();
    let replicas = replicas.into_iter().map(|record| {
        let now = revisions(&record, platform, all);
        let written_since = match (&now, measured.get(&record.id)) {
            (Some(now), Some((then, written))) if now == then => written.clone(),
            _ => written_since::of(&record, &known, platform, all),
        };
        if let Some(now) = now
            && measured
                .get(&record.id)
                .is_none_or(|(then, _)| *then != now)
        {
            newly.insert(record.id.clone(), (now, written_since.clone()));
        }
        replica_row(record, written_since)
    });
    let replicas = replicas.collect();
    let transport_modes = platform.transport_modes(&site);
    let inventory = SiteInventory {
        replicas,
        site,
        name,
        role,
        platform: capabilities.platform.to_owned(),
        free,
        vms,
        jobs,
        shutdown_timeout_seconds: capabilities.shutdown_timeout.as_secs(),
        resources,
        creates_vms: capabilities.creates_vms,
        storage_policies: capabilities.storage_policies,
        repoints_jobs: capabilities.repoints_jobs,
        transport_modes,
        no_quick_rollback: capabilities.no_quick_rollback.map(str::to_owned),
    };
    Ok((inventory, newly))
}

/// The revisions of what a replica's change tracking is read from; none while it may be changing.
fn revisions(
    record: &ReplicaRecord,
    platform: &dyn Platform,
    all: &[Arc<dyn Platform>],
) -> Option<Revisions> {
    let production = all
        .iter()
        .find(|it| it.sites().contains(&record.original.site))?;
    Some(Revisions {
        replica: platform.revision(&record.vm)?,
        original: production.revision(&record.original)?,
        record: record.clone(),
    })
}

fn replica_row(record: ReplicaRecord, written_since: Option<WrittenSince>) -> ReplicaRow {
    let ReplicaRecord {
        id,
        protected,
        vm,
        original,
        state,
        job,
        on_hold,
        restore_point,
        running_since,
        disk_pairs,
        stored_policy,
    } = record;
    ReplicaRow {
        id,
        protected,
        vm,
        original,
        state,
        job,
        on_hold,
        restore_point,
        running_since,
        disk_pairs,
        stored_policy,
        written_since,
    }
}

#[cfg(test)]
mod tests {
    //! What stays as it was is neither measured nor written again.

    use hypervisor::lab::{Lab, LabSettings, Scale};
    use proof::KeyStore;
    use store::KnownInventories;

    use super::*;

    async fn of_generated_vms(data: &std::path::Path) -> (Config, Lab) {
        let settings = LabSettings {
            scale: Scale::Tiny,
            vms: 300,
            ..LabSettings::default()
        };
        let lab = Lab::open(data, settings).unwrap();
        // The tiny estate's own guests write: without them nothing changes.
        lab.shutdown();
        let config = Config {
            data_dir: data.to_owned(),
            store: Store::open_path(&data.join("landfall.db")).await.unwrap(),
            platforms: vec![Arc::new(lab.clone())],
            lab: Some(lab.clone()),
            libvirt: None,
            slots: 1,
            gate_every: crate::GATE_EVERY,
            keys: KeyStore::of(data, None),
            hook: None,
        };
        (config, lab)
    }

    /// Whether reading again changes nothing. Others write to the same file system, so its free space
    /// may change once or twice.
    async fn stays(of: &Inventories, config: &Config, followed: &mut KnownInventories) -> bool {
        for _ in 0..5 {
            of.refresh(config).await.unwrap();
            if !config.store.inventory_follow(followed).await.unwrap() {
                return true;
            }
        }
        false
    }

    #[test]
    fn free_space_is_coarse_and_never_more_than_there_is() {
        let mut now = ByteCount(1 << 40);
        settle_free(None, &mut now);
        let first = now;
        assert!(first.0 < 1 << 40 && first.0 > (1 << 40) / 100 * 98);
        for (free, stays) in [
            ((1 << 40) - (1 << 30), true),
            ((1 << 40) + (1 << 30), true),
            ((1 << 40) - (1 << 35), false),
            ((1 << 40) + (1 << 35), false),
        ] {
            let mut now = ByteCount(free);
            settle_free(Some(first), &mut now);
            assert_eq!(now == first, stays, "{free}");
            assert!(now.0 <= free);
        }
    }

    #[tokio::test]
    async fn only_what_changed_is_written_again() {
        let data = tempfile::tempdir().unwrap();
        let (config, lab) = of_generated_vms(data.path()).await;
        let inventories = Inventories::stored(&config.store).await.unwrap();
        inventories.refresh(&config).await.unwrap();
        let mut followed = KnownInventories::default();
        let store = &config.store;
        assert!(store.inventory_follow(&mut followed).await.unwrap());
        let read_at = |known: &KnownInventories| known.rows().map(|(_, at, _)| at).max();
        let first = read_at(&followed);
        assert!(stays(&inventories, &config, &mut followed).await);
        assert!(read_at(&followed) > first);
        // So it is for another run that begins with what is stored.
        let again = Inventories::stored(store).await.unwrap();
        assert!(stays(&again, &config, &mut followed).await);

        let replica = again.replicas()[200].clone();
        assert!(matches!(
            replica.written_since,
            Some(WrittenSince::Known { .. })
        ));
        lab.set_replication_hold(&replica.id, true).unwrap();
        inventories.refresh(&config).await.unwrap();
        assert!(store.inventory_follow(&mut followed).await.unwrap());
        let listed = store.inventory_list().await.unwrap();
        let all = listed.iter().flat_map(|(site, ..)| &site.replicas);
        let held: Vec<_> = all.filter(|it| it.on_hold).map(|it| &it.id).collect();
        assert_eq!(held, [&replica.id]);
        assert_eq!(store.protected_vm_list().await.unwrap().len(), 300);
    }
}
