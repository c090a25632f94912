//! How a session advances: its machine, its effects and its log in one transaction.

use model::{BytesPerSecond, SessionId, SessionRecord, SessionStateRecord};
use sqlx::SqliteConnection;

use super::{FORMAT, WHAT};
use crate::{
    EffectFinish, EffectStart, NewLogLine, Store, StoreError,
    connect::commit,
    convert::{to_column, to_json},
    effect,
    error::writing,
    log,
    revision::{self, Counted},
};

impl Store {
    /// Saves a session's machine and says its new version. A machine that is over ends the
    /// session.
    ///
    /// # Errors
    /// [`StoreError::SessionConflict`] when it is no longer at the expected version.
    pub async fn session_save_machine(
        &self,
        id: &SessionId,
        machine: &SessionRecord,
        expected: i64,
    ) -> Result<i64, StoreError> {
        self.session_commit_step(id, expected, machine, None, None, &[])
            .await
    }

    /// Advances a session by one step, all of it or nothing: completes the entry of the effect at
    /// work, saves the machine, adds the entry of the next effect, and adds lines to the log. On
    /// the disk when this returns, so that the next effect may begin. Says the new version.
    ///
    /// # Errors
    /// [`StoreError::SessionConflict`] when it is no longer at the expected version;
    /// [`StoreError::NoOpenEffect`] and [`StoreError::EffectAtWork`] when the effect log does not
    /// fit. Nothing is changed then.
    pub async fn session_commit_step(
        &self,
        id: &SessionId,
        expected: i64,
        machine: &SessionRecord,
        finish: Option<EffectFinish>,
        start: Option<EffectStart>,
        lines: &[NewLogLine],
    ) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        save_machine_on_conn(&mut tx, id, machine, expected).await?;
        if let Some(finish) = &finish {
            effect::finish_on_conn(&mut tx, id, finish).await?;
        }
        if let Some(start) = &start {
            effect::start_on_conn(&mut tx, id, start).await?;
        }
        for line in lines {
            log::append_on_conn(&mut tx, id, line).await?;
        }
        commit(tx).await?;
        Ok(expected + 1)
    }

    /// Changes a session's limit of bytes per second. The version stays: movers may be told at any
    /// moment, whatever the machine does.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the session is not there.
    pub async fn session_set_limit(
        &self,
        id: &SessionId,
        limit: Option<BytesPerSecond>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let revision = revision::next_on_conn(&mut tx, Counted::Session).await?;
        let done = sqlx::query("UPDATE session SET limit_bytes = $2, revision = $3 WHERE id = $1")
            .bind(id.as_str())
            .bind(limit.map(|limit| to_column(limit.0)))
            .bind(revision)
            .execute(&mut *tx)
            .await
            .map_err(writing(WHAT))?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Missing {
                what: "session",
                id: id.to_string(),
            });
        }
        commit(tx).await
    }
}

async fn save_machine_on_conn(
    conn: &mut SqliteConnection,
    id: &SessionId,
    machine: &SessionRecord,
    expected: i64,
) -> Result<(), StoreError> {
    let ended_at = match &machine.state {
        SessionStateRecord::Ended { at, .. } => Some(at.0),
        SessionStateRecord::Synchronizing { .. }
        | SessionStateRecord::ReadyToSwitch { .. }
        | SessionStateRecord::CatchingUp { .. }
        | SessionStateRecord::Switching { .. }
        | SessionStateRecord::Failback { .. }
        | SessionStateRecord::Committing { .. }
        | SessionStateRecord::Undoing { .. }
        | SessionStateRecord::Cancelling { .. } => None,
    };
    let revision = revision::next_on_conn(conn, Counted::Session).await?;
    let done = sqlx::query(
        "UPDATE session SET machine = $3, machine_format = $4, version = version + 1, \
         ended_at = $5, revision = $6 WHERE id = $1 AND version = $2",
    )
    .bind(id.as_str())
    .bind(expected)
    .bind(to_json(WHAT, machine)?)
    .bind(FORMAT)
    .bind(ended_at)
    .bind(revision)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    if done.rows_affected() == 0 {
        return Err(StoreError::SessionConflict {
            session: id.clone(),
            expected,
        });
    }
    Ok(())
}
