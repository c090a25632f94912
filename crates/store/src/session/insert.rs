//! A new session, refused while another is at work on its replica.

use sqlx::SqliteConnection;

use super::{FORMAT, NewSession, WHAT};
use crate::{
    Store, StoreError,
    connect::commit,
    convert::{to_column, to_json, to_word},
    error::{is_duplicate, writing},
};

impl Store {
    /// Records a session at version 1, with its disks.
    ///
    /// # Errors
    /// [`StoreError::ReplicaBusy`] when a session is at work on the replica.
    pub async fn session_insert(&self, session: &NewSession) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert_on_conn(&mut tx, session, 0).await?;
        commit(tx).await
    }
}

pub(crate) async fn insert_on_conn(
    conn: &mut SqliteConnection,
    session: &NewSession,
    batch_position: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO session (id, batch, batch_position, replica, protected_vm, vm_name, \
         replica_site, replica_platform_id, production_site, production_platform_id, \
         destination, machine, machine_format, version, limit_bytes, started_by, reason, \
         started_at, ended_at, log_seq, effect_seq) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15, $16, $17, \
         NULL, 0, 0)",
    )
    .bind(session.id.as_str())
    .bind(session.batch.as_str())
    .bind(batch_position)
    .bind(session.replica.as_str())
    .bind(session.protected.as_str())
    .bind(&session.vm_name)
    .bind(session.replica_vm.site.as_str())
    .bind(&session.replica_vm.platform_id)
    .bind(session.production_vm.site.as_str())
    .bind(&session.production_vm.platform_id)
    .bind(to_word(WHAT, &session.destination)?)
    .bind(to_json(WHAT, &session.machine)?)
    .bind(FORMAT)
    .bind(session.limit.map(|limit| to_column(limit.0)))
    .bind(session.started_by.as_str())
    .bind(&session.reason)
    .bind(session.started_at.0)
    .execute(&mut *conn)
    .await
    .map_err(|source| refused_or_failed(source, session))?;
    insert_layout(conn, session).await
}

/// Ids are fresh, so the only row that can be in the way is a session at work on the replica.
fn refused_or_failed(source: sqlx::Error, session: &NewSession) -> StoreError {
    if is_duplicate(&source) {
        StoreError::ReplicaBusy {
            replica: session.replica.clone(),
        }
    } else {
        writing(WHAT)(source)
    }
}

async fn insert_layout(
    conn: &mut SqliteConnection,
    session: &NewSession,
) -> Result<(), StoreError> {
    for (position, disk) in (0_i64..).zip(&session.layout) {
        sqlx::query(
            "INSERT INTO session_disk (session, disk, position, name, size) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(session.id.as_str())
        .bind(disk.key.as_str())
        .bind(position)
        .bind(&disk.name)
        .bind(to_column(disk.size.0))
        .execute(&mut *conn)
        .await
        .map_err(writing("a session's disks"))?;
    }
    Ok(())
}
