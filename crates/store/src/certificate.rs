//! The certificate of a session: the signed file as it was made, or why there is none.

use model::{SessionId, Timestamp};

use crate::{
    Store, StoreError,
    connect::commit,
    error::{reading, writing},
};

const WHAT: &str = "a certificate";

/// What became of certifying a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certified {
    /// The text of the signed file.
    Signed(String),
    /// Why nothing was signed.
    Not(String),
}

/// A session's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRow {
    /// The pass after which it was made.
    pub pass: u32,
    /// When.
    pub made_at: Timestamp,
    /// What became of it.
    pub certified: Certified,
}

impl Store {
    /// Records what became of certifying a session; that of a later pass takes its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn certificate_put(
        &self,
        session: &SessionId,
        row: &CertificateRow,
    ) -> Result<(), StoreError> {
        let (body, why_not) = match &row.certified {
            Certified::Signed(body) => (Some(body), None),
            Certified::Not(why) => (None, Some(why)),
        };
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO certificate (session, pass, made_at, body, why_not) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session) DO UPDATE SET \
             pass = excluded.pass, made_at = excluded.made_at, body = excluded.body, \
             why_not = excluded.why_not",
        )
        .bind(session.as_str())
        .bind(i64::from(row.pass))
        .bind(row.made_at.0)
        .bind(body)
        .bind(why_not)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// A session's certificate; none before its first switchover came that far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn certificate_fetch(
        &self,
        session: &SessionId,
    ) -> Result<Option<CertificateRow>, StoreError> {
        let row: Option<(i64, i64, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT pass, made_at, body, why_not FROM certificate WHERE session = $1",
        )
        .bind(session.as_str())
        .fetch_optional(self.reader())
        .await
        .map_err(reading(WHAT))?;
        Ok(row.map(|(pass, made_at, body, why_not)| CertificateRow {
            pass: u32::try_from(pass).unwrap_or(u32::MAX),
            made_at: Timestamp(made_at),
            certified: match body {
                Some(body) => Certified::Signed(body),
                None => Certified::Not(why_not.unwrap_or_default()),
            },
        }))
    }
}
