//! An inventory in rows: what the site is, and its VMs, replicas and jobs in parts. What stayed as it
//! was is neither written nor read again.

use std::{collections::BTreeMap, sync::Arc};

use model::{Job, SiteId, Timestamp, VmInfo};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::{KnownInventories, KnownSite, ReplicaRow, SiteInventory, WHAT};
use crate::{
    StoreError,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const PART_FORMAT: i64 = 1;
/// VMs and replicas of one part.
const SIZE: usize = 200;

/// VMs and replicas in their order; the jobs of all with the first part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    vms: Vec<VmInfo>,
    replicas: Vec<ReplicaRow>,
    #[serde(default)]
    jobs: Vec<Job>,
}

/// A part as it is in the memory of its inventory.
#[derive(PartialEq)]
struct Slice<'a> {
    vms: &'a [VmInfo],
    replicas: &'a [ReplicaRow],
    jobs: &'a [Job],
}

impl<'a> Slice<'a> {
    fn of(inventory: &'a SiteInventory, part: usize) -> Self {
        Self {
            vms: chunk(&inventory.vms, part),
            replicas: chunk(&inventory.replicas, part),
            jobs: if part == 0 { &inventory.jobs } else { &[] },
        }
    }

    fn stored(&self) -> Part {
        Part {
            vms: self.vms.to_vec(),
            replicas: self.replicas.to_vec(),
            jobs: self.jobs.to_vec(),
        }
    }
}

fn chunk<T>(items: &[T], part: usize) -> &[T] {
    items.chunks(SIZE).nth(part).unwrap_or_default()
}

/// How many parts an inventory has: one at least, for its jobs.
fn count(inventory: &SiteInventory) -> usize {
    let most = inventory.vms.len().max(inventory.replicas.len());
    most.div_ceil(SIZE).max(1)
}

/// What a site is, without what lies in parts.
fn head(inventory: &SiteInventory) -> SiteInventory {
    SiteInventory {
        site: inventory.site.clone(),
        name: inventory.name.clone(),
        role: inventory.role,
        platform: inventory.platform.clone(),
        free: inventory.free,
        vms: Vec::new(),
        replicas: Vec::new(),
        jobs: Vec::new(),
        shutdown_timeout_seconds: inventory.shutdown_timeout_seconds,
        resources: inventory.resources.clone(),
        creates_vms: inventory.creates_vms,
        storage_policies: inventory.storage_policies,
        repoints_jobs: inventory.repoints_jobs,
        transport_modes: inventory.transport_modes.clone(),
        no_quick_rollback: inventory.no_quick_rollback.clone(),
    }
}

/// Records that a site was read and is as it was.
pub(super) async fn touch_on_conn(
    conn: &mut SqliteConnection,
    site: &SiteId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE site_inventory SET read_at = $2, error = NULL, error_at = NULL WHERE site = $1",
    )
    .bind(site.as_str())
    .bind(at.0)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    Ok(())
}

/// Writes an inventory; where `old` is what is stored, only the parts that differ from it.
pub(super) async fn put_on_conn(
    conn: &mut SqliteConnection,
    old: Option<&SiteInventory>,
    new: &SiteInventory,
    at: Timestamp,
) -> Result<(), StoreError> {
    let parts = count(new);
    let version = put_head_on_conn(conn, new, column(parts), at).await?;
    for part in 0..parts {
        let slice = Slice::of(new, part);
        let same = old.is_some_and(|old| part < count(old) && Slice::of(old, part) == slice);
        if !same {
            put_part_on_conn(conn, &new.site, column(part), version, &slice.stored()).await?;
        }
    }
    sqlx::query("DELETE FROM site_inventory_part WHERE site = $1 AND part >= $2")
        .bind(new.site.as_str())
        .bind(column(parts))
        .execute(conn)
        .await
        .map_err(writing(WHAT))?;
    Ok(())
}

