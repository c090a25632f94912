//! Recording what somebody asks for, and waiting a moment for the engine's answer.

use std::time::Duration;

use model::{Actor, ApiError, SessionId};
use store::{IntentId, IntentKind, NewIntent};
use tokio::time::{Instant, sleep};

use crate::{
    Service,
    refusal::{conflict, failed},
};

/// How long a request waits for the engine. The intent stands however long the engine takes.
const PATIENCE: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(20);

impl Service {
    /// Records an intent and its audit entry, and wakes the engine.
    pub(crate) async fn intend(
        &self,
        actor: &Actor,
        session: Option<&SessionId>,
        kind: IntentKind,
        audit: &str,
    ) -> Result<IntentId, ApiError> {
        let now = self.now();
        let intent = NewIntent {
            id: IntentId::fresh(),
            session: session.cloned(),
            kind,
            actor: actor.clone(),
            created_at: now,
        };
        self.store()
            .audit_append(actor, audit, now)
            .await
            .map_err(failed)?;
        self.store().intent_insert(&intent).await.map_err(failed)?;
        self.wake();
        Ok(intent.id)
    }

    /// Waits until the engine has answered an intent, for a while. A refusal is an error.
    pub(crate) async fn answered(&self, id: &IntentId) -> Result<(), ApiError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row = self.store().intent_fetch(id).await.map_err(failed)?;
            if let Some(result) = row.and_then(|row| row.result) {
                return result.map(|_| ()).map_err(|why| {
                    conflict(why, "Load the page again to see what is possible now.")
                });
            }
            if Instant::now() >= deadline {
                return Ok(());
            }
            sleep(INTERVAL).await;
        }
    }
}
