//! One event in, the next session and what to do out.

use model::{
    Attention, CancelKind, CatchUp, FailbackMode, LogLevel, Operation, Outcome, Timestamp,
};

use crate::{
    Activity, Directive, Done, Effect, Event, Note, Rejected, Session, State, Step,
    program::of as program_of,
    schedule::{Due, due, earlier, next_catch_up, passed_while_down},
    timer::{CLOCK_JUMPED, CONSOLE_WAS_DOWN},
};

/// Passing failures of one step after which a person is asked.
const TRIES: u32 = 5;

/// The first step of a new session.
#[must_use]
pub fn begin(session: Session) -> Step {
    let mut step = Step::of(session);
    step.next.begun = true;
    step.perform();
    step
}

/// What follows `event` at `now`.
///
/// # Errors
/// [`Rejected`] when the state does not allow it; the session stays as it is.
pub fn step(session: &Session, event: Event, now: Timestamp) -> Result<Step, Rejected> {
    if let Some(operation) = operation_of(&event)
        && let Some(why) = session.why_not(operation)
    {
        return Err(Rejected {
            operation: Some(operation),
            state: session.visible(),
            why: why.to_owned(),
        });
    }
    let mut step = Step::of(session.clone());
    match event {
        Event::Done(done) => step.done(done, now)?,
        Event::Failed {
            cause,
            temporary,
            unreadable,
        } => step.failed(cause, temporary, unreadable, now)?,
        Event::Restarted => step.restarted(now),
        Event::Woken => step.woken(now),
        Event::Pause => step.set_paused(true),
        Event::Resume => step.set_paused(false),
        // Nothing was done yet, so there is nothing to take back.
        Event::Cancel if !step.next.begun => step.end(Outcome::Cancelled, now),
        Event::Cancel => step.cancel(),
        Event::SwitchNow => step.switch_now(),
        Event::CatchUp => step.enter(Activity::CatchUp),
        Event::SetTimer { timer, gates } => step.set_timer(timer, gates, now),
        Event::SetCatchUp(catch_up) => step.set_catch_up(catch_up, now),
        Event::Gates { failing, after_gap } => {
            if after_gap {
                step.timer_after_gap(CLOCK_JUMPED, now);
            }
            step.gates(failing, now);
        }
        Event::ChangeMode(mode) => step.change_mode(mode, now),
        Event::Commit => step.enter(Activity::Commit),
        Event::Undo => {
            let switched = matches!(
                step.next.state,
                State::Failback { .. } | State::Switching { .. }
            );
            if matches!(step.next.state, State::CatchingUp { .. }) {
                step.directives.push(Directive::Stop);
            }
            step.enter(Activity::Undo { switched });
        }
        Event::Retry => step.again(),
        Event::LeaveUnreadable => {
            step.next.leave_unreadable = true;
            step.next.left_out = true;
            step.note(
                LogLevel::Warning,
                "What cannot be read is left out of what is at work now. There will be no \
                 certificate, and no timer commits.",
            );
            step.again();
        }
    }
    Ok(step)
}

const fn operation_of(event: &Event) -> Option<Operation> {
    match event {
        Event::Done(_)
        | Event::Failed { .. }
        | Event::Restarted
        | Event::Woken
        | Event::Gates { .. } => None,
        Event::Pause => Some(Operation::Pause),
        Event::Resume => Some(Operation::Resume),
        Event::Cancel => Some(Operation::Cancel),
        Event::SwitchNow => Some(Operation::SwitchNow),
        Event::ChangeMode(_) => Some(Operation::ChangeMode),
        Event::CatchUp => Some(Operation::CatchUp),
        Event::SetTimer { .. } => Some(Operation::SetTimer),
        Event::SetCatchUp(_) => Some(Operation::SetCatchUp),
        Event::Commit => Some(Operation::Commit),
        Event::Undo => Some(Operation::Undo),
        Event::Retry => Some(Operation::Retry),
        Event::LeaveUnreadable => Some(Operation::LeaveUnreadable),
    }
}

impl Step {
    /// The step that changes nothing and does nothing.
    #[must_use]
    pub fn unchanged(session: &Session) -> Self {
        Self::of(session.clone())
    }

    const fn of(next: Session) -> Self {
        Self {
            next,
            directives: Vec::new(),
            notes: Vec::new(),
            wake_at: None,
        }
    }

    pub(crate) fn note(&mut self, level: LogLevel, text: impl Into<String>) {
        self.notes.push(Note {
            level,
            text: text.into(),
        });
    }

    fn perform(&mut self) {
        if let Some(effect) = self.next.effect() {
            self.directives.push(Directive::Perform {
                effect,
                not_before: None,
            });
        }
    }

    /// Tries the step that needs attention.
    fn again(&mut self) {
        self.next.attention = None;
        self.next.attempts = 0;
        self.perform();
    }

