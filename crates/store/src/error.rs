//! What can fail in the store: one variant per operation.

use model::{DraftId, ReplicaId, SessionId, VmRef};
use thiserror::Error;

/// A failed store operation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address names PostgreSQL.
    #[error("PostgreSQL is not yet supported; use SQLite: a file path or sqlite://path")]
    PostgresNotYet,
    /// The address names a database that is not known.
    #[error("no store of kind {scheme}; use SQLite: a file path or sqlite://path")]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// The database file could not be opened.
    #[error("open the store at {path}")]
    Open {
        /// Where.
        path: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("bring the store's schema up to date")]
    Migrate {
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// A transaction could not be begun.
    #[error("begin a transaction")]
    Begin {
        /// Why.
        source: sqlx::Error,
    },
    /// A transaction could not be made to last.
    #[error("commit a transaction")]
    Commit {
        /// Why.
        source: sqlx::Error,
    },
    /// Rows could not be read.
    #[error("read {what}")]
    Read {
        /// What was read.
        what: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// Rows could not be written.
    #[error("write {what}")]
    Write {
        /// What was written.
        what: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// A structure could not be put into its stored form.
    #[error("encode {what}")]
    Encode {
        /// What was encoded.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A stored form could not be understood.
    #[error("decode {what}")]
    Decode {
        /// What was decoded.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A newer version of Landfall wrote this.
    #[error("{what} has format {found}, known up to {known}")]
    NewerFormat {
        /// What was decoded.
        what: &'static str,
        /// The format that was found.
        found: i64,
        /// The newest one that is known.
        known: i64,
    },
    /// Somebody else wrote the session in between, or it is not there.
    #[error("session {session} is no longer at version {expected}")]
    SessionConflict {
        /// The session.
        session: SessionId,
        /// The version that the caller had read.
        expected: i64,
    },
    /// Somebody else wrote the draft in between, or it is not there.
    #[error("draft {draft} is no longer at version {expected}")]
    DraftConflict {
        /// The draft.
        draft: DraftId,
        /// The version that the caller had read.
        expected: i64,
    },
    /// A session is at work on the replica already.
    #[error("a session is at work on replica {replica} already")]
    ReplicaBusy {
        /// The replica.
        replica: ReplicaId,
    },
    /// A session is at work on the production VM already.
    #[error("a session is at work on the production VM {vm} already")]
    ProductionBusy {
        /// The production VM.
        vm: VmRef,
    },
    /// The production pointer is neither where it was nor where it is to be.
    #[error("the production VM is recorded as {found}, which this session knows nothing of")]
    PointerMoved {
        /// What is recorded.
        found: VmRef,
    },
    /// An effect was to be finished, but none is at work.
    #[error("session {session} has no effect at work")]
    NoOpenEffect {
        /// The session.
        session: SessionId,
    },
    /// An effect was to begin while another is at work.
    #[error("session {session} has an effect at work already")]
    EffectAtWork {
        /// The session.
        session: SessionId,
    },
    /// The row to be changed is not there.
    #[error("no {what} {id}")]
    Missing {
        /// What kind of row.
        what: &'static str,
        /// Its id.
        id: String,
    },
}

/// Whether an operation that failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call may succeed later.
    Temporary,
    /// The same call fails again; the caller must read anew or ask for something else.
    Permanent,
    /// A person must look first.
    NeedsPerson,
}

impl StoreError {
    /// Whether to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Open { source, .. }
            | Self::Begin { source }
            | Self::Commit { source }
            | Self::Read { source, .. }
            | Self::Write { source, .. } => retry_of(source),
            Self::SessionConflict { .. }
            | Self::DraftConflict { .. }
            | Self::ReplicaBusy { .. }
            | Self::ProductionBusy { .. }
            | Self::NoOpenEffect { .. }
            | Self::EffectAtWork { .. }
            | Self::Missing { .. }
            | Self::Encode { .. } => Retry::Permanent,
            Self::PostgresNotYet
            | Self::PointerMoved { .. }
            | Self::UnknownScheme { .. }
            | Self::Migrate { .. }
            | Self::Decode { .. }
            | Self::NewerFormat { .. } => Retry::NeedsPerson,
        }
    }

    /// Whether the failure is that somebody else wrote in between.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::SessionConflict { .. } | Self::DraftConflict { .. }
        )
    }
}

/// A busy database and an exhausted pool pass by themselves; a full disk or a bad file do not.
fn retry_of(source: &sqlx::Error) -> Retry {
    let passes = match source.as_database_error() {
        Some(error) => is_busy(error.code().as_deref()),
        None => matches!(source, sqlx::Error::PoolTimedOut),
    };
    if passes {
        Retry::Temporary
    } else {
        Retry::NeedsPerson
    }
}

/// Whether a result code of SQLite, extended or not, is BUSY or LOCKED.
fn is_busy(code: Option<&str>) -> bool {
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// Names what was being read when it failed.
pub(crate) fn reading(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Read { what, source }
}

/// Names what was being written when it failed.
pub(crate) fn writing(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Write { what, source }
}

/// Whether a unique index refused a row.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
