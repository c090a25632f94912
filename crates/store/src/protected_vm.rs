//! Landfall's own name for a VM, and the one pointer to what is its production VM now.

use std::collections::BTreeMap;

use model::{ProtectedVmId, SiteId, VmRef};
use sqlx::SqliteConnection;

use crate::{
    Store, StoreError,
    connect::commit,
    error::{reading, writing},
    revision::{self, Counted},
};

const WHAT: &str = "a protected VM";

/// A protected VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedVmRow {
    /// Its id.
    pub id: ProtectedVmId,
    /// What operators call it.
    pub name: String,
    /// The VM that is its production VM now.
    pub production: VmRef,
}

/// All protected VMs, as a reader keeps them that asks for what changed.
#[derive(Clone, Debug, Default)]
pub struct KnownProtectedVms {
    /// The number of the newest change that was read; none before the first reading.
    read: Option<i64>,
    rows: BTreeMap<ProtectedVmId, ProtectedVmRow>,
}

impl KnownProtectedVms {
    /// All of them, by id.
    #[must_use]
    pub const fn rows(&self) -> &BTreeMap<ProtectedVmId, ProtectedVmRow> {
        &self.rows
    }
}

impl Store {
    /// Records a protected VM unless it is there; the pointer of one that is there stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn protected_vm_put_if_absent(
        &self,
        id: &ProtectedVmId,
        name: &str,
        production: &VmRef,
    ) -> Result<(), StoreError> {
        let row = ProtectedVmRow {
            id: id.clone(),
            name: name.to_owned(),
            production: production.clone(),
        };
        self.protected_vm_put_absent(&[row]).await
    }

    /// The same for several, all or nothing.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn protected_vm_put_absent(&self, rows: &[ProtectedVmRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let revision = revision::next_on_conn(&mut tx, Counted::ProtectedVm).await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO protected_vm \
                 (id, name, production_site, production_platform_id, revision) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
            )
            .bind(row.id.as_str())
            .bind(&row.name)
            .bind(row.production.site.as_str())
            .bind(&row.production.platform_id)
            .bind(revision)
            .execute(&mut *tx)
            .await
            .map_err(writing(WHAT))?;
        }
        commit(tx).await
    }

    /// Reads what changed of the protected VMs since `known` was read; whether anything did.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn protected_vm_follow(
        &self,
        known: &mut KnownProtectedVms,
    ) -> Result<bool, StoreError> {
        let mut tx = self.reader().begin().await.map_err(reading(WHAT))?;
        let newest = revision::newest_on_conn(&mut tx, Counted::ProtectedVm).await?;
        if known.read == Some(newest) {
            return Ok(false);
        }
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, name, production_site, production_platform_id FROM protected_vm \
             WHERE revision > $1",
        )
        .bind(known.read.unwrap_or(-1))
        .fetch_all(&mut *tx)
        .await
        .map_err(reading(WHAT))?;
        tx.commit().await.map_err(reading(WHAT))?;
        let rows = rows.into_iter().map(row);
        known.rows.extend(rows.map(|row| (row.id.clone(), row)));
        known.read = Some(newest);
        Ok(true)
    }

    /// A protected VM; none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn protected_vm_fetch(
        &self,
        id: &ProtectedVmId,
    ) -> Result<Option<ProtectedVmRow>, StoreError> {
        let row: Option<(String, String, String)> = sqlx::query_as(
            "SELECT name, production_site, production_platform_id FROM protected_vm \
             WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.reader())
        .await
        .map_err(reading(WHAT))?;
        Ok(row.map(|(name, site, platform_id)| ProtectedVmRow {
            id: id.clone(),
            name,
            production: VmRef {
                site: SiteId::new(site),
                platform_id,
            },
        }))
    }

    /// All protected VMs, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn protected_vm_list(&self) -> Result<Vec<ProtectedVmRow>, StoreError> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, name, production_site, production_platform_id FROM protected_vm \
             ORDER BY id",
        )
        .fetch_all(self.reader())
        .await
        .map_err(reading(WHAT))?;
        Ok(rows.into_iter().map(row).collect())
    }

    /// Moves the pointer from one production VM to another, in one transaction. One that is there
    /// already stays.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the protected VM is not there, [`StoreError::PointerMoved`]
    /// when somebody else has moved it; nothing is changed then.
    pub async fn protected_vm_move_production(
        &self,
        id: &ProtectedVmId,
        from: &VmRef,
        to: &VmRef,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT production_site, production_platform_id FROM protected_vm WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *tx)
        .await
        .map_err(reading(WHAT))?;
        let (site, platform_id) = row.ok_or_else(|| missing(id))?;
        let found = VmRef {
            site: SiteId::new(site),
            platform_id,
        };
        if found == *to {
            return Ok(());
        }
        if found != *from {
            return Err(StoreError::PointerMoved { found });
        }
        set_production_on_conn(&mut tx, id, to).await?;
        commit(tx).await
    }

    /// Sets the pointer to the production VM, whatever it was.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the protected VM is not there.
    pub async fn protected_vm_set_production(
        &self,
        id: &ProtectedVmId,
        production: &VmRef,
    ) -> Result<(), StoreError> {
        self.protected_vm_set_productions(&[(id.clone(), production.clone())])
            .await
    }

    /// The same for several, all or nothing.
    ///
    /// # Errors
    /// As [`Self::protected_vm_set_production`].
    pub async fn protected_vm_set_productions(
        &self,
        pointers: &[(ProtectedVmId, VmRef)],
    ) -> Result<(), StoreError> {
        if pointers.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (id, production) in pointers {
            set_production_on_conn(&mut tx, id, production).await?;
        }
        commit(tx).await
    }
}

fn row((id, name, site, platform_id): (String, String, String, String)) -> ProtectedVmRow {
    ProtectedVmRow {
        id: ProtectedVmId::new(id),
        name,
        production: VmRef {
            site: SiteId::new(site),
            platform_id,
        },
    }
}

async fn set_production_on_conn(
    conn: &mut SqliteConnection,
    id: &ProtectedVmId,
    production: &VmRef,
) -> Result<(), StoreError> {
    let revision = revision::next_on_conn(conn, Counted::ProtectedVm).await?;
    let done = sqlx::query(
        "UPDATE protected_vm SET production_site = $2, production_platform_id = $3, \
         revision = $4 WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(production.site.as_str())
    .bind(&production.platform_id)
    .bind(revision)
    .execute(conn)
    .await
    .map_err(writing(WHAT))?;
    if done.rows_affected() == 0 {
        return Err(missing(id));
    }
    Ok(())
}

fn missing(id: &ProtectedVmId) -> StoreError {
    StoreError::Missing {
        what: "protected VM",
        id: id.to_string(),
    }
}
