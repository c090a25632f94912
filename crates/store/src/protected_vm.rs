//! Landfall's own name for a VM, and the one pointer to what is its production VM now.

use model::{ProtectedVmId, SiteId, VmRef};
use sqlx::SqliteConnection;

use crate::{
    Store, StoreError,
    connect::commit,
    error::{reading, writing},
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
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO protected_vm (id, name, production_site, production_platform_id) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(production.site.as_str())
        .bind(&production.platform_id)
        .execute(&mut *tx)
        .await
        .map_err(writing(WHAT))?;
        commit(tx).await
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
        Ok(rows
            .into_iter()
            .map(|(id, name, site, platform_id)| ProtectedVmRow {
                id: ProtectedVmId::new(id),
                name,
                production: VmRef {
                    site: SiteId::new(site),
                    platform_id,
                },
            })
            .collect())
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
        let mut tx = self.begin().await?;
        set_production_on_conn(&mut tx, id, production).await?;
        commit(tx).await
    }
}

async fn set_production_on_conn(
    conn: &mut SqliteConnection,
    id: &ProtectedVmId,
    production: &VmRef,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE protected_vm SET production_site = $2, production_platform_id = $3 \
         WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(production.site.as_str())
    .bind(&production.platform_id)
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
