//! Numbers that grow with each change, for readers that keep what they read.

use sqlx::SqliteConnection;

use crate::{
    StoreError,
    error::{reading, writing},
};

const WHAT: &str = "the number of the newest change";

/// What changes are counted of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    Session,
    ProtectedVm,
}

impl Counted {
    const fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::ProtectedVm => "protected_vm",
        }
    }
}

/// Counts a change and says its number; it holds from the transaction's commit on.
pub(crate) async fn next_on_conn(
    conn: &mut SqliteConnection,
    of: Counted,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO revision (what, newest) VALUES ($1, 1) \
         ON CONFLICT (what) DO UPDATE SET newest = revision.newest + 1 RETURNING newest",
    )
    .bind(of.word())
    .fetch_one(conn)
    .await
    .map_err(writing(WHAT))
}

/// The number of the newest change; 0 before the first.
pub(crate) async fn newest_on_conn(
    conn: &mut SqliteConnection,
    of: Counted,
) -> Result<i64, StoreError> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT newest FROM revision WHERE what = $1")
        .bind(of.word())
        .fetch_optional(conn)
        .await
        .map_err(reading(WHAT))?;
    Ok(newest.unwrap_or(0))
}
