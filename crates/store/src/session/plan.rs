//! The plan that a session was started from, apart from what every list of sessions needs.

use model::{SessionId, view::SessionPlan};

use crate::{
    Store, StoreError,
    convert::{from_json, to_json},
    error::reading,
};

/// Format of a session's plan.
pub(super) const FORMAT: i64 = 1;
const WHAT: &str = "a session's plan";

impl Store {
    /// The plan that a session was started from; none for sessions from before plans were kept, and
    /// where there is no such session.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn session_plan_fetch(
        &self,
        id: &SessionId,
    ) -> Result<Option<SessionPlan>, StoreError> {
        let row: Option<(Option<String>, Option<i64>)> =
            sqlx::query_as("SELECT plan, plan_format FROM session WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(self.reader())
                .await
                .map_err(reading(WHAT))?;
        match row {
            Some((Some(plan), format)) => {
                from_json(WHAT, &plan, format.unwrap_or(FORMAT), FORMAT).map(Some)
            }
            Some((None, _)) | None => Ok(None),
        }
    }
}

/// The plan as its column has it.
pub(super) fn column(plan: Option<&SessionPlan>) -> Result<Option<String>, StoreError> {
    plan.map(|plan| to_json(WHAT, plan)).transpose()
}
