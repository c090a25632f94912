//! What each site's platform held when it was last read, with its age.

mod parts;

use std::sync::Arc;

use model::{
    ByteCount, DiskPair, Job, JobId, ProtectedVmId, ReplicaId, ReplicaState, RestorePoint, SiteId,
    SiteResources, SiteRole, Timestamp, TransportMode, VmInfo, VmRef, WrittenSince,
};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    connect::commit,
    error::{reading, writing},
};

const WHAT: &str = "a site's inventory";

/// Everything a site held when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInventory {
    /// The site.
    pub site: SiteId,
    /// What operators call it.
    pub name: String,
    /// What it is for.
    pub role: SiteRole,
    /// The platform there, in product terms: `lab`.
    pub platform: String,
    /// Free space where layers are made.
    pub free: ByteCount,
    /// Its VMs.
    pub vms: Vec<VmInfo>,
    /// Its replicas.
    pub replicas: Vec<ReplicaRow>,
    /// The jobs that keep them.
    pub jobs: Vec<Job>,
    /// How long a guest may take to shut down before it is powered off.
    pub shutdown_timeout_seconds: u64,
    /// What it offers to place VMs in.
    #[serde(default)]
    pub resources: SiteResources,
    /// It can make VMs.
    #[serde(default)]
    pub creates_vms: bool,
    /// It has storage policies.
    #[serde(default)]
    pub storage_policies: bool,
    /// Its jobs can be made to name another VM.
    #[serde(default)]
    pub repoints_jobs: bool,
    /// How its platform lets disks be reached, best first.
    #[serde(default)]
    pub transport_modes: Vec<TransportMode>,
    /// Why the platform's change tracking is no ground for quick rollback; none where it is.
    #[serde(default)]
    pub no_quick_rollback: Option<String>,
}

/// A replica as the replication that keeps it recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRow {
    /// Landfall's id of the replica.
    pub id: ReplicaId,
    /// Landfall's id of the VM that it protects.
    pub protected: ProtectedVmId,
    /// The replica VM.
    pub vm: VmRef,
    /// The original VM.
    pub original: VmRef,
    /// Its state as replication left it.
    pub state: ReplicaState,
    /// The job that keeps it.
    pub job: JobId,
    /// Replication of this VM is on hold.
    pub on_hold: bool,
    /// The restore point it was failed over to.
    pub restore_point: Option<RestorePoint>,
    /// Since when it runs in place of production.
    pub running_since: Option<Timestamp>,
    /// Its disks whose pair at the original VM has another key.
    #[serde(default)]
    pub disk_pairs: Vec<DiskPair>,
    /// The storage policy that the original VM had at replication.
    #[serde(default)]
    pub stored_policy: Option<String>,
    /// What was written since its restore point; none where no common point is recorded, or it is
    /// not in Failover.
    #[serde(default)]
    pub written_since: Option<WrittenSince>,
}

/// The inventories, as a reader keeps them that asks for what changed.
#[derive(Clone, Debug, Default)]
pub struct KnownInventories {
    sites: Vec<KnownSite>,
}

/// One site of them.
#[derive(Clone, Debug)]
struct KnownSite {
    version: i64,
    inventory: Arc<SiteInventory>,
    read_at: Timestamp,
    error: Option<String>,
}

impl KnownInventories {
    /// Each site that was read at least once, by id: its inventory, its age, and why the newest
    /// reading failed. An inventory that did not change since is the same allocation.
    pub fn rows(&self) -> impl Iterator<Item = (&Arc<SiteInventory>, Timestamp, Option<&str>)> {
        let sites = self.sites.iter();
        sites.map(|site| (&site.inventory, site.read_at, site.error.as_deref()))
    }
}

/// An inventory, its age, and why the newest reading failed, where it did.
pub type InventoryRow = (SiteInventory, Timestamp, Option<String>);

/// A site that could never be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadSite {
    /// The site.
    pub site: SiteId,
    /// Why the newest reading failed.
    pub error: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Replaces what is known of a site.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn inventory_put(
        &self,
        inventory: &SiteInventory,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.inventory_replace(None, inventory, at).await
    }

    /// Replaces what is known of a site, where `old` is what was put last: only what differs is
    /// written, besides that it was read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn inventory_replace(
        &self,
        old: Option<&SiteInventory>,
        new: &SiteInventory,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if old.is_some_and(|old| old == new) {
            parts::touch_on_conn(&mut tx, &new.site, at).await?;
        } else {
            parts::put_on_conn(&mut tx, old, new, at).await?;
        }
        commit(tx).await
    }

    /// Records that a site could not be read; what was known of it stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn inventory_failed(
        &self,
        site: &SiteId,
        error: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO site_inventory (site, error, error_at) VALUES ($1, $2, $3) \
             ON CONFLICT (site) DO UPDATE SET error = excluded.error, \
             error_at = excluded.error_at",
        )
        .bind(site.as_str())
        .bind(error)
        .bind(at.0)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// The sites that were read at least once, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn inventory_list(&self) -> Result<Vec<InventoryRow>, StoreError> {
        let mut known = KnownInventories::default();
        self.inventory_follow(&mut known).await?;
        let sites = known.sites.into_iter();
        Ok(sites
            .map(|site| {
                let inventory = Arc::unwrap_or_clone(site.inventory);
                (inventory, site.read_at, site.error)
            })
            .collect())
    }

    /// Reads what changed of the inventories since `known` was read; whether anything did besides
    /// their age.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn inventory_follow(&self, known: &mut KnownInventories) -> Result<bool, StoreError> {
        let mut tx = self.reader().begin().await.map_err(reading(WHAT))?;
        let changed = parts::follow_on_conn(&mut tx, known).await?;
        tx.commit().await.map_err(reading(WHAT))?;
        Ok(changed)
    }

    /// The sites that could never be read, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn inventory_list_unread(&self) -> Result<Vec<UnreadSite>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT site, error, error_at FROM site_inventory \
             WHERE inventory IS NULL ORDER BY site",
        )
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        Ok(rows
            .into_iter()
            .map(|(site, error, at)| UnreadSite {
                site: SiteId::new(site),
                error,
                at: Timestamp(at),
            })
            .collect())
    }
}