    /// Begins an activity at its first effect.
    pub(crate) fn enter(&mut self, activity: Activity) {
        self.next.attention = None;
        self.next.attempts = 0;
        // Who agreed to leave something out has not seen what may be lost later.
        self.next.leave_unreadable = false;
        self.next.state = match activity {
            Activity::Synchronize { again } => {
                self.next.pass += 1;
                State::Synchronizing {
                    at: 0,
                    again,
                    paused: false,
                }
            }
            Activity::CatchUp => {
                self.next.pass += 1;
                State::CatchingUp {
                    at: 0,
                    then_switch: false,
                }
            }
            Activity::Switch => {
                self.next.pass += 1;
                State::Switching { at: 0 }
            }
            Activity::Commit => State::Committing { at: 0 },
            Activity::Undo { switched } => State::Undoing { at: 0, switched },
            Activity::Cancel(what) => State::Cancelling { at: 0, what },
        };
        self.note(LogLevel::Info, format!("{} begins.", activity.words()));
        self.perform();
    }

    fn done(&mut self, done: Done, now: Timestamp) -> Result<(), Rejected> {
        let (Some((activity, at)), Some(effect)) = (self.next.activity(), self.next.effect())
        else {
            return Err(self.unexpected_result());
        };
        self.next.attention = None;
        self.next.attempts = 0;
        if let (
            Effect::CheckProductionUntouched {
                expected: Some(expected),
            },
            Done::WriteEpoch(found),
        ) = (effect, done)
            && expected != found
        {
            self.note(
                LogLevel::Warning,
                "Somebody else may have written to the production VM since phase 1. What is at \
                 work is taken back and phase 1 runs again.",
            );
            self.enter(Activity::Cancel(CancelKind::Resynchronization));
            return Ok(());
        }
        self.learn(effect, done);
        if at + 1 < program_of(&self.next, activity).len() {
            self.advance_to(at + 1);
            self.perform();
        } else {
            self.leave(activity, now);
        }
        Ok(())
    }

    /// Keeps what later steps need to know.
    fn learn(&mut self, effect: Effect, done: Done) {
        match done {
            Done::Plain => {}
            // Phase 1 may run again; only the first answer tells how the operator left the VM.
            Done::Proved { production_on } => {
                self.next.production_was_on.get_or_insert(production_on);
            }
            Done::Frozen(epoch) => self.next.frozen_epoch = Some(epoch),
            Done::WriteEpoch(epoch) => {
                if matches!(effect, Effect::CheckProductionUntouched { expected: None }) {
                    self.next.write_epoch = Some(epoch);
                }
            }
        }
    }

    fn advance_to(&mut self, to: usize) {
        match &mut self.next.state {
            State::Synchronizing { at, .. }
            | State::CatchingUp { at, .. }
            | State::Switching { at }
            | State::Committing { at }
            | State::Undoing { at, .. }
            | State::Cancelling { at, .. } => *at = to,
            State::ReadyToSwitch { .. } | State::Failback { .. } | State::Ended { .. } => {}
        }
    }

    /// The last effect of an activity is done.
    fn leave(&mut self, activity: Activity, now: Timestamp) {
        match activity {
            Activity::Synchronize { .. } => {
                self.all_was_read();
                self.settle(now);
                self.note(LogLevel::Info, "Phase 1 is done: ready to switch.");
                self.rest_ready(now);
            }
            Activity::CatchUp => {
                let then_switch = matches!(
                    self.next.state,
                    State::CatchingUp {
                        then_switch: true,
                        ..
                    }
                );
                self.all_was_read();
                self.settle(now);
                if then_switch {
                    self.enter(Activity::Switch);
                } else {
                    self.rest_ready(now);
                }
            }
            Activity::Switch => {
                self.settle(now);
                self.next.state = State::Failback { since: now };
                self.next.gates_failed_since = None;
                self.wake_at = self.commit_due();
                self.note(
                    LogLevel::Info,
                    "The switchover is done: test the production VM, then commit or undo.",
                );
            }
            Activity::Commit => self.end(Outcome::Committed, now),
            Activity::Undo { .. } => self.end(Outcome::Undone, now),
            Activity::Cancel(CancelKind::Synchronization) => self.end(Outcome::Cancelled, now),
            Activity::Cancel(CancelKind::Switchover) => {
                self.next.mode = FailbackMode::Manual;
                self.note(
                    LogLevel::Info,
                    "The switchover is taken back: ready to switch, on command.",
                );
                self.rest_ready(now);
            }
            Activity::Cancel(CancelKind::CatchUp) => {
                // Else the same pass would begin again at once.
                self.next.caught_up_at = Some(now);
                self.note(LogLevel::Info, "The catch-up pass is taken back.");
                self.rest_ready(now);
            }
            Activity::Cancel(CancelKind::Resynchronization) => {
                self.enter(Activity::Synchronize { again: true });
            }
        }
    }

    /// A pass over everything that left nothing out has read what earlier ones could not.
    const fn all_was_read(&mut self) {
        if !self.next.leave_unreadable {
            self.next.left_out = false;
        }
    }

    const fn settle(&mut self, now: Timestamp) {
        self.next.caught_up_at = Some(now);
        self.next.settled_pass = Some(self.next.pass);
        self.next.settled_epoch = self.next.frozen_epoch;
    }

