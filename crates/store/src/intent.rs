//! What people asked for: written by the use cases, taken and answered by the engine.

use std::fmt;

use model::{
    Actor, BatchId, BytesPerSecond, CatchUp, CommitTimer, DraftId, FailbackMode, HealthGate,
    NewPair, NewSite, ReplicaId, SessionId, SiteId, Timestamp, VmRef,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqliteConnection};

use crate::{
    PlannedVm, Store, StoreError, audit,
    connect::commit,
    convert::{fresh_id, from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "an intent";

/// Names one intent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(String);

impl IntentId {
    /// A fresh id.
    #[must_use]
    pub fn fresh() -> Self {
        Self(fresh_id())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is asked of a session, with what it needs, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum ActionKind {
    /// Hold the movers.
    Pause,
    /// Let the movers go on.
    Resume,
    /// Stop before the switchover is done.
    Cancel,
    /// Begin phase 2.
    SwitchNow,
    /// Change when phase 2 begins.
    ChangeMode {
        /// The new mode.
        to: FailbackMode,
    },
    /// Send what the replica wrote since the last pass.
    CatchUp,
    /// Change what follows the switchover by itself.
    SetTimer {
        /// What follows.
        timer: CommitTimer,
        /// What it asks before it acts.
        gates: Vec<HealthGate>,
    },
    /// Change the time between catch-up passes.
    SetCatchUp {
        /// The new time; none is off.
        catch_up: Option<CatchUp>,
    },
    /// Accept the production VM.
    Commit,
    /// Return both sides to what they were.
    Undo,
    /// Try the step again that needs attention.
    Retry,
    /// Try it again without what cannot be read.
    LeaveUnreadable,
    /// Change the limit of bytes per second.
    SetLimit {
        /// The new limit; none is unlimited.
        limit: Option<BytesPerSecond>,
    },
}

/// What is asked of the estate: which sites there are, and which VM is whose replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum EstateAsk {
    /// Try a site's connection, and connect it where it works.
    PutSite {
        /// The site.
        site: NewSite,
    },
    /// Forget a site.
    RemoveSite {
        /// The site.
        site: SiteId,
    },
    /// Record that a VM is the replica of another.
    RegisterPair {
        /// Both, and which disks pair.
        pair: NewPair,
    },
    /// Forget that a VM is a replica.
    ForgetPair {
        /// The VM at the DR site.
        vm: VmRef,
    },
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum IntentKind {
    /// Something of one session.
    Act(ActionKind),
    /// Start the sessions of a batch.
    Start {
        /// The batch.
        batch: BatchId,
    },
    /// Make the lab anew.
    LabReset,
    /// Fail a replica of the lab over again.
    LabFailOver {
        /// The replica.
        replica: ReplicaId,
    },
    /// Something of the estate.
    Estate(EstateAsk),
    /// Make a full difference of a draft's VMs with nothing written.
    DryRun {
        /// The draft.
        draft: DraftId,
        /// Its VMs, as they were planned when it was asked for.
        #[serde(default)]
        vms: Vec<PlannedVm>,
    },
}

impl IntentKind {
    /// The kind as the word that rows are found by.
    const fn word(&self) -> &'static str {
        match self {
            Self::Act(_) => "act",
            Self::Start { .. } => "start",
            Self::LabReset => "lab_reset",
            Self::LabFailOver { .. } => "lab_fail_over",
            Self::Estate(_) => "estate",
            Self::DryRun { .. } => "dry_run",
        }
    }
}

/// An intent to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIntent {
    /// Its id.
    pub id: IntentId,
    /// The session that it is about.
    pub session: Option<SessionId>,
    /// What is asked for.
    pub kind: IntentKind,
    /// Who asks.
    pub actor: Actor,
    /// When.
    pub created_at: Timestamp,
}

/// An intent as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentRow {
    /// Its id.
    pub id: IntentId,
    /// The session that it is about.
    pub session: Option<SessionId>,
    /// What is asked for.
    pub kind: IntentKind,
    /// Who asked.
    pub actor: Actor,
    /// When.
    pub created_at: Timestamp,
    /// When the engine took it up.
    pub taken_at: Option<Timestamp>,
    /// When the engine was done with it.
    pub done_at: Option<Timestamp>,
    /// What came of it, in words; an error when it was refused or failed.
    pub result: Option<Result<String, String>>,
}

#[derive(FromRow)]
struct Raw {
    id: String,
    session: Option<String>,
    body: String,
    format: i64,
    actor: String,
    created_at: i64,
    taken_at: Option<i64>,
    done_at: Option<i64>,
    failed: bool,
    result: Option<String>,
}

impl Raw {
    fn into_row(self) -> Result<IntentRow, StoreError> {
        let failed = self.failed;
        Ok(IntentRow {
            id: IntentId(self.id),
            session: self.session.map(SessionId::new),
            kind: from_json(WHAT, &self.body, self.format, FORMAT)?,
            actor: Actor::new(self.actor),
            created_at: Timestamp(self.created_at),
            taken_at: self.taken_at.map(Timestamp),
            done_at: self.done_at.map(Timestamp),
            result: self
                .result
                .map(|text| if failed { Err(text) } else { Ok(text) }),
        })
    }
}

/// The columns of [`Raw`], with what follows `FROM intent`.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, session, body, format, actor, created_at, taken_at, done_at, failed, \
             result FROM intent ",
            $rest
        )
    };
}