/// Writes what a site is, and says the inventory's new version.
async fn put_head_on_conn(
    conn: &mut SqliteConnection,
    new: &SiteInventory,
    parts: i64,
    at: Timestamp,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO site_inventory \
         (site, inventory, inventory_format, read_at, error, error_at, version, parts) \
         VALUES ($1, $2, $3, $4, NULL, NULL, 1, $5) \
         ON CONFLICT (site) DO UPDATE SET inventory = excluded.inventory, \
         inventory_format = excluded.inventory_format, read_at = excluded.read_at, \
         error = NULL, error_at = NULL, version = site_inventory.version + 1, \
         parts = excluded.parts RETURNING version",
    )
    .bind(new.site.as_str())
    .bind(to_json(WHAT, &head(new))?)
    .bind(FORMAT)
    .bind(at.0)
    .bind(parts)
    .fetch_one(conn)
    .await
    .map_err(writing(WHAT))
}

async fn put_part_on_conn(
    conn: &mut SqliteConnection,
    site: &SiteId,
    part: i64,
    version: i64,
    body: &Part,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO site_inventory_part (site, part, version, body, format) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site, part) DO UPDATE SET \
         version = excluded.version, body = excluded.body, format = excluded.format",
    )
    .bind(site.as_str())
    .bind(part)
    .bind(version)
    .bind(to_json(WHAT, body)?)
    .bind(PART_FORMAT)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    Ok(())
}

fn column(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row without its body: site, version, parts, when it was read, and why the newest reading failed.
type Stamp = (String, i64, i64, i64, Option<String>);

/// Brings `known` up to date; whether anything changed besides ages and errors.
pub(super) async fn follow_on_conn(
    conn: &mut SqliteConnection,
    known: &mut KnownInventories,
) -> Result<bool, StoreError> {
    let stamps: Vec<Stamp> = sqlx::query_as(
        "SELECT site, version, parts, read_at, error FROM site_inventory \
         WHERE inventory IS NOT NULL ORDER BY site",
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(reading(WHAT))?;
    let mut changed = stamps.len() != known.sites.len();
    let mut sites = Vec::new();
    for (site, version, parts, read_at, error) in stamps {
        let site = SiteId::new(site);
        let before = known.sites.iter().find(|it| it.inventory.site == site);
        let inventory = match before {
            Some(before) if before.version == version => Arc::clone(&before.inventory),
            _ => {
                changed = true;
                Arc::new(read_on_conn(conn, &site, parts, before).await?)
            }
        };
        sites.push(KnownSite {
            version,
            inventory,
            read_at: Timestamp(read_at),
            error,
        });
    }
    known.sites = sites;
    Ok(changed)
}

/// Reads an inventory: its head, and the parts that are newer than what is known.
async fn read_on_conn(
    conn: &mut SqliteConnection,
    site: &SiteId,
    parts: i64,
    before: Option<&KnownSite>,
) -> Result<SiteInventory, StoreError> {
    let (head, format): (String, i64) =
        sqlx::query_as("SELECT inventory, inventory_format FROM site_inventory WHERE site = $1")
            .bind(site.as_str())
            .fetch_one(&mut *conn)
            .await
            .map_err(reading(WHAT))?;
    let mut inventory: SiteInventory = from_json(WHAT, &head, format, FORMAT)?;
    let newer: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT part, body, format FROM site_inventory_part WHERE site = $1 AND version > $2",
    )
    .bind(site.as_str())
    .bind(before.map_or(-1, |before| before.version))
    .fetch_all(conn)
    .await
    .map_err(reading(WHAT))?;
    let mut newer = newer
        .into_iter()
        .map(|(part, body, format)| Ok((part, from_json(WHAT, &body, format, PART_FORMAT)?)))
        .collect::<Result<BTreeMap<i64, Part>, StoreError>>()?;
    for (part, index) in (0..parts).zip(0_usize..) {
        let body = newer.remove(&part);
        let body = body.or_else(|| Some(Slice::of(&before?.inventory, index).stored()));
        let body = body.unwrap_or_default();
        inventory.vms.extend(body.vms);
        inventory.replicas.extend(body.replicas);
        inventory.jobs.extend(body.jobs);
    }
    Ok(inventory)
}
