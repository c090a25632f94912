//! What a session says to people, numbered from 1 without gaps.

use model::{LogLevel, SessionId, Timestamp, view::LogLine};
use sqlx::SqliteConnection;

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_column, from_word, to_column, to_word},
    error::{reading, writing},
};

const WHAT: &str = "a session's log";

/// A line before it has its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLogLine {
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// What, as a sentence.
    pub text: String,
}

impl Store {
    /// Adds a line and says its number.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the session is not there.
    pub async fn log_append(
        &self,
        session: &SessionId,
        level: LogLevel,
        text: &str,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let line = NewLogLine {
            at,
            level,
            text: text.to_owned(),
        };
        let mut tx = self.begin().await?;
        let seq = append_on_conn(&mut tx, session, &line).await?;
        commit(tx).await?;
        Ok(seq)
    }

    /// The lines after a number, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn log_list(
        &self,
        session: &SessionId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LogLine>, StoreError> {
        let rows: Vec<(i64, i64, String, String)> = sqlx::query_as(
            "SELECT seq, at, level, text FROM log_line WHERE session = $1 AND seq > $2 \
             ORDER BY seq LIMIT $3",
        )
        .bind(session.as_str())
        .bind(to_column(after))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        rows.into_iter()
            .map(|(seq, at, level, text)| {
                Ok(LogLine {
                    seq: from_column(seq),
                    at: Timestamp(at),
                    level: from_word(WHAT, level)?,
                    text,
                })
            })
            .collect()
    }
}

/// Adds a line; the session's own row hands out the numbers, so that none comes twice.
pub(crate) async fn append_on_conn(
    conn: &mut SqliteConnection,
    session: &SessionId,
    line: &NewLogLine,
) -> Result<u64, StoreError> {
    let seq: Option<i64> = sqlx::query_scalar(
        "UPDATE session SET log_seq = log_seq + 1 WHERE id = $1 RETURNING log_seq",
    )
    .bind(session.as_str())
    .fetch_optional(&mut *conn)
    .await
    .map_err(writing(WHAT))?;
    let Some(seq) = seq else {
        return Err(StoreError::Missing {
            what: "session",
            id: session.to_string(),
        });
    };
    sqlx::query("INSERT INTO log_line (session, seq, at, level, text) VALUES ($1, $2, $3, $4, $5)")
        .bind(session.as_str())
        .bind(seq)
        .bind(line.at.0)
        .bind(to_word(WHAT, &line.level)?)
        .bind(&line.text)
        .execute(conn)
        .await
        .map_err(writing(WHAT))?;
    Ok(from_column(seq))
}
