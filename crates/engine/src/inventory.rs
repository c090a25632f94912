//! The inventory: read from the platforms, kept in the store with its age.

use std::sync::Arc;

use hypervisor::{Inventory, Platform, PlatformError, ReplicaRecord};
use model::{SiteId, WrittenSince};
use store::{ReplicaRow, SiteInventory, StoreError};

use crate::{clock, config::Config, written_since};

/// Reads every site and saves what it holds, or why it could not be read.
pub(crate) async fn refresh(config: &Config) -> Result<(), StoreError> {
    for platform in &config.platforms {
        for site in platform.sites() {
            one_site(config, platform, site).await?;
        }
    }
    Ok(())
}

async fn one_site(
    config: &Config,
    platform: &Arc<dyn Platform>,
    site: SiteId,
) -> Result<(), StoreError> {
    let store = &config.store;
    let read = {
        let (platform, site, all) = (platform.clone(), site.clone(), config.platforms.clone());
        tokio::task::spawn_blocking(move || read(platform.as_ref(), &site, &all)).await
    };
    let error = match read {
        Ok(Ok(inventory)) => {
            for replica in &inventory.replicas {
                let name = name_of(&inventory, replica);
                store
                    .protected_vm_put_if_absent(&replica.protected, &name, &replica.original)
                    .await?;
            }
            return store.inventory_put(&inventory, clock::now()).await;
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(site.id = %site, error, "inventory not read");
    store.inventory_failed(&site, &error, clock::now()).await
}

fn name_of(inventory: &SiteInventory, replica: &ReplicaRow) -> String {
    let found = inventory.vms.iter().find(|vm| vm.vm == replica.original);
    found.map_or_else(
        || replica.original.platform_id.clone(),
        |vm| vm.name.clone(),
    )
}

fn read(
    platform: &dyn Platform,
    site: &SiteId,
    all: &[Arc<dyn Platform>],
) -> Result<SiteInventory, PlatformError> {
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
    let replicas = replicas.into_iter().map(|record| {
        let written_since = written_since::of(&record, &vms, platform, all);
        replica_row(record, written_since)
    });
    Ok(SiteInventory {
        replicas: replicas.collect(),
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
        transport_modes: capabilities.transport_modes,
        no_quick_rollback: capabilities.no_quick_rollback.map(str::to_owned),
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
