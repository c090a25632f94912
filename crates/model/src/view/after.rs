//! Catch-up passes before the switchover and what follows it by itself, as forms and pages have them.

use serde::{Deserialize, Serialize};

/// What follows the switchover by itself, as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerInput {
    /// `none`, `commit` or `undo`; empty is none.
    pub timer: String,
    /// For how long, for `commit` and `undo`: minutes, or with a unit as `90 s` or `2 h`.
    pub timer_after: String,
    /// Health gates, one per line.
    pub gates: String,
    /// Undo by itself was agreed to, for `undo`.
    pub undo_consent: bool,
}

/// What happens by itself around the switchover, as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterInput {
    /// Time between catch-up passes: minutes, or with a unit; 0 is off, empty what suits the mode.
    pub catch_up: String,
    /// What follows it.
    pub timer: TimerInput,
}

/// A health gate with what it said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// The gate, as it was typed.
    pub gate: String,
    /// Whether it is green; none while it was not tried.
    pub green: Option<bool>,
    /// What it said and when, in words.
    pub words: String,
}

/// What a session does by itself around its switchover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterView {
    /// Catch-up passes in words, with when the next one begins.
    pub catch_up: String,
    /// The time between passes as its form shows it; `0` when they are off.
    pub catch_up_input: String,
    /// The downtime of a switchover now, with what is assumed; only while ready to switch.
    pub downtime: Option<String>,
    /// The timer in words.
    pub timer: String,
    /// Why the timer was stopped and asks, as a sentence.
    pub timer_stopped: Option<String>,
    /// The health gates.
    pub gates: Vec<GateView>,
    /// The timer as its form shows it. Consent is given anew.
    pub timer_input: TimerInput,
}
