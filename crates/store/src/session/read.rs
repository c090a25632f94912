//! Sessions as they stand, with the disks they were planned for.

use std::{collections::BTreeMap, sync::Arc};

use model::{
    Actor, BatchId, ByteCount, BytesPerSecond, DiskKey, ProtectedVmId, ReplicaId, SessionChoices,
    SessionId, SiteId, Timestamp, VmRef,
};
use sqlx::{FromRow, Sqlite, SqliteConnection, query::QueryAs, sqlite::SqliteArguments};

use super::{ActiveSessions, CHOICES_FORMAT, FORMAT, SessionDisk, SessionRow, WHAT};
use crate::{
    Store, StoreError,
    convert::{from_column, from_json, from_word},
    error::reading,
    revision::{self, Counted},
};

#[derive(FromRow)]
struct Raw {
    id: String,
    batch: String,
    batch_position: i64,
    at_once: Option<i64>,
    replica: String,
    protected_vm: String,
    vm_name: String,
    replica_site: String,
    replica_platform_id: String,
    production_site: String,
    production_platform_id: String,
    destination: String,
    machine: String,
    machine_format: i64,
    version: i64,
    limit_bytes: Option<i64>,
    started_by: String,
    reason: String,
    started_at: i64,
    ended_at: Option<i64>,
    previous_site: Option<String>,
    previous_platform_id: Option<String>,
    choices: Option<String>,
    choices_format: Option<i64>,
}

/// A row of `session_disk`: session, disk, name, size, target disk.
type RawDisk = (String, String, String, i64, Option<String>);

/// The columns of [`Raw`] and of [`RawDisk`], for the sessions that a condition names.
macro_rules! select {
    ($($condition:literal),+) => {
        (
            concat!(
                "SELECT id, batch, batch_position, \
                 (SELECT at_once FROM batch WHERE batch.id = session.batch) AS at_once, replica, protected_vm, vm_name, replica_site, \
                 replica_platform_id, production_site, production_platform_id, destination, \
                 machine, machine_format, version, limit_bytes, started_by, reason, started_at, \
                 ended_at, previous_site, previous_platform_id, choices, choices_format \
                 FROM session ",
                $($condition),+
            ),
            concat!(
                "SELECT session, disk, name, size, target_disk FROM session_disk WHERE session IN \
                 (SELECT id FROM session ",
                $($condition,)+
                ") ORDER BY session, position"
            ),
        )
    };
}

pub(super) use select;

type Query<O> = QueryAs<'static, Sqlite, O, SqliteArguments>;

/// The values that a condition is about.
#[derive(Clone, Copy)]
pub(super) enum Bound<'a> {
    Nothing,
    Number(i64),
    Text(&'a str),
    Count(u32),
    /// A pattern, how many, and how many before them.
    Page(&'a str, u32, u32),
}

impl Store {
    /// A session; none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn session_fetch(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let rows = self
            .sessions(select!("WHERE id = $1"), Bound::Text(id.as_str()))
            .await?;
        Ok(rows.into_iter().next())
    }

    /// The sessions that are not over, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn session_list_active(&self) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions(
            select!("WHERE ended_at IS NULL ORDER BY started_at DESC, id DESC"),
            Bound::Nothing,
        )
        .await
    }

    /// The sessions of a batch in its order, those that are over too.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn session_list_batch(&self, batch: &BatchId) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions(
            select!("WHERE batch = $1 ORDER BY batch_position"),
            Bound::Text(batch.as_str()),
        )
        .await
    }

    /// The sessions of a batch that are over, in its order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn session_list_batch_ended(
        &self,
        batch: &BatchId,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions(
            select!("WHERE batch = $1 AND ended_at IS NOT NULL ORDER BY batch_position"),
            Bound::Text(batch.as_str()),
        )
        .await
    }

    /// The newest sessions, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn session_list(&self, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions(
            select!("ORDER BY started_at DESC, id DESC LIMIT $1"),
            Bound::Count(limit),
        )
        .await
    }

    /// The session that is at work on a replica; none when none is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn session_for_replica_active(
        &self,
        replica: &ReplicaId,
    ) -> Result<Option<SessionRow>, StoreError> {
        let rows = self
            .sessions(
                select!("WHERE ended_at IS NULL AND replica = $1"),
                Bound::Text(replica.as_str()),
            )
            .await?;
        Ok(rows.into_iter().next())
    }

    /// Reads what changed of the sessions at work since `known` was read; whether anything did.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn session_follow_active(
        &self,
        known: &mut ActiveSessions,
    ) -> Result<bool, StoreError> {
        let mut tx = self.reader().begin().await.map_err(reading(WHAT))?;
        let newest = revision::newest_on_conn(&mut tx, Counted::Session).await?;
        let rows = match known.read {
            Some(read) if read == newest => return Ok(false),
            Some(read) => {
                sessions_on_conn(&mut tx, select!("WHERE revision > $1"), Bound::Number(read))
                    .await?
            }
            None => {
                sessions_on_conn(&mut tx, select!("WHERE ended_at IS NULL"), Bound::Nothing).await?
            }
        };
        tx.commit().await.map_err(reading(WHAT))?;
        for row in rows {
            if row.ended_at.is_some() {
                known.rows.remove(&row.id);
            } else {
                known.rows.insert(row.id.clone(), Arc::new(row));
            }
        }
        known.read = Some(newest);
        Ok(true)
    }

    /// Reads sessions and their disks in one transaction, so that both are of one moment.
    async fn sessions(
        &self,
        statements: (&'static str, &'static str),
        bound: Bound<'_>,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let mut tx = self.reader().begin().await.map_err(reading(WHAT))?;
        let rows = sessions_on_conn(&mut tx, statements, bound).await?;
        tx.commit().await.map_err(reading(WHAT))?;
        Ok(rows)
    }
}

