//! Proxies as operators set them up. Only what lasts: who is at work is the engine's to know.

use model::{ProxyId, ProxySettings, ProxyState, SiteId};

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "a proxy";

impl Store {
    /// All proxies, by site and id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn proxy_list(&self) -> Result<Vec<ProxySettings>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT body, format FROM proxy ORDER BY site, id")
                .fetch_all(self.reader())
                .await
                .map_err(reading(WHAT))?;
        rows.into_iter()
            .map(|(body, format)| from_json(WHAT, &body, format, FORMAT))
            .collect()
    }

    /// Gives a site its first proxies; nothing happens where it has some.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn proxy_put_first(
        &self,
        site: &SiteId,
        proxies: &[ProxySettings],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM proxy WHERE site = $1")
            .bind(site.as_str())
            .fetch_one(&mut *tx)
            .await
            .map_err(reading(WHAT))?;
        if there > 0 {
            return Ok(());
        }
        for proxy in proxies {
            insert_on_conn(&mut tx, proxy).await?;
        }
        commit(tx).await
    }

    /// Adds a proxy; false when there is one of that id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn proxy_insert(&self, proxy: &ProxySettings) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let inserted = insert_on_conn(&mut tx, proxy).await?;
        commit(tx).await?;
        Ok(inserted)
    }

    /// Changes whether a proxy may work and whether its link is cut; false when there is none.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn proxy_set_state(
        &self,
        id: &ProxyId,
        change: ProxyChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT body, format FROM proxy WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await
                .map_err(reading(WHAT))?;
        let Some((body, format)) = row else {
            return Ok(false);
        };
        let mut proxy: ProxySettings = from_json(WHAT, &body, format, FORMAT)?;
        match change {
            ProxyChange::State(state) => proxy.state = state,
            ProxyChange::CutOff(cut_off) => proxy.cut_off = cut_off,
        }
        sqlx::query("UPDATE proxy SET body = $2, format = $3, version = version + 1 WHERE id = $1")
            .bind(id.as_str())
            .bind(to_json(WHAT, &proxy)?)
            .bind(FORMAT)
            .execute(&mut *tx)
            .await
            .map_err(writing(WHAT))?;
        commit(tx).await?;
        Ok(true)
    }
}

/// What of a proxy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyChange {
    /// Whether it may work.
    State(ProxyState),
    /// Whether its link is cut.
    CutOff(bool),
}

async fn insert_on_conn(
    conn: &mut sqlx::SqliteConnection,
    proxy: &ProxySettings,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO proxy (id, site, body, format, version) VALUES ($1, $2, $3, $4, 1) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(proxy.id.as_str())
    .bind(proxy.site.as_str())
    .bind(to_json(WHAT, proxy)?)
    .bind(FORMAT)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    Ok(done.rows_affected() > 0)
}
