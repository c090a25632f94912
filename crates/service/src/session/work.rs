//! A stored session with its machine understood.

use std::sync::Arc;

use failback::{Session, State};
use model::{ApiError, ErrorKind, Outcome, SessionStateRecord, view::SessionSummary};
use store::SessionRow;

use crate::estate::Estate;

/// A stored session with its machine understood.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) row: Arc<SessionRow>,
    pub(crate) session: Session,
}

impl Work {
    /// Understands a stored session.
    pub(crate) fn of(row: impl Into<Arc<SessionRow>>) -> Result<Self, ApiError> {
        let row = row.into();
        let session = Session::from_record(&row.machine).map_err(|unknown| {
            tracing::error!(session.id = %row.id, error = %unknown, "a session is not understood");
            ApiError::new(
                ErrorKind::Internal,
                format!("Session {} was written by a newer version.", row.id),
                "Start the version of Landfall that wrote it.",
            )
        })?;
        Ok(Self { row, session })
    }

    /// The session in a list.
    pub(crate) fn summary(&self, estate: &Estate) -> SessionSummary {
        let row = &self.row;
        SessionSummary {
            id: row.id.clone(),
            batch: row.batch.clone(),
            vm_name: row.vm_name.clone(),
            route: estate.route(&row.replica_vm, &row.production_vm),
            state: self.session.visible(),
            queued: estate.queued(&row.id),
            paused: self.is_paused(),
            outcome: self.outcome(),
            attention: self.session.attention.clone(),
            waits_for_you: !self.session.is_over() && self.session.waits_for_operator(),
            started_by: row.started_by.clone(),
            started_at: row.started_at,
            ended_at: row.ended_at,
        }
    }

    pub(crate) const fn is_paused(&self) -> bool {
        matches!(
            self.session.state,
            State::Synchronizing { paused: true, .. }
        )
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.row.machine.state {
            SessionStateRecord::Ended { outcome, .. } => Some(outcome),
            SessionStateRecord::Synchronizing { .. }
            | SessionStateRecord::ReadyToSwitch { .. }
            | SessionStateRecord::CatchingUp { .. }
            | SessionStateRecord::Switching { .. }
            | SessionStateRecord::Failback { .. }
            | SessionStateRecord::Committing { .. }
            | SessionStateRecord::Undoing { .. }
            | SessionStateRecord::Cancelling { .. } => None,
        }
    }
}
