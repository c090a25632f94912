//! The effect log: what a session does at platforms, durable before it is done.

use model::{SessionId, StepName, Timestamp};
use sqlx::{FromRow, SqliteConnection};

use crate::{
    Store, StoreError,
    convert::{from_column, from_word, to_word},
    error::{is_duplicate, reading, writing},
};

const WHAT: &str = "the effect log";

/// One entry of the effect log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRow {
    /// The session.
    pub session: SessionId,
    /// Number in the session, from 1.
    pub seq: u64,
    /// What it belongs to: "Phase 1", "Switchover".
    pub activity: String,
    /// The step.
    pub step: StepName,
    /// Names the effect so that doing it twice is doing it once.
    pub key: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was done; none while it is at work.
    pub done_at: Option<Timestamp>,
    /// What came of it, in words.
    pub result: Option<String>,
    /// It failed.
    pub failed: bool,
    /// What later steps need to know, as JSON of the engine.
    pub facts: Option<String>,
}

/// An effect that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectStart {
    /// What it belongs to, in words.
    pub activity: String,
    /// The step.
    pub step: StepName,
    /// Names the effect so that doing it twice is doing it once.
    pub key: String,
    /// When.
    pub at: Timestamp,
}

/// How the effect at work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectFinish {
    /// When.
    pub at: Timestamp,
    /// What came of it, in words.
    pub result: Option<String>,
    /// It failed.
    pub failed: bool,
    /// What later steps need to know, as JSON of the engine.
    pub facts: Option<String>,
}

#[derive(FromRow)]
struct Raw {
    seq: i64,
    activity: String,
    step: String,
    key: String,
    started_at: i64,
    done_at: Option<i64>,
    result: Option<String>,
    failed: bool,
    facts: Option<String>,
}

impl Raw {
    fn into_row(self, session: &SessionId) -> Result<EffectRow, StoreError> {
        Ok(EffectRow {
            session: session.clone(),
            seq: from_column(self.seq),
            activity: self.activity,
            step: from_word(WHAT, self.step)?,
            key: self.key,
            started_at: Timestamp(self.started_at),
            done_at: self.done_at.map(Timestamp),
            result: self.result,
            failed: self.failed,
            facts: self.facts,
        })
    }
}

impl Store {
    /// A session's effects in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn effect_list(&self, session: &SessionId) -> Result<Vec<EffectRow>, StoreError> {
        let rows: Vec<Raw> = sqlx::query_as(
            "SELECT seq, activity, step, key, started_at, done_at, result, failed, facts \
             FROM effect_log WHERE session = $1 ORDER BY seq",
        )
        .bind(session.as_str())
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        rows.into_iter().map(|row| row.into_row(session)).collect()
    }

    /// The effect that was begun and not finished; none when none is at work.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn effect_open(&self, session: &SessionId) -> Result<Option<EffectRow>, StoreError> {
        let row: Option<Raw> = sqlx::query_as(
            "SELECT seq, activity, step, key, started_at, done_at, result, failed, facts \
             FROM effect_log WHERE session = $1 AND done_at IS NULL",
        )
        .bind(session.as_str())
        .fetch_optional(self.reader())
        .await
        .map_err(reading(WHAT))?;
        row.map(|row| row.into_row(session)).transpose()
    }
}

/// Completes the entry of the effect at work.
pub(crate) async fn finish_on_conn(
    conn: &mut SqliteConnection,
    session: &SessionId,
    finish: &EffectFinish,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE effect_log SET done_at = $2, result = $3, failed = $4, facts = $5 \
         WHERE session = $1 AND done_at IS NULL",
    )
    .bind(session.as_str())
    .bind(finish.at.0)
    .bind(&finish.result)
    .bind(finish.failed)
    .bind(&finish.facts)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NoOpenEffect {
            session: session.clone(),
        });
    }
    Ok(())
}

/// Adds the entry of an effect that is about to begin.
pub(crate) async fn start_on_conn(
    conn: &mut SqliteConnection,
    session: &SessionId,
    start: &EffectStart,
) -> Result<(), StoreError> {
    let seq: i64 = sqlx::query_scalar(
        "UPDATE session SET effect_seq = effect_seq + 1 WHERE id = $1 RETURNING effect_seq",
    )
    .bind(session.as_str())
    .fetch_one(&mut *conn)
    .await
    .map_err(writing(WHAT))?;
    sqlx::query(
        "INSERT INTO effect_log (session, seq, activity, step, key, started_at, failed) \
         VALUES ($1, $2, $3, $4, $5, $6, FALSE)",
    )
    .bind(session.as_str())
    .bind(seq)
    .bind(&start.activity)
    .bind(to_word(WHAT, &start.step)?)
    .bind(&start.key)
    .bind(start.at.0)
    .execute(conn)
    .await
    .map_err(|source| {
        if is_duplicate(&source) {
            StoreError::EffectAtWork {
                session: session.clone(),
            }
        } else {
            writing(WHAT)(source)
        }
    })?;
    Ok(())
}
