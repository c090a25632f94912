//! What the machine hears and what it answers: events in, directives and notes out.

use model::{
    CatchUp, CommitTimer, EpochId, FailbackMode, HealthGate, LogLevel, Operation, Timestamp,
    VisibleState,
};

use crate::{Effect, Session};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The effect at work is done.
    Done(Done),
    /// The effect at work failed.
    Failed {
        /// Why, as a sentence.
        cause: String,
        /// Trying again may help without anybody's doing.
        temporary: bool,
        /// It stopped at sectors of the replica that cannot be read.
        unreadable: bool,
    },
    /// The console came back after it was down.
    Restarted,
    /// An instant that was asked for has come.
    Woken,
    /// Hold the movers.
    Pause,
    /// Let the movers go on.
    Resume,
    /// Take back the activity at work.
    Cancel,
    /// Begin phase 2.
    SwitchNow,
    /// Change when phase 2 begins.
    ChangeMode(FailbackMode),
    /// Send what the replica wrote since the last pass.
    CatchUp,
    /// Change what follows the switchover by itself.
    SetTimer {
        /// What follows.
        timer: CommitTimer,
        /// What it asks before it acts.
        gates: Vec<HealthGate>,
    },
    /// Change the time between catch-up passes; none is off.
    SetCatchUp(Option<CatchUp>),
    /// The health gates were tried.
    Gates {
        /// The first that fails, as a sentence; none when all are green.
        failing: Option<String>,
        /// Nobody watched for a while before: the console's host stood still, or its clock jumped.
        after_gap: bool,
    },
    /// Accept production.
    Commit,
    /// Return both sides to what they were.
    Undo,
    /// Try the step again that needs attention.
    Retry,
    /// Try it again, and leave out what cannot be read, from now on.
    LeaveUnreadable,
}

/// What came of an effect, with what later steps need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Plain,
    /// The target is the right one.
    Proved {
        /// The production VM runs.
        production_on: bool,
    },
    /// A point was taken and this epoch opened.
    Frozen(EpochId),
    /// Production's write epoch is this.
    WriteEpoch(u64),
}

/// What the shell does next, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Stop the effect at work; its result is not awaited.
    Stop,
    /// Hold the movers.
    PauseMovers,
    /// Let the movers go on.
    ResumeMovers,
    /// Perform an effect, at once or from an instant on.
    Perform {
        /// Which.
        effect: Effect,
        /// Not before; none is at once.
        not_before: Option<Timestamp>,
    },
}

/// A line for the session's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How loud.
    pub level: LogLevel,
    /// What, as a sentence.
    pub text: String,
}

/// What follows an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The session from now on.
    pub next: Session,
    /// What to do.
    pub directives: Vec<Directive>,
    /// What to log.
    pub notes: Vec<Note>,
    /// Send [`Event::Woken`] at this instant.
    pub wake_at: Option<Timestamp>,
}

/// An event that the state does not allow. Nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What was asked for; none when a result came that nobody waits for.
    pub operation: Option<Operation>,
    /// The state.
    pub state: VisibleState,
    /// Why not, as a sentence.
    pub why: String,
}
