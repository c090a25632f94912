//! Opening the store: the address, the file's modes, the schema, and the two pools.
//!
//! One connection writes and any number read, as SQLite works best. The writer takes its lock when
//! a transaction begins, never midway, where SQLite would refuse at once instead of waiting.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The store. Cloning it is cheap; all clones are one store.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Store {
    /// Opens the store at an address, `sqlite://path` or a path, makes it when it is not there,
    /// and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::PostgresNotYet`], [`StoreError::UnknownScheme`], [`StoreError::Open`],
    /// [`StoreError::Migrate`].
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        Self::open_path(Path::new(path_of(address)?)).await
    }

    /// Opens the store in a file, makes it when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Migrate`].
    pub async fn open_path(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.display().to_string(),
            source,
        };
        let writer = pool(1).connect_with(options(path)).await.map_err(failed)?;
        MIGRATIONS
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migrate { source })?;
        let reader = pool(READERS)
            .connect_with(options(path).pragma("query_only", "ON"))
            .await
            .map_err(failed)?;
        Ok(Self { writer, reader })
    }

    /// Waits for the statements at work and closes the file. Calls after this fail.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// Where to read.
    pub(crate) const fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|source| StoreError::Begin { source })
    }
}

/// Makes what a transaction wrote last.
pub(crate) async fn commit(transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
    transaction
        .commit()
        .await
        .map_err(|source| StoreError::Commit { source })
}

fn path_of(address: &str) -> Result<&str, StoreError> {
    if address.starts_with("postgres:") || address.starts_with("postgresql:") {
        return Err(StoreError::PostgresNotYet);
    }
    if let Some(path) = address
        .strip_prefix("sqlite://")
        .or_else(|| address.strip_prefix("sqlite:"))
    {
        return Ok(path);
    }
    match address.split_once("://") {
        Some((scheme, _)) => Err(StoreError::UnknownScheme {
            scheme: scheme.to_owned(),
        }),
        None => Ok(address),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
}

/// Connections to a file stay open: making one anew costs more than keeping it.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
}

#[cfg(test)]
mod tests;