    fn rest_ready(&mut self, now: Timestamp) {
        self.next.state = State::ReadyToSwitch { since: now };
        self.look_at_schedule(now);
    }

    fn end(&mut self, outcome: Outcome, now: Timestamp) {
        self.next.state = State::Ended { outcome, at: now };
        self.note(LogLevel::Info, format!("{}.", outcome.words()));
    }

    fn woken(&mut self, now: Timestamp) {
        self.look_at_schedule(now);
        if matches!(self.next.state, State::Failback { .. }) {
            self.wake_at = self.commit_due().filter(|due| now < *due);
        }
    }

    /// In Ready to switch: switch, catch up, wait for the time, or wait for a person.
    fn look_at_schedule(&mut self, now: Timestamp) {
        if !matches!(self.next.state, State::ReadyToSwitch { .. }) {
            return;
        }
        let mut switch_at = None;
        match due(&self.next.mode, now) {
            Due::Now => return self.enter(Activity::Switch),
            Due::At(at) => switch_at = Some(at),
            Due::OnCommand => {}
            Due::Missed => self.missed("phase 1 ended later than the switchover may be"),
        }
        let pass_at = next_catch_up(&self.next);
        if pass_at.is_some_and(|at| at <= now) {
            self.enter(Activity::CatchUp);
        } else {
            self.wake_at = earlier(switch_at, pass_at);
        }
    }

    /// A pass at work ends first: what it has sent need not travel while the replica is off.
    fn switch_now(&mut self) {
        if let State::CatchingUp { then_switch, .. } = &mut self.next.state {
            *then_switch = true;
            self.note(
                LogLevel::Info,
                "The switchover follows as soon as the catch-up pass is done.",
            );
            return;
        }
        self.enter(Activity::Switch);
    }

    fn missed(&mut self, why: &str) {
        self.next.mode = FailbackMode::Manual;
        self.note(
            LogLevel::Warning,
            format!("The scheduled switchover was missed: {why}. It now waits for your command."),
        );
    }

    fn change_mode(&mut self, mode: FailbackMode, now: Timestamp) {
        self.next.mode = mode;
        self.look_at_schedule(now);
    }

    /// A pass that the new time makes due begins at once.
    fn set_catch_up(&mut self, catch_up: Option<CatchUp>, now: Timestamp) {
        self.next.catch_up = catch_up;
        self.look_at_schedule(now);
    }

    fn set_paused(&mut self, on: bool) {
        if let State::Synchronizing { paused, .. } = &mut self.next.state {
            *paused = on;
        }
        self.directives.push(if on {
            Directive::PauseMovers
        } else {
            Directive::ResumeMovers
        });
        self.note(LogLevel::Info, if on { "Paused." } else { "Resumed." });
    }

    fn cancel(&mut self) {
        self.directives.push(Directive::Stop);
        let what = match self.next.state {
            State::Switching { .. } => CancelKind::Switchover,
            State::CatchingUp { .. } => CancelKind::CatchUp,
            State::Synchronizing { .. }
            | State::ReadyToSwitch { .. }
            | State::Failback { .. }
            | State::Committing { .. }
            | State::Undoing { .. }
            | State::Cancelling { .. }
            | State::Ended { .. } => CancelKind::Synchronization,
        };
        self.enter(Activity::Cancel(what));
    }

    fn failed(
        &mut self,
        cause: String,
        temporary: bool,
        unreadable: bool,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        let Some(effect) = self.next.effect() else {
            return Err(self.unexpected_result());
        };
        self.next.attempts += 1;
        if temporary && self.next.attempts < TRIES {
            let wait = 1_i64 << self.next.attempts;
            self.note(
                LogLevel::Warning,
                format!("{cause} Trying again in {wait} s."),
            );
            self.directives.push(Directive::Perform {
                effect,
                not_before: Some(now.plus_seconds(wait)),
            });
        } else {
            self.note(LogLevel::Error, cause.clone());
            self.next.attention = Some(Attention {
                step: effect.step(),
                cause,
                since: now,
                unreadable,
            });
        }
        Ok(())
    }

    /// Takes up where the session was. A step that needs attention waits for its person.
    fn restarted(&mut self, now: Timestamp) {
        let waits_for_time = matches!(
            self.next.state,
            State::Synchronizing { .. } | State::ReadyToSwitch { .. } | State::CatchingUp { .. }
        );
        if waits_for_time && passed_while_down(&self.next.mode, now) {
            self.missed("the console was down when its time came");
        }
        if matches!(self.next.state, State::Synchronizing { paused: true, .. }) {
            self.directives.push(Directive::PauseMovers);
        }
        if self.next.attention.is_none() && self.next.begun {
            self.perform();
        }
        self.look_at_schedule(now);
        self.timer_after_gap(CONSOLE_WAS_DOWN, now);
    }

    fn unexpected_result(&self) -> Rejected {
        Rejected {
            operation: None,
            state: self.next.visible(),
            why: "A result came that nothing waits for.".to_owned(),
        }
    }
}
