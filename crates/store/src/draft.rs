//! What was chosen in a wizard so far, in the store so that another browser goes on.

mod placement;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Actor, Destination, DraftId, FailbackMode, PolicyChoice, ProxyId, ReplicaId, Timestamp,
    Trouble, VmRef,
    view::{AfterInput, ModeInput},
};
use serde::{Deserialize, Serialize};

pub use placement::{
    DiskChoice, FolderChoice, NetworkChoice, PlacementChoice, PoolChoice, SeedChoice,
};

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "a draft";

/// What was chosen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftBody {
    /// The chosen replicas.
    pub chosen: Vec<ReplicaId>,
    /// Where they return to.
    pub destination: Option<Destination>,
    /// Look only at what change tracking names, where that can be; kept while another destination
    /// is chosen.
    #[serde(default)]
    pub quick: bool,
    /// What happened at production, for quick rollback.
    #[serde(default)]
    pub trouble: Trouble,
    /// The mode as it was typed.
    pub mode_input: ModeInput,
    /// The mode, checked when it was typed.
    pub mode: Option<FailbackMode>,
    /// What happens by itself around the switchover, as it was typed.
    #[serde(default)]
    pub after_input: AfterInput,
    /// Order, limit and own modes of several VMs.
    #[serde(default)]
    pub several: SeveralChoice,
    /// Power on the production VM after switchover.
    pub power_on: bool,
    /// Reason for the audit log.
    pub reason: String,
    /// Drift that was seen, as `replica id/item`.
    pub drift_seen: Vec<String>,
    /// Which existing VM each replica returns to; kept while another destination is chosen.
    #[serde(default)]
    pub targets: BTreeMap<ReplicaId, VmRef>,
    /// Which storage policy each production VM gets, where that is a question; kept while another
    /// destination is chosen.
    #[serde(default)]
    pub policies: BTreeMap<ReplicaId, PolicyChoice>,
    /// Where each VM is made; kept while another destination is chosen.
    #[serde(default)]
    pub placements: BTreeMap<ReplicaId, PlacementChoice>,
    /// Which proxies may carry the disks.
    #[serde(default)]
    pub proxies: ProxyPick,
}

/// Proxies picked by hand; the list is kept while the choice is automatic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyPick {
    /// The list counts; otherwise any proxy may be taken.
    pub by_hand: bool,
    /// The picked ones.
    pub listed: BTreeSet<ProxyId>,
}

/// What belongs to several VMs of one Finish. It is kept as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeveralChoice {
    /// How many may run at once; empty is all.
    pub at_once: String,
    /// Time zone of the VMs' own times.
    pub zone: String,
    /// The VMs in their order; those that are missing come last.
    pub order: Vec<ReplicaId>,
    /// The VMs that do not switch over as the others do.
    pub own: BTreeMap<ReplicaId, OwnMode>,
}

/// A VM's own failback mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnMode {
    /// `auto`, `scheduled` or `manual`.
    pub mode: String,
    /// Local date and time, for `scheduled`.
    pub at: String,
}

/// A draft and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRow {
    /// Its id.
    pub id: DraftId,
    /// What was chosen so far.
    pub body: DraftBody,
    /// Grows by one with each save.
    pub version: i64,
    /// Who began it.
    pub created_by: Actor,
    /// When.
    pub created_at: Timestamp,
}

impl Store {
    /// Adds a draft.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn draft_insert(
        &self,
        id: &DraftId,
        body: &DraftBody,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO draft (id, body, format, version, created_by, created_at, updated_at) \
             VALUES ($1, $2, $3, 1, $4, $5, $5)",
        )
        .bind(id.as_str())
        .bind(to_json(WHAT, body)?)
        .bind(FORMAT)
        .bind(actor.as_str())
        .bind(at.0)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// A draft; none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn draft_fetch(&self, id: &DraftId) -> Result<Option<DraftRow>, StoreError> {
        let row: Option<(String, i64, i64, String, i64)> = sqlx::query_as(
            "SELECT body, format, version, created_by, created_at FROM draft WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.reader())
        .await
        .map_err(reading(WHAT))?;
        row.map(|(body, format, version, created_by, created_at)| {
            Ok(DraftRow {
                id: id.clone(),
                body: from_json(WHAT, &body, format, FORMAT)?,
                version,
                created_by: Actor::new(created_by),
                created_at: Timestamp(created_at),
            })
        })
        .transpose()
    }

    /// Replaces what was chosen, and says the new version.
    ///
    /// # Errors
    /// [`StoreError::DraftConflict`] when it is no longer at the expected version.
    pub async fn draft_save(
        &self,
        id: &DraftId,
        body: &DraftBody,
        expected: i64,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE draft SET body = $3, format = $4, version = version + 1, updated_at = $5 \
             WHERE id = $1 AND version = $2",
        )
        .bind(id.as_str())
        .bind(expected)
        .bind(to_json(WHAT, body)?)
        .bind(FORMAT)
        .bind(at.0)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        if done.rows_affected() == 0 {
            return Err(StoreError::DraftConflict {
                draft: id.clone(),
                expected,
            });
        }
        commit(tx).await?;
        Ok(expected + 1)
    }

    /// Removes a draft and its dry run. One that is gone already is fine.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn draft_delete(&self, id: &DraftId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for statement in [
            "DELETE FROM dry_run WHERE draft = $1",
            "DELETE FROM draft WHERE id = $1",
        ] {
            sqlx::query(statement)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(writing(WHAT))?;
        }
        commit(tx).await
    }
}
