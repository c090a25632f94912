//! What a session is: its state and the facts gathered on the way.

use model::{
    Attention, CancelKind, CatchUp, CommitTimer, CommonPoint, Destination, EpochId, FailbackMode,
    HealthGate, Outcome, Stand, StepName, Timestamp, VisibleState,
};

use crate::{Effect, program};

/// A state with the data that is valid in it. `at` is an index into the activity's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Phase 1: the replica serves, production is off.
    Synchronizing {
        /// The step at work.
        at: usize,
        /// Phase 1 runs again over layers that are kept.
        again: bool,
        /// Movers are held.
        paused: bool,
    },
    /// Phase 1 is done; the replica serves.
    ReadyToSwitch {
        /// Since when.
        since: Timestamp,
    },
    /// Phase 1 is done, and what the replica wrote since is being sent; the replica serves.
    CatchingUp {
        /// The step at work.
        at: usize,
        /// The switchover was asked for meanwhile and follows at once.
        then_switch: bool,
    },
    /// Phase 2.
    Switching {
        /// The step at work.
        at: usize,
    },
    /// Production has taken over.
    Failback {
        /// Since when.
        since: Timestamp,
    },
    /// Production is being accepted.
    Committing {
        /// The step at work.
        at: usize,
    },
    /// Both sides return to what they were.
    Undoing {
        /// The step at work.
        at: usize,
        /// The switchover had been done.
        switched: bool,
    },
    /// An activity is being taken back.
    Cancelling {
        /// The step at work.
        at: usize,
        /// Which, and so where it leads.
        what: CancelKind,
    },
    /// Over.
    Ended {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// A run of steps that leads from one resting state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Phase 1.
    Synchronize {
        /// Over layers that are kept.
        again: bool,
    },
    /// A short pass in between.
    CatchUp,
    /// Phase 2.
    Switch,
    /// Commit.
    Commit,
    /// Undo.
    Undo {
        /// After the switchover.
        switched: bool,
    },
    /// Cancel.
    Cancel(CancelKind),
}

impl Activity {
    /// The activity in words, as the list of steps is headed.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Synchronize { again: false } => "Phase 1",
            Self::Synchronize { again: true } => "Phase 1 again",
            Self::CatchUp => "Catch-up pass",
            Self::Switch => "Switchover",
            Self::Commit => "Commit",
            Self::Undo { .. } => "Undo",
            Self::Cancel(_) => "Cancel",
        }
    }
}

/// What an operator chose for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where the replica returns to.
    pub destination: Destination,
    /// When the switchover follows phase 1.
    pub mode: FailbackMode,
    /// Power on the production VM after the switchover.
    pub power_on: bool,
    /// Associate a storage policy at the switchover.
    pub storage_policy: bool,
    /// Passes while ready to switch; none is off.
    pub catch_up: Option<CatchUp>,
    /// Phase 1 looks only at what was written since this moment, and at a sample of the rest; none
    /// looks at everything.
    pub quick: Option<CommonPoint>,
    /// What follows the switchover by itself.
    pub timer: CommitTimer,
    /// What the timer asks before it acts.
    pub gates: Vec<HealthGate>,
}

impl Terms {
    /// A failback to the original VM in a mode, powered on at its end.
    #[must_use]
    pub const fn original_vm(mode: FailbackMode) -> Self {
        Self {
            destination: Destination::OriginalVm,
            mode,
            power_on: true,
            storage_policy: false,
            catch_up: None,
            quick: None,
            timer: CommitTimer::None,
            gates: Vec::new(),
        }
    }
}

/// One failback of one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The state.
    pub state: State,
    /// It is out of its batch's queue: its first effect may have been performed.
    pub begun: bool,
    /// Where the replica returns to.
    pub destination: Destination,
    /// Associate a storage policy at the switchover.
    pub storage_policy: bool,
    /// Passes while ready to switch; none is off.
    pub catch_up: Option<CatchUp>,
    /// Phase 1 looks only at what was written since this moment; none looks at everything.
    pub quick: Option<CommonPoint>,
    /// When the newest pass ended.
    pub caught_up_at: Option<Timestamp>,
    /// What follows the switchover by itself.
    pub timer: CommitTimer,
    /// What the timer asks before it acts.
    pub gates: Vec<HealthGate>,
    /// Since when a health gate fails without a break.
    pub gates_failed_since: Option<Timestamp>,
    /// Why the timer was stopped and asks, as a sentence, until it is set anew.
    pub timer_stopped: Option<String>,
    /// When the switchover follows phase 1.
    pub mode: FailbackMode,
    /// Power on the production VM after the switchover.
    pub power_on: bool,
    /// What needs a person; the state stays as it is below it.
    pub attention: Option<Attention>,
    /// Tries of the step at work that failed for a passing reason.
    pub attempts: u32,
    /// Counts working layers and protective points; names them.
    pub pass: u32,
    /// The pass whose point the next difference starts from.
    pub settled_pass: Option<u32>,
    /// The epoch that the newest freeze opened.
    pub frozen_epoch: Option<EpochId>,
    /// Everything written before this epoch opened is on production.
    pub settled_epoch: Option<EpochId>,
    /// Production's write epoch since Landfall holds it.
    pub write_epoch: Option<u64>,
    /// Whether the production VM ran when the session began.
    pub production_was_on: Option<bool>,
    /// The activity at work leaves out sectors of the replica that cannot be read: agreed to for it
    /// alone.
    pub leave_unreadable: bool,
    /// Sectors were left out, and no pass over everything has read them since.
    pub left_out: bool,
}

