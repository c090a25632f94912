//! A new session, refused while another is at work on its replica or its production VM.

use sqlx::SqliteConnection;

use super::{CHOICES_FORMAT, FORMAT, NewSession, WHAT, plan};
use crate::{
    Store, StoreError,
    connect::commit,
    convert::{to_column, to_json, to_word},
    error::{reading, writing},
    revision::{self, Counted},
};

impl Store {
    /// Records a session at version 1, with its disks.
    ///
    /// # Errors
    /// [`StoreError::ReplicaBusy`] and [`StoreError::ProductionBusy`] when a session is at work
    /// on the replica or on the production VM.
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
    refuse_busy(conn, session).await?;
    let revision = revision::next_on_conn(conn, Counted::Session).await?;
    sqlx::query(
        "INSERT INTO session (id, batch, batch_position, replica, protected_vm, vm_name, \
         replica_site, replica_platform_id, production_site, production_platform_id, \
         destination, machine, machine_format, version, limit_bytes, started_by, reason, \
         started_at, ended_at, log_seq, effect_seq, choices, choices_format, plan, \
         plan_format, previous_site, previous_platform_id, revision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15, $16, $17, \
         NULL, 0, 0, $18, $19, $20, $21, \
         (SELECT production_site FROM protected_vm WHERE id = $5), \
         (SELECT production_platform_id FROM protected_vm WHERE id = $5), $22)",
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
    .bind(to_json(WHAT, &session.choices)?)
    .bind(CHOICES_FORMAT)
    .bind(plan::column(session.plan.as_ref())?)
    .bind(session.plan.as_ref().map(|_| plan::FORMAT))
    .bind(revision)
    .execute(&mut *conn)
    .await
    .map_err(writing(WHAT))?;
    insert_layout(conn, session).await
}

/// Refuses a second session on a replica or on a production VM. The schema's indexes say the same;
/// this says which.
async fn refuse_busy(conn: &mut SqliteConnection, session: &NewSession) -> Result<(), StoreError> {
    let replica: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM session WHERE replica = $1 AND ended_at IS NULL")
            .bind(session.replica.as_str())
            .fetch_optional(&mut *conn)
            .await
            .map_err(reading(WHAT))?;
    if replica.is_some() {
        return Err(StoreError::ReplicaBusy {
            replica: session.replica.clone(),
        });
    }
    let production: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM session WHERE production_site = $1 AND production_platform_id = $2 \
         AND ended_at IS NULL",
    )
    .bind(session.production_vm.site.as_str())
    .bind(&session.production_vm.platform_id)
    .fetch_optional(&mut *conn)
    .await
    .map_err(reading(WHAT))?;
    if production.is_some() {
        return Err(StoreError::ProductionBusy {
            vm: session.production_vm.clone(),
        });
    }
    Ok(())
}

async fn insert_layout(
    conn: &mut SqliteConnection,
    session: &NewSession,
) -> Result<(), StoreError> {
    for (position, disk) in (0_i64..).zip(&session.layout) {
        sqlx::query(
            "INSERT INTO session_disk (session, disk, position, name, size, target_disk) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(session.id.as_str())
        .bind(disk.key.as_str())
        .bind(position)
        .bind(&disk.name)
        .bind(to_column(disk.size.0))
        .bind(disk.target.as_str())
        .execute(&mut *conn)
        .await
        .map_err(writing("a session's disks"))?;
    }
    Ok(())
}
