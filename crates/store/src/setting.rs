//! Single values that belong to the whole installation.

use crate::{
    Store, StoreError,
    connect::commit,
    error::{reading, writing},
};

const WHAT: &str = "a setting";

impl Store {
    /// A setting's value; none when it was never set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn setting_get(&self, name: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(name)
            .fetch_optional(self.reader())
            .await
            .map_err(reading(WHAT))
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn setting_set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }
}
