//! The session page, whole: also the snapshot that the live stream carries.

use model::{
    ApiError, SessionId,
    view::{LogLine, SessionView},
};

use super::{Work, disks, steps, words::Names};
use crate::{
    Service, mode,
    refusal::{failed, not_found},
};

/// Lines of a session's log in one answer. A session writes a few dozen.
const LINES: u32 = 10_000;

impl Service {
    /// A session, whole.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn session_view(&self, id: &SessionId) -> Result<SessionView, ApiError> {
        let work = self.work(id).await?;
        let store = self.store();
        let estate = self.estate().await?;
        let effects = store.effect_list(id).await.map_err(failed)?;
        let passes = store.disk_counters_list(id).await.map_err(failed)?;
        let log = store.log_list(id, 0, LINES).await.map_err(failed)?;
        let live = self.wired.live.session(id);
        let names = Names::of(&work, &estate);
        let undo_space = self
            .wired
            .live
            .undo_space(id)
            .unwrap_or_else(|| disks::undo_space(&work, &passes));
        Ok(SessionView {
            summary: work.summary(&estate),
            now: self.now(),
            authoritative: names.authoritative(&work),
            destination: work.row.destination,
            mode_words: mode::words(&work.session.mode),
            mode: work.session.mode.clone(),
            power_on: work.session.power_on,
            limit: work.row.limit,
            reason: work.row.reason.clone(),
            steps: steps::of(&work, effects),
            progress: disks::progress(&work, &passes, live.as_ref()),
            disks: disks::views(&work, &passes, live.as_ref()),
            undo_space,
            undo_until: names.undo_until(&work),
            operations: work.session.operations(),
            consequences: names.consequences(&work),
            log,
            replica_name: names.replica,
            production_name: names.production,
        })
    }

    /// The lines of a session's log after a number, oldest first.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn session_log_after(
        &self,
        id: &SessionId,
        after: u64,
    ) -> Result<Vec<LogLine>, ApiError> {
        self.work(id).await?;
        self.store()
            .log_list(id, after, LINES)
            .await
            .map_err(failed)
    }

    pub(crate) async fn work(&self, id: &SessionId) -> Result<Work, ApiError> {
        let row = self.store().session_fetch(id).await.map_err(failed)?;
        let row = row.ok_or_else(|| {
            not_found(
                format!("There is no session {id}."),
                "Look for it on the start page.",
            )
        })?;
        Work::of(row)
    }
}
