//! What follows the switchover by itself: commit or undo, never on old knowledge of the gates.

use model::{CommitTimer, HealthGate, LogLevel, Timestamp};

use crate::{Activity, State, Step};

/// Why nobody watched when a timer's time came.
pub(crate) const CONSOLE_WAS_DOWN: &str = "The console was down when its time came.";
/// The same, while the console ran.
pub(crate) const CLOCK_JUMPED: &str =
    "The console's clock jumped, or its host stood still, when its time came.";

impl Step {
    /// When the timer may commit; none without one.
    pub(crate) const fn commit_due(&self) -> Option<Timestamp> {
        match (self.next.timer, &self.next.state) {
            (CommitTimer::CommitAfter { seconds }, State::Failback { since }) => {
                Some(since.plus_seconds(seconds as i64))
            }
            _ => None,
        }
    }

    pub(crate) fn set_timer(&mut self, timer: CommitTimer, gates: Vec<HealthGate>, now: Timestamp) {
        self.next.timer = timer;
        self.next.gates = gates;
        self.next.gates_failed_since = None;
        self.next.timer_stopped = None;
        self.wake_at = self.commit_due().filter(|due| now < *due);
        if matches!(timer, CommitTimer::None) {
            self.note(LogLevel::Info, "Nothing follows the switchover by itself.");
        }
    }

    /// The timer acts on what the gates say now, never on what they once said.
    pub(crate) fn gates(&mut self, failing: Option<String>, now: Timestamp) {
        if !matches!(self.next.state, State::Failback { .. }) || self.next.attention.is_some() {
            return;
        }
        let Some(failing) = failing else {
            self.next.gates_failed_since = None;
            if self.commit_due().is_some_and(|due| due <= now) {
                if self.next.left_out {
                    self.stop_timer(
                        "Sectors that could not be read were left out. Decide yourself.",
                    );
                    return;
                }
                self.note(
                    LogLevel::Info,
                    "All health gates are green: the timer commits.",
                );
                self.enter(Activity::Commit);
            }
            return;
        };
        let since = *self.next.gates_failed_since.get_or_insert(now);
        match self.next.timer {
            CommitTimer::None => {}
            CommitTimer::CommitAfter { .. } => {
                if self.commit_due().is_some_and(|due| due <= now) {
                    self.stop_timer(&format!("{failing} It does not commit; decide yourself."));
                }
            }
            CommitTimer::UndoAfter { seconds } => {
                if since.plus_seconds(i64::from(seconds)) <= now {
                    self.note(
                        LogLevel::Warning,
                        format!("{failing} It failed for {seconds} s: the timer undoes."),
                    );
                    self.next.timer = CommitTimer::None;
                    self.enter(Activity::Undo { switched: true });
                }
            }
        }
    }

    fn stop_timer(&mut self, why: &str) {
        self.next.timer = CommitTimer::None;
        self.next.gates_failed_since = None;
        let why = format!("The timer is stopped. {why}");
        self.note(LogLevel::Warning, why.clone());
        self.next.timer_stopped = Some(why);
    }

    /// A deadline that passed while nobody watched the gates is a person's to decide.
    pub(crate) fn timer_after_gap(&mut self, why: &str, now: Timestamp) {
        if !matches!(self.next.state, State::Failback { .. }) {
            return;
        }
        let passed = match self.next.timer {
            CommitTimer::None => false,
            CommitTimer::CommitAfter { .. } => self.commit_due().is_some_and(|due| due <= now),
            CommitTimer::UndoAfter { seconds } => self
                .next
                .gates_failed_since
                .is_some_and(|since| since.plus_seconds(i64::from(seconds)) <= now),
        };
        if passed {
            self.stop_timer(&format!("{why} Commit or undo yourself, or set it anew."));
        } else {
            // Failures count only while somebody watches.
            self.next.gates_failed_since = None;
            self.wake_at = self.commit_due();
        }
    }
}
