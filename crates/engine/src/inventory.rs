//! The inventory: read from the platforms, kept in the store with its age.

use std::sync::Arc;

use hypervisor::{Inventory, Platform, PlatformError, ReplicaRecord};
use model::SiteId;
use store::{ReplicaRow, SiteInventory, Store, StoreError};

use crate::{clock, config::Config};

/// Reads every site and saves what it holds, or why it could not be read.
pub(crate) async fn refresh(config: &Config) -> Result<(), StoreError> {
    for platform in &config.platforms {
        for site in platform.sites() {
            one_site(&config.store, platform, site).await?;
        }
    }
    Ok(())
}

async fn one_site(
    store: &Store,
    platform: &Arc<dyn Platform>,
    site: SiteId,
) -> Result<(), StoreError> {
    let read = {
        let (platform, site) = (platform.clone(), site.clone());
        tokio::task::spawn_blocking(move || read(platform.as_ref(), &site)).await
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

fn read(platform: &dyn Platform, site: &SiteId) -> Result<SiteInventory, PlatformError> {
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
    Ok(SiteInventory {
        site,
        name,
        role,
        platform: capabilities.platform.to_owned(),
        free,
        vms,
        replicas: replicas.into_iter().map(replica_row).collect(),
        jobs,
        shutdown_timeout_seconds: capabilities.shutdown_timeout.as_secs(),
        resources,
        creates_vms: capabilities.creates_vms,
        storage_policies: capabilities.storage_policies,
        repoints_jobs: capabilities.repoints_jobs,
        transport_modes: capabilities.transport_modes,
    })
}

fn replica_row(record: ReplicaRecord) -> ReplicaRow {
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
    }
}
