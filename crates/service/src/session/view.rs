//! The session page, whole: also the snapshot that the live stream carries.

use model::{
    ApiError, SessionId,
    view::{LogLine, SessionView},
};

use store::EffectRow;

use super::{Work, actual, after, carriers, disks, steps, words::Names};
use crate::{
    Service, mode,
    refusal::{failed, not_found},
};

/// Lines of a session's log in one answer. A session writes a few dozen.
const LINES: u32 = 10_000;
/// Times that a session is read again because it advanced meanwhile.
const READINGS: u32 = 5;

impl Service {
    /// A session, whole.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn session_view(&self, id: &SessionId) -> Result<SessionView, ApiError> {
        let (work, effects) = self.work_with_effects(id).await?;
        let store = self.store();
        let estate = self.estate().await?;
        let passes = store.disk_counters_list(id).await.map_err(failed)?;
        let log = store.log_list(id, 0, LINES).await.map_err(failed)?;
        let live = self.wired.live.session(id);
        let carried = store.carrier_list(id).await.map_err(failed)?;
        let names = Names::of(&work, &estate);
        let undo_space = self
            .wired
            .live
            .undo_space(id)
            .unwrap_or_else(|| disks::undo_space(&work, &passes));
        let gates = self.wired.live.gates(id);
        let after = after::view(&work, &passes, &effects, &gates, names.shutdown_seconds);
        let steps = steps::of(&work, effects);
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
            estimate: store
                .session_plan_fetch(id)
                .await
                .map_err(failed)?
                .and_then(|plan| plan.estimate),
            actual: actual::figures(&passes, &steps),
            steps,
            progress: disks::progress(&work, &passes, live.as_ref()),
            disks: disks::views(&work, &passes, live.as_ref()),
            carriers: carriers::views(&work, carried, live.as_ref()),
            undo_space,
            after,
            undo_until: names.undo_until(&work),
            operations: work.session.operations(),
            consequences: names.consequences(&work),
            certificate: self.certificate_view(id).await?,
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

    /// A session and its effects of one moment: a step in between would be listed twice.
    async fn work_with_effects(&self, id: &SessionId) -> Result<(Work, Vec<EffectRow>), ApiError> {
        let mut work = self.work(id).await?;
        for _ in 0..READINGS {
            let effects = self.store().effect_list(id).await.map_err(failed)?;
            let again = self.work(id).await?;
            if again.row.version == work.row.version {
                return Ok((again, effects));
            }
            work = again;
        }
        // It advances faster than it can be read; the next snapshot is a moment away.
        let effects = self.store().effect_list(id).await.map_err(failed)?;
        Ok((work, effects))
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