impl Store {
    /// Records an intent.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn intent_insert(&self, intent: &NewIntent) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert_on_conn(&mut tx, intent).await?;
        commit(tx).await
    }

    /// Records several intents of one actor, with one entry in the audit log: all or nothing.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn intent_insert_all(
        &self,
        intents: &[NewIntent],
        actor: &Actor,
        audit: &str,
    ) -> Result<(), StoreError> {
        let Some(at) = intents.first().map(|intent| intent.created_at) else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        for intent in intents {
            insert_on_conn(&mut tx, intent).await?;
        }
        audit::append_on_conn(&mut tx, actor, audit, at).await?;
        commit(tx).await
    }

    /// The intents that the engine is not done with, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn intent_list_open(&self) -> Result<Vec<IntentRow>, StoreError> {
        let rows: Vec<Raw> =
            sqlx::query_as(select!("WHERE done_at IS NULL ORDER BY created_at, id"))
                .fetch_all(self.reader())
                .await
                .map_err(reading(WHAT))?;
        rows.into_iter().map(Raw::into_row).collect()
    }

    /// The newest intents about the lab as a whole, reset or failover, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn intent_list_lab(&self, limit: u32) -> Result<Vec<IntentRow>, StoreError> {
        let rows: Vec<Raw> = sqlx::query_as(select!(
            "WHERE word IN ('lab_reset', 'lab_fail_over') \
             ORDER BY created_at DESC, id DESC LIMIT $1"
        ))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        rows.into_iter().map(Raw::into_row).collect()
    }

    /// The newest intents about sites and pairs, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn intent_list_estate(&self, limit: u32) -> Result<Vec<IntentRow>, StoreError> {
        let rows: Vec<Raw> = sqlx::query_as(select!(
            "WHERE word = 'estate' ORDER BY created_at DESC, id DESC LIMIT $1"
        ))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        rows.into_iter().map(Raw::into_row).collect()
    }

    /// An intent; none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn intent_fetch(&self, id: &IntentId) -> Result<Option<IntentRow>, StoreError> {
        let row: Option<Raw> = sqlx::query_as(select!("WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(self.reader())
            .await
            .map_err(reading(WHAT))?;
        row.map(Raw::into_row).transpose()
    }

    /// Records that the engine took an intent up. Taking it again keeps the first instant.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it is not there.
    pub async fn intent_take(&self, id: &IntentId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE intent SET taken_at = COALESCE(taken_at, $2) WHERE id = $1")
            .bind(id.as_str())
            .bind(at.0)
            .execute(&mut *tx)
            .await
            .map_err(writing(WHAT))?;
        one(done.rows_affected(), id)?;
        commit(tx).await
    }

    /// Records what came of an intent. A second answer changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it is not there.
    pub async fn intent_done(
        &self,
        id: &IntentId,
        result: &Result<String, String>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (failed, text) = match result {
            Ok(text) => (false, text),
            Err(text) => (true, text),
        };
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE intent SET taken_at = COALESCE(taken_at, $2), \
             failed = CASE WHEN done_at IS NULL THEN $3 ELSE failed END, \
             result = CASE WHEN done_at IS NULL THEN $4 ELSE result END, \
             done_at = COALESCE(done_at, $2) WHERE id = $1",
        )
        .bind(id.as_str())
        .bind(at.0)
        .bind(failed)
        .bind(text)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        one(done.rows_affected(), id)?;
        commit(tx).await
    }
}

pub(crate) async fn insert_on_conn(
    conn: &mut SqliteConnection,
    intent: &NewIntent,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO intent (id, session, word, body, format, actor, created_at, failed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE)",
    )
    .bind(intent.id.as_str())
    .bind(intent.session.as_ref().map(SessionId::as_str))
    .bind(intent.kind.word())
    .bind(to_json(WHAT, &intent.kind)?)
    .bind(FORMAT)
    .bind(intent.actor.as_str())
    .bind(intent.created_at.0)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    Ok(())
}

fn one(rows_affected: u64, id: &IntentId) -> Result<(), StoreError> {
    if rows_affected == 0 {
        return Err(StoreError::Missing {
            what: "intent",
            id: id.to_string(),
        });
    }
    Ok(())
}
