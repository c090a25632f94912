//! Counters of a session's disks, pass by pass.

use model::{DiskCounters, DiskKey, SessionId};

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "a disk's counters";

/// One disk in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskPassRow {
    /// The disk.
    pub disk: DiskKey,
    /// The pass.
    pub pass: u32,
    /// What the pass looks at, in words.
    pub scope: String,
    /// Its counters.
    pub counters: DiskCounters,
    /// Which proxies carry it and why, in words.
    pub proxies: Option<String>,
}

impl Store {
    /// Replaces the counters of one disk in one pass.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn disk_counters_put(
        &self,
        session: &SessionId,
        row: &DiskPassRow,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO disk_pass \
             (session, disk, pass, scope, counters, counters_format, proxies) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (session, disk, pass) DO UPDATE SET scope = excluded.scope, \
             counters = excluded.counters, counters_format = excluded.counters_format, \
             proxies = excluded.proxies",
        )
        .bind(session.as_str())
        .bind(row.disk.as_str())
        .bind(i64::from(row.pass))
        .bind(&row.scope)
        .bind(to_json(WHAT, &row.counters)?)
        .bind(FORMAT)
        .bind(&row.proxies)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// The counters of a session's disks, by disk and pass.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn disk_counters_list(
        &self,
        session: &SessionId,
    ) -> Result<Vec<DiskPassRow>, StoreError> {
        let rows: Vec<(String, i64, String, String, i64, Option<String>)> = sqlx::query_as(
            "SELECT disk, pass, scope, counters, counters_format, proxies FROM disk_pass \
             WHERE session = $1 ORDER BY disk, pass",
        )
        .bind(session.as_str())
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        rows.into_iter()
            .map(|(disk, pass, scope, counters, format, proxies)| {
                Ok(DiskPassRow {
                    disk: DiskKey::new(disk),
                    pass: u32::try_from(pass).unwrap_or(u32::MAX),
                    scope,
                    counters: from_json(WHAT, &counters, format, FORMAT)?,
                    proxies,
                })
            })
            .collect()
    }
}
