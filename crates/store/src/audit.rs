//! Who asked for what, and when. Entries are only ever added.

use model::{Actor, Timestamp};
use sqlx::SqliteConnection;

use crate::{
    Store, StoreError,
    connect::commit,
    convert::fresh_id,
    error::{reading, writing},
};

const WHAT: &str = "the audit log";

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Who.
    pub actor: Actor,
    /// What, as a sentence.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Adds an entry.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn audit_append(
        &self,
        actor: &Actor,
        what: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        append_on_conn(&mut tx, actor, what, at).await?;
        commit(tx).await
    }

    /// The newest entries, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn audit_list(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT actor, what, at FROM audit ORDER BY at DESC, id DESC LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(self.reader())
                .await
                .map_err(reading(WHAT))?;
        Ok(rows
            .into_iter()
            .map(|(actor, what, at)| AuditRow {
                actor: Actor::new(actor),
                what,
                at: Timestamp(at),
            })
            .collect())
    }
}

pub(crate) async fn append_on_conn(
    conn: &mut SqliteConnection,
    actor: &Actor,
    what: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit (id, actor, what, at) VALUES ($1, $2, $3, $4)")
        .bind(fresh_id())
        .bind(actor.as_str())
        .bind(what)
        .bind(at.0)
        .execute(conn)
        .await
        .map_err(writing(WHAT))?;
    Ok(())
}
