//! Which proxies carried each disk of a session, in order.

use model::{Carrier, SessionId};

use crate::{
    Store, StoreError,
    connect::commit,
    convert::{from_json, to_json},
    error::{reading, writing},
};

const FORMAT: i64 = 1;
const WHAT: &str = "a disk's proxies";

impl Store {
    /// Adds the proxies that take a disk, after those that had it in that pass; says which they are.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn carrier_add(
        &self,
        session: &SessionId,
        carrier: &Carrier,
    ) -> Result<CarrierKey, StoreError> {
        let mut tx = self.begin().await?;
        let position: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(position), 0) + 1 FROM disk_carrier \
             WHERE session = $1 AND disk = $2 AND pass = $3",
        )
        .bind(session.as_str())
        .bind(carrier.disk.as_str())
        .bind(i64::from(carrier.pass))
        .fetch_one(&mut *tx)
        .await
        .map_err(reading(WHAT))?;
        sqlx::query(
            "INSERT INTO disk_carrier (session, disk, pass, position, body, format) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(session.as_str())
        .bind(carrier.disk.as_str())
        .bind(i64::from(carrier.pass))
        .bind(position)
        .bind(to_json(WHAT, carrier)?)
        .bind(FORMAT)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await?;
        Ok(CarrierKey(position))
    }

    /// Replaces what is known of them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn carrier_put(
        &self,
        session: &SessionId,
        key: CarrierKey,
        carrier: &Carrier,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE disk_carrier SET body = $5, format = $6 \
             WHERE session = $1 AND disk = $2 AND pass = $3 AND position = $4",
        )
        .bind(session.as_str())
        .bind(carrier.disk.as_str())
        .bind(i64::from(carrier.pass))
        .bind(key.0)
        .bind(to_json(WHAT, carrier)?)
        .bind(FORMAT)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
    }

    /// What carried the disks of a session: by pass, disk and order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn carrier_list(&self, session: &SessionId) -> Result<Vec<Carrier>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT body, format FROM disk_carrier WHERE session = $1 \
             ORDER BY pass, disk, position",
        )
        .bind(session.as_str())
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        rows.into_iter()
            .map(|(body, format)| from_json(WHAT, &body, format, FORMAT))
            .collect()
    }
}

/// Which of the pairs that carried a disk in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarrierKey(i64);
