//! One Finish of the wizard: its sessions, the intent that starts them and the audit entry, all or
//! nothing, and once per draft.

use model::{Actor, BatchId, DraftId, SessionId, Timestamp, view::FinishReply};
use sqlx::SqliteConnection;

use crate::{
    IntentId, IntentKind, NewIntent, NewSession, Store, StoreError, audit,
    connect::commit,
    error::{reading, writing},
    intent, session,
};

const WHAT: &str = "a batch";

/// A batch to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    /// Its id.
    pub id: BatchId,
    /// The draft that it came from.
    pub draft: DraftId,
    /// Who pressed Finish.
    pub started_by: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub started_at: Timestamp,
    /// How many of its sessions may be at work at once; none is all of them.
    pub at_once: Option<u32>,
    /// Its sessions, in order.
    pub sessions: Vec<NewSession>,
    /// What the audit log says.
    pub audit: String,
}

/// A batch as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// Its id.
    pub id: BatchId,
    /// Its sessions, in order.
    pub sessions: Vec<SessionId>,
}

impl From<BatchRow> for FinishReply {
    fn from(row: BatchRow) -> Self {
        Self {
            batch: row.id,
            sessions: row.sessions,
        }
    }
}

impl Store {
    /// Records a batch with its sessions, the intent to start them and the audit entry. When the
    /// draft has a batch already, that one is the answer and nothing is written.
    ///
    /// # Errors
    /// [`StoreError::ReplicaBusy`] when a session is at work on one of the replicas; then nothing
    /// is written.
    pub async fn batch_insert(&self, batch: &NewBatch) -> Result<BatchRow, StoreError> {
        let mut tx = self.begin().await?;
        if let Some(row) = fetch_on_conn(&mut tx, &batch.draft).await? {
            return Ok(row);
        }
        insert_on_conn(&mut tx, batch).await?;
        for (position, new) in (0_i64..).zip(&batch.sessions) {
            session::insert_on_conn(&mut tx, new, position).await?;
        }
        let start = NewIntent {
            id: IntentId::fresh(),
            session: None,
            kind: IntentKind::Start {
                batch: batch.id.clone(),
            },
            actor: batch.started_by.clone(),
            created_at: batch.started_at,
        };
        intent::insert_on_conn(&mut tx, &start).await?;
        audit::append_on_conn(&mut tx, &batch.started_by, &batch.audit, batch.started_at).await?;
        commit(tx).await?;
        Ok(BatchRow {
            id: batch.id.clone(),
            sessions: batch.sessions.iter().map(|new| new.id.clone()).collect(),
        })
    }

    /// The batch that came from a draft; none before Finish.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn batch_for_draft(&self, draft: &DraftId) -> Result<Option<BatchRow>, StoreError> {
        let mut conn = self.reader().acquire().await.map_err(reading(WHAT))?;
        fetch_on_conn(&mut conn, draft).await
    }
}

async fn fetch_on_conn(
    conn: &mut SqliteConnection,
    draft: &DraftId,
) -> Result<Option<BatchRow>, StoreError> {
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM batch WHERE draft = $1")
        .bind(draft.as_str())
        .fetch_optional(&mut *conn)
        .await
        .map_err(reading(WHAT))?;
    let Some(id) = id else { return Ok(None) };
    let sessions: Vec<String> =
        sqlx::query_scalar("SELECT id FROM session WHERE batch = $1 ORDER BY batch_position")
            .bind(&id)
            .fetch_all(conn)
            .await
            .map_err(reading(WHAT))?;
    Ok(Some(BatchRow {
        id: BatchId::new(id),
        sessions: sessions.into_iter().map(SessionId::new).collect(),
    }))
}

async fn insert_on_conn(conn: &mut SqliteConnection, batch: &NewBatch) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO batch (id, draft, started_by, reason, started_at, at_once) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(batch.id.as_str())
    .bind(batch.draft.as_str())
    .bind(batch.started_by.as_str())
    .bind(&batch.reason)
    .bind(batch.started_at.0)
    .bind(batch.at_once.map(i64::from))
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    Ok(())
}
