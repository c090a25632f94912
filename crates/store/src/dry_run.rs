//! The newest dry run of a draft.

use model::{BatchId, DraftId, view::DryRunView};

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "a dry run";

impl Store {
    /// Replaces the newest dry run of a draft.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn dry_run_put(&self, draft: &DraftId, view: &DryRunView) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO dry_run (draft, body, format) VALUES ($1, $2, $3) \
             ON CONFLICT (draft) DO UPDATE SET body = excluded.body, format = excluded.format",
        )
        .bind(draft.as_str())
        .bind(to_json(WHAT, view)?)
        .bind(FORMAT)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// The newest dry run of a draft; none when there was none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn dry_run_fetch(&self, draft: &DraftId) -> Result<Option<DryRunView>, StoreError> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT body, format FROM dry_run WHERE draft = $1")
                .bind(draft.as_str())
                .fetch_optional(self.reader())
                .await
                .map_err(reading(WHAT))?;
        row.map(|(body, format)| from_json(WHAT, &body, format, FORMAT))
            .transpose()
    }

    /// The newest dry run of the draft that a batch came from; none when there was none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn dry_run_of_batch(
        &self,
        batch: &BatchId,
    ) -> Result<Option<DryRunView>, StoreError> {
        let row: Option<(String, i64)> = sqlx::query_as(
            "SELECT dry_run.body, dry_run.format FROM dry_run \
             JOIN batch ON batch.draft = dry_run.draft WHERE batch.id = $1",
        )
        .bind(batch.as_str())
        .fetch_optional(self.reader())
        .await
        .map_err(reading(WHAT))?;
        row.map(|(body, format)| from_json(WHAT, &body, format, FORMAT))
            .transpose()
    }

    /// Removes the dry run of a draft: it was made for other choices.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn dry_run_delete(&self, draft: &DraftId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM dry_run WHERE draft = $1")
            .bind(draft.as_str())
            .execute(&mut *tx)
            .await
            .map_err(writing(WHAT))?;
        commit(tx).await
    }
}
