//! A page of the sessions that are over.

use super::{
    SessionRow,
    read::{Bound, select, sessions_on_conn},
};
use crate::{Store, StoreError, error::reading};

const WHAT: &str = "past sessions";

/// The order of past sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PastOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// By the VM's name.
    Name,
    /// By the VM's name, backwards.
    NameBackwards,
}

/// Which past sessions are asked for.
#[derive(Clone, Copy, Debug)]
pub struct PastQuery<'a> {
    /// What the VM's name must hold, whatever its case; empty is every session.
    pub filter: &'a str,
    /// In which order.
    pub order: PastOrder,
    /// How many to leave out at the beginning.
    pub skip: u32,
    /// How many at most.
    pub take: u32,
}

/// The page of a query in one of the orders.
macro_rules! page {
    ($order:literal) => {
        select!(
            "WHERE ended_at IS NOT NULL AND lower(vm_name) LIKE $1 ESCAPE '!' ORDER BY ",
            $order,
            " LIMIT $2 OFFSET $3"
        )
    };
}

impl Store {
    /// A page of the sessions that are over, and how many there are on all pages.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn session_list_past(
        &self,
        query: &PastQuery<'_>,
    ) -> Result<(Vec<SessionRow>, u32), StoreError> {
        let pattern = pattern(query.filter);
        let mut tx = self.reader().begin().await.map_err(reading(WHAT))?;
        let total: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM session \
             WHERE ended_at IS NOT NULL AND lower(vm_name) LIKE $1 ESCAPE '!'",
        )
        .bind(&pattern)
        .fetch_one(&mut *tx)
        .await
        .map_err(reading(WHAT))?;
        let statements = match query.order {
            PastOrder::Newest => page!("started_at DESC, id DESC"),
            PastOrder::Oldest => page!("started_at, id"),
            PastOrder::Name => page!("vm_name, started_at DESC, id DESC"),
            PastOrder::NameBackwards => page!("vm_name DESC, started_at DESC, id DESC"),
        };
        let bound = Bound::Page(&pattern, query.take, query.skip);
        let rows = sessions_on_conn(&mut tx, statements, bound).await?;
        tx.commit().await.map_err(reading(WHAT))?;
        Ok((rows, u32::try_from(total).unwrap_or(u32::MAX)))
    }
}

/// The pattern of a text anywhere in a name.
fn pattern(filter: &str) -> String {
    let mut pattern = String::from("%");
    for c in filter.trim().to_lowercase().chars() {
        if matches!(c, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
