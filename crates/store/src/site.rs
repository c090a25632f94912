//! Sites that people connected, and forgetting one.

use model::{SiteId, SiteSettings};

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "a connected site";

impl Store {
    /// All connected sites, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn site_list(&self) -> Result<Vec<SiteSettings>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT body, format FROM connected_site ORDER BY id")
                .fetch_all(self.reader())
                .await
                .map_err(reading(WHAT))?;
        rows.into_iter()
            .map(|(body, format)| from_json(WHAT, &body, format, FORMAT))
            .collect()
    }

    /// Connects a site, or changes the one of that id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn site_put(&self, site: &SiteSettings) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO connected_site (id, body, format, version) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, format = excluded.format, \
             version = connected_site.version + 1",
        )
        .bind(site.id.as_str())
        .bind(to_json(WHAT, site)?)
        .bind(FORMAT)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// Forgets a site with what was read of it and its proxies; false when there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn site_remove(&self, id: &SiteId) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        for sql in [
            "DELETE FROM site_inventory_part WHERE site = $1",
            "DELETE FROM site_inventory WHERE site = $1",
            "DELETE FROM proxy WHERE site = $1",
        ] {
            sqlx::query(sql)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(writing(WHAT))?;
        }
        let done = sqlx::query("DELETE FROM connected_site WHERE id = $1")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(writing(WHAT))?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }
}