pub(super) async fn sessions_on_conn(
    conn: &mut SqliteConnection,
    (sessions, disks): (&'static str, &'static str),
    bound: Bound<'_>,
) -> Result<Vec<SessionRow>, StoreError> {
    let rows = bind(sqlx::query_as::<_, Raw>(sessions), bound);
    let rows = rows.fetch_all(&mut *conn).await.map_err(reading(WHAT))?;
    let disks = bind(sqlx::query_as::<_, RawDisk>(disks), bound);
    let disks = disks.fetch_all(&mut *conn).await.map_err(reading(WHAT))?;
    assemble(rows, disks)
}

fn bind<O>(query: Query<O>, bound: Bound<'_>) -> Query<O> {
    match bound {
        Bound::Nothing => query,
        Bound::Text(text) => query.bind(text.to_owned()),
        Bound::Count(count) => query.bind(i64::from(count)),
        Bound::Number(number) => query.bind(number),
        Bound::Page(pattern, take, skip) => query
            .bind(pattern.to_owned())
            .bind(i64::from(take))
            .bind(i64::from(skip)),
    }
}

fn assemble(rows: Vec<Raw>, disks: Vec<RawDisk>) -> Result<Vec<SessionRow>, StoreError> {
    let mut layouts: BTreeMap<String, Vec<SessionDisk>> = BTreeMap::new();
    for (session, disk, name, size, target) in disks {
        layouts.entry(session).or_default().push(SessionDisk {
            target: DiskKey::new(target.unwrap_or_else(|| disk.clone())),
            key: DiskKey::new(disk),
            name,
            size: ByteCount(from_column(size)),
        });
    }
    rows.into_iter()
        .map(|raw| {
            let layout = layouts.remove(&raw.id).unwrap_or_default();
            raw.into_row(layout)
        })
        .collect()
}

fn previous(site: Option<String>, platform_id: Option<String>) -> Option<VmRef> {
    let (site, platform_id) = site.zip(platform_id)?;
    Some(VmRef {
        site: SiteId::new(site),
        platform_id,
    })
}

impl Raw {
    fn into_row(self, layout: Vec<SessionDisk>) -> Result<SessionRow, StoreError> {
        Ok(SessionRow {
            id: SessionId::new(self.id),
            batch: BatchId::new(self.batch),
            batch_position: u32::try_from(self.batch_position).unwrap_or(u32::MAX),
            at_once: self
                .at_once
                .map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            replica: ReplicaId::new(self.replica),
            protected: ProtectedVmId::new(self.protected_vm),
            vm_name: self.vm_name,
            replica_vm: VmRef {
                site: SiteId::new(self.replica_site),
                platform_id: self.replica_platform_id,
            },
            production_vm: VmRef {
                site: SiteId::new(self.production_site),
                platform_id: self.production_platform_id,
            },
            previous_production: previous(self.previous_site, self.previous_platform_id),
            choices: match self.choices {
                Some(json) => {
                    let format = self.choices_format.unwrap_or(CHOICES_FORMAT);
                    from_json(WHAT, &json, format, CHOICES_FORMAT)?
                }
                None => SessionChoices::default(),
            },
            destination: from_word(WHAT, self.destination)?,
            machine: from_json(WHAT, &self.machine, self.machine_format, FORMAT)?,
            version: self.version,
            limit: self
                .limit_bytes
                .map(|limit| BytesPerSecond(from_column(limit))),
            started_by: Actor::new(self.started_by),
            reason: self.reason,
            started_at: Timestamp(self.started_at),
            ended_at: self.ended_at.map(Timestamp),
            layout,
        })
    }
}