impl Session {
    /// A session before its first step.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        let Terms {
            destination,
            mode,
            power_on,
            storage_policy,
            catch_up,
            quick,
            timer,
            gates,
        } = terms;
        Self {
            state: State::Synchronizing {
                at: 0,
                again: false,
                paused: false,
            },
            begun: false,
            destination,
            storage_policy,
            catch_up,
            quick,
            caught_up_at: None,
            timer,
            gates,
            gates_failed_since: None,
            timer_stopped: None,
            mode,
            power_on,
            attention: None,
            attempts: 0,
            pass: 1,
            settled_pass: None,
            frozen_epoch: None,
            settled_epoch: None,
            write_epoch: None,
            production_was_on: None,
            leave_unreadable: false,
            left_out: false,
        }
    }

    /// The state as people see it. A session that is over shows what it left: Ready after commit,
    /// else Failover.
    #[must_use]
    pub const fn visible(&self) -> VisibleState {
        match self.state {
            State::Synchronizing { .. } => VisibleState::Synchronizing,
            State::ReadyToSwitch { .. } | State::CatchingUp { .. } => VisibleState::ReadyToSwitch,
            State::Switching { .. } => VisibleState::Switching,
            State::Failback { .. } => VisibleState::Failback,
            State::Committing { .. } => VisibleState::Committing,
            State::Undoing { .. } => VisibleState::Undoing,
            State::Cancelling { .. } => VisibleState::Cancelling,
            State::Ended {
                outcome: Outcome::Committed,
                ..
            } => VisibleState::Ready,
            State::Ended {
                outcome: Outcome::Undone | Outcome::Cancelled,
                ..
            } => VisibleState::Failover,
        }
    }

    /// The activity at work and the index of its step; none in a resting state.
    #[must_use]
    pub const fn activity(&self) -> Option<(Activity, usize)> {
        match self.state {
            State::Synchronizing { at, again, .. } => Some((Activity::Synchronize { again }, at)),
            State::CatchingUp { at, .. } => Some((Activity::CatchUp, at)),
            State::Switching { at } => Some((Activity::Switch, at)),
            State::Committing { at } => Some((Activity::Commit, at)),
            State::Undoing { at, switched } => Some((Activity::Undo { switched }, at)),
            State::Cancelling { at, what } => Some((Activity::Cancel(what), at)),
            State::ReadyToSwitch { .. } | State::Failback { .. } | State::Ended { .. } => None,
        }
    }

    /// The effect at work; none in a resting state.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        let (activity, at) = self.activity()?;
        program::of(self, activity).into_iter().nth(at)
    }

    /// The steps that are to come, the one at work first, each with its activity in words: the
    /// rest of the activity at work and what follows it when nothing goes wrong.
    #[must_use]
    pub fn program(&self) -> Vec<(StepName, String)> {
        let named = |activity: Activity, from: usize| {
            program::of(self, activity)
                .into_iter()
                .skip(from)
                .map(move |effect| (effect.step(), activity.words().to_owned()))
                .collect::<Vec<_>>()
        };
        let mut steps = match self.activity() {
            Some((activity, at)) => named(activity, at),
            None => Vec::new(),
        };
        if matches!(
            self.state,
            State::Synchronizing { .. } | State::ReadyToSwitch { .. } | State::CatchingUp { .. }
        ) {
            steps.extend(named(Activity::Switch, 0));
        }
        steps
    }

    /// Where it stands in the queue of its batch. Catch-up passes are short and take no place.
    #[must_use]
    pub const fn stand(&self) -> Stand {
        match self.state {
            State::Synchronizing { .. } if !self.begun => Stand::Queued,
            State::Synchronizing { .. } | State::Switching { .. } if self.attention.is_none() => {
                Stand::AtWork
            }
            State::Synchronizing { .. }
            | State::ReadyToSwitch { .. }
            | State::CatchingUp { .. }
            | State::Switching { .. }
            | State::Failback { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. }
            | State::Ended { .. } => Stand::Resting,
        }
    }

    /// Whether the health gates are to be tried: a timer may act on what they say.
    #[must_use]
    pub const fn watches_gates(&self) -> bool {
        matches!(self.state, State::Failback { .. })
            && !matches!(self.timer, CommitTimer::None)
            && self.attention.is_none()
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether the session rests until the operator decides, or cannot go on without a person.
    #[must_use]
    pub const fn waits_for_operator(&self) -> bool {
        self.attention.is_some()
            || matches!(self.state, State::Failback { .. })
            || (matches!(self.state, State::ReadyToSwitch { .. })
                && matches!(self.mode, FailbackMode::Manual))
    }
}
