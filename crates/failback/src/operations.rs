//! What an operator may do, computed from the state in one place.

use model::{Allowed, CancelKind, Operation, ReplicaState};

use crate::{Effect, Session, State};

const ALL: [Operation; 13] = [
    Operation::Pause,
    Operation::Resume,
    Operation::SwitchNow,
    Operation::ChangeMode,
    Operation::CatchUp,
    Operation::Commit,
    Operation::Undo,
    Operation::Cancel,
    Operation::Retry,
    Operation::LeaveUnreadable,
    Operation::SetLimit,
    Operation::SetTimer,
    Operation::SetCatchUp,
];

impl Session {
    /// Every operation with whether it is possible now, and why not.
    #[must_use]
    pub fn operations(&self) -> Vec<Allowed> {
        ALL.iter()
            .map(|&operation| Allowed {
                operation,
                why_not: self.why_not(operation).map(str::to_owned),
            })
            .collect()
    }

    /// Why an operation is not possible now; none when it is.
    #[must_use]
    pub fn why_not(&self, operation: Operation) -> Option<&'static str> {
        if self.is_over() {
            return Some("The session is over.");
        }
        match operation {
            Operation::StartFailback => Some("A session is at work on this replica already."),
            Operation::Pause => self.why_not_pause(),
            Operation::Resume => unless(
                matches!(self.state, State::Synchronizing { paused: true, .. }),
                "The session is not paused.",
            ),
            Operation::Cancel => self.why_not_cancel(),
            Operation::SwitchNow if matches!(self.state, State::Synchronizing { .. }) => {
                Some("Phase 1 is not done yet.")
            }
            Operation::SwitchNow => match self.state {
                State::CatchingUp {
                    then_switch: true, ..
                } => Some("The switchover follows as soon as the catch-up pass is done."),
                State::ReadyToSwitch { .. } | State::CatchingUp { .. } => None,
                State::Synchronizing { .. }
                | State::Switching { .. }
                | State::Failback { .. }
                | State::Committing { .. }
                | State::Undoing { .. }
                | State::Cancelling { .. }
                | State::Ended { .. } => Some("The switchover has begun already."),
            },
            Operation::CatchUp => self.why_not_catch_up(),
            Operation::SetTimer => unless(
                !matches!(self.state, State::Committing { .. } | State::Undoing { .. }),
                "Commit or undo has begun already.",
            ),
            Operation::ChangeMode | Operation::SetCatchUp => unless(
                matches!(
                    self.state,
                    State::Synchronizing { .. }
                        | State::ReadyToSwitch { .. }
                        | State::CatchingUp { .. }
                ),
                "The switchover has begun already.",
            ),
            Operation::Commit if matches!(self.state, State::Committing { .. }) => {
                Some("Commit is at work already.")
            }
            Operation::Commit => unless(
                matches!(self.state, State::Failback { .. }),
                "Commit follows the switchover.",
            ),
            Operation::Undo => self.why_not_undo(),
            Operation::Retry => unless(self.attention.is_some(), "No step needs attention."),
            Operation::LeaveUnreadable => unless(
                self.attention.as_ref().is_some_and(|it| it.unreadable),
                "Nothing stopped at what cannot be read.",
            ),
            Operation::SetLimit => unless(
                !matches!(
                    self.state,
                    State::Failback { .. }
                        | State::Committing { .. }
                        | State::Undoing { .. }
                        | State::Cancelling { .. }
                ),
                "Nothing is transferred any more.",
            ),
        }
    }

    fn why_not_pause(&self) -> Option<&'static str> {
        match self.state {
            State::Switching { .. } => {
                Some("The replica is off: a pause would only make the downtime longer.")
            }
            State::CatchingUp { .. } => {
                Some("A catch-up pass is short. Cancel it to stop the movers.")
            }
            State::Synchronizing { paused: true, .. } => Some("The session is paused already."),
            State::Synchronizing { .. } => unless(
                self.has_to_send(),
                "Everything is sent. To hold the switchover, change the failback mode to Manual.",
            ),
            State::ReadyToSwitch { .. }
            | State::Failback { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. }
            | State::Ended { .. } => Some("Nothing is being transferred."),
        }
    }

    fn why_not_catch_up(&self) -> Option<&'static str> {
        match self.state {
            State::ReadyToSwitch { .. } => None,
            State::Synchronizing { .. } => Some("Phase 1 is not done yet."),
            State::CatchingUp { .. } => Some("A catch-up pass is at work already."),
            State::Switching { .. }
            | State::Failback { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. }
            | State::Ended { .. } => Some("The switchover has begun already."),
        }
    }

    /// Whether the transfer is at work or to come.
    fn has_to_send(&self) -> bool {
        let Some((activity, at)) = self.activity() else {
            return false;
        };
        crate::program::of(self, activity)
            .iter()
            .skip(at)
            .any(|effect| matches!(effect, Effect::Transfer { .. }))
    }

    fn why_not_cancel(&self) -> Option<&'static str> {
        match self.state {
            State::Synchronizing { .. } => None,
            State::Switching { .. } | State::CatchingUp { .. }
                if self.switch_can_be_taken_back() =>
            {
                None
            }
            State::CatchingUp { .. } => {
                Some("The pass is nearly done. Undo takes back what was done.")
            }
            State::Switching { .. } => Some(
                "The last changes are on production already. Undo takes them back once the \
                 switchover has ended or needs attention.",
            ),
            State::ReadyToSwitch { .. } | State::Failback { .. } => {
                Some("Nothing is at work. Undo takes back what was done.")
            }
            State::Cancelling { .. } => Some("Cancel is at work already."),
            State::Committing { .. } | State::Undoing { .. } | State::Ended { .. } => {
                Some("This can no longer be cancelled.")
            }
        }
    }

    fn why_not_undo(&self) -> Option<&'static str> {
        match self.state {
            State::ReadyToSwitch { .. } | State::CatchingUp { .. } | State::Failback { .. } => None,
            State::Synchronizing { .. } => Some("Phase 1 is at work. Cancel stops it."),
            State::Switching { .. } if self.switch_can_be_taken_back() => {
                Some("The switchover is at work. Cancel takes it back.")
            }
            State::Switching { .. } => unless(
                self.attention.is_some(),
                "The switchover is at work. Wait for its end, then undo.",
            ),
            State::Undoing { .. } => Some("Undo is at work already."),
            State::Cancelling {
                what: CancelKind::Synchronization,
                ..
            } => Some("Cancel is at work already."),
            State::Cancelling {
                what: CancelKind::CatchUp,
                ..
            } => Some("Wait until the catch-up pass is taken back."),
            State::Cancelling { .. } => Some("Wait until the switchover is taken back."),
            State::Committing { .. } | State::Ended { .. } => {
                Some("Commit has begun; production's old content is going.")
            }
        }
    }

    /// Until the last changes begin to merge into production, dropping their layer takes all back.
    pub(crate) fn switch_can_be_taken_back(&self) -> bool {
        let Some((activity, at)) = self.activity() else {
            return false;
        };
        !crate::program::of(self, activity)
            .iter()
            .take(at + 1)
            .any(|effect| matches!(effect, Effect::MergeWorkingLayer { .. }))
    }
}

/// What may be done with a replica that no session is at work on.
#[must_use]
pub fn replica_operations(state: ReplicaState, has_session: bool) -> Vec<Allowed> {
    vec![Allowed {
        operation: Operation::StartFailback,
        why_not: why_not_begin(state, has_session).map(str::to_owned),
    }]
}

/// Why a failback of a replica cannot begin; none when it can.
#[must_use]
pub const fn why_not_begin(state: ReplicaState, has_session: bool) -> Option<&'static str> {
    match state {
        _ if has_session => Some("A session is at work on this replica already."),
        ReplicaState::Failover => None,
        ReplicaState::Ready => Some("The replica is in Ready: there is nothing to fail back."),
        ReplicaState::Processing => Some("The replica is being brought up to date."),
    }
}

const fn unless(possible: bool, why_not: &'static str) -> Option<&'static str> {
    if possible { None } else { Some(why_not) }
}
