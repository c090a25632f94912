//! Facts of the model as words and figures that people read: states, times, rates, shares.
//!
//! Plain functions, the same on the server and in the browser: no clock, no locale.

use model::{
    ApiError, ByteCount, Limiter, LogLevel, Operation, Outcome, PowerState, Seconds, Timestamp,
    VisibleState,
    view::{ReplicaView, SessionSummary},
};

use crate::components::state_badge::{Badge, Shape, Tone};

mod place;

pub use place::{change_rows, place_intro, space_words};

#[cfg(test)]
mod tests;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long something took or takes: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`.
pub fn duration(seconds: u64) -> String {
    Seconds(seconds).to_string()
}

/// A length of time in its largest unit only, for what is estimated or long ago.
fn rounded(seconds: u64) -> String {
    if seconds < MINUTE {
        format!("{seconds} s")
    } else if seconds < HOUR {
        format!("{} min", seconds / MINUTE)
    } else if seconds < 2 * DAY {
        format!("{} h", seconds / HOUR)
    } else {
        format!("{} d", seconds / DAY)
    }
}

/// An instant seen from another: `just now`, `12 min ago`, `in 3 h`.
pub fn relative_time(now: Timestamp, at: Timestamp) -> String {
    let (ago, ahead) = (now.seconds_since(at), at.seconds_since(now));
    if ahead >= 10 {
        format!("in {}", rounded(ahead))
    } else if ago < 10 {
        "just now".to_owned()
    } else {
        format!("{} ago", rounded(ago))
    }
}

/// An instant for the `datetime` attribute: `2026-11-23T04:05:06Z`.
pub fn machine_time(at: Timestamp) -> String {
    let text = at.utc_text();
    text.strip_suffix(" UTC")
        .unwrap_or(&text)
        .replacen(' ', "T", 1)
        + "Z"
}

/// The time of the day of an instant, for logs whose day is plain: `04:05:06`.
pub fn clock_time(at: Timestamp) -> String {
    let text = at.utc_text();
    text.split(' ').nth(1).unwrap_or(&text).to_owned()
}

/// The whole percent of a share; 100 only when it is all.
pub fn percent(done: ByteCount, all: ByteCount) -> Option<u8> {
    let share = u128::from(done.0.min(all.0)) * 100;
    let percent = share.checked_div(u128::from(all.0))?;
    u8::try_from(percent).ok()
}

/// The remaining time and what decides it: `about 3 min left, decided by reading the disks`.
pub fn remaining(seconds: Option<u64>, limiter: Option<Limiter>) -> String {
    let time = match seconds {
        Some(0) => "less than 1 s left".to_owned(),
        Some(seconds) => format!("about {} left", rounded(seconds)),
        None => "remaining time not known yet".to_owned(),
    };
    match limiter {
        Some(limiter) => format!("{time}, {}", limiter_words(limiter)),
        None => time,
    }
}

/// What decides the remaining time.
pub const fn limiter_words(limiter: Limiter) -> &'static str {
    match limiter {
        Limiter::Reading => "decided by reading the disks",
        Limiter::SpeedLimit => "decided by the speed limit",
        Limiter::Writing => "decided by writing",
        Limiter::WaitingForSlot => "waiting for a task slot",
    }
}

/// Power in words.
pub const fn power_words(power: PowerState) -> &'static str {
    match power {
        PowerState::On => "On",
        PowerState::ShuttingDown => "Shutting down",
        PowerState::Off => "Off",
    }
}

/// The button of an operation.
pub const fn operation_verb(operation: Operation) -> &'static str {
    match operation {
        Operation::StartFailback => "Fail back",
        Operation::Pause => "Pause",
        Operation::Resume => "Resume",
        Operation::Cancel => "Cancel this failback",
        Operation::SwitchNow => "Switch over now",
        Operation::ChangeMode => "Change the failback mode",
        Operation::CatchUp => "Catch up now",
        Operation::SetTimer => "Set the timer",
        Operation::SetCatchUp => "Change the catch-up passes",
        Operation::Commit => "Commit",
        Operation::Undo => "Undo",
        Operation::Retry => "Try the step again",
        Operation::LeaveUnreadable => "Go on without what cannot be read",
        Operation::SetLimit => "Limit the speed",
    }
}

/// A log level in words; none for what merely happened.
pub const fn level_words(level: LogLevel) -> Option<&'static str> {
    match level {
        LogLevel::Info => None,
        LogLevel::Warning => Some("Warning"),
        LogLevel::Error => Some("Error"),
    }
}

/// A count with its noun: `1 replica`, `3 replicas`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// A count with its thousands apart: `10,000`.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A replica's state, and whether its session needs a person.
pub fn replica_badges(replica: &ReplicaView) -> Vec<Badge> {
    let mut badges = vec![state_badge(replica.state, false)];
    if replica.needs_attention {
        badges.push(attention_badge());
    }
    badges
}

/// A session's state with what stands beside it.
pub fn session_badges(session: &SessionSummary) -> Vec<Badge> {
    let mut badges = vec![session_badge(session)];
    badges.extend(session_marks(session));
    badges
}

/// A session's state, or how it ended, as a badge.
pub fn session_badge(session: &SessionSummary) -> Badge {
    match session.outcome {
        Some(outcome) => outcome_badge(outcome),
        None if session.queued.is_some() => {
            Badge::new(Tone::Off, Shape::Clock, session.state.words())
        }
        None => state_badge(session.state, session.waits_for_you),
    }
}

/// What stands beside a state: that it needs a person, is held, or waits.
pub fn session_marks(session: &SessionSummary) -> Vec<Badge> {
    if session.outcome.is_some() {
        return Vec::new();
    }
    let mut marks = Vec::new();
    if session.attention.is_some() {
        marks.push(attention_badge());
    } else if session.waits_for_you {
        marks.push(Badge::new(Tone::Waiting, Shape::Waiting, "Waiting for you"));
    }
    if session.queued.is_some() {
        marks.push(Badge::new(Tone::Off, Shape::Clock, "In the queue"));
    }
    if session.paused {
        marks.push(Badge::new(Tone::Waiting, Shape::Paused, "Paused"));
    }
    marks
}

/// The mark of something that only a person can decide.
fn attention_badge() -> Badge {
    Badge::new(Tone::Attention, Shape::Attention, "Needs attention")
}

fn outcome_badge(outcome: Outcome) -> Badge {
    let (tone, shape) = match outcome {
        Outcome::Committed => (Tone::Done, Shape::Done),
        Outcome::Undone | Outcome::Cancelled => (Tone::Off, Shape::Stopped),
    };
    Badge::new(tone, shape, outcome.words())
}

fn state_badge(state: VisibleState, waits_for_you: bool) -> Badge {
    let (tone, shape) = match state {
        VisibleState::Ready => (Tone::Off, Shape::Off),
        VisibleState::Failover => (Tone::Running, Shape::On),
        VisibleState::ReadyToSwitch if !waits_for_you => (Tone::Running, Shape::Clock),
        VisibleState::ReadyToSwitch | VisibleState::Failback => (Tone::Waiting, Shape::Waiting),
        VisibleState::Processing
        | VisibleState::Synchronizing
        | VisibleState::Switching
        | VisibleState::Committing
        | VisibleState::Undoing
        | VisibleState::Cancelling => (Tone::Running, Shape::Working),
    };
    Badge::new(tone, shape, state.words())
}

/// Reads the form's limit of MiB per second; an empty field is no limit.
pub fn parse_limit(text: &str) -> Result<u64, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        ApiError::new(
            model::ErrorKind::Invalid,
            "The limit is not a whole number of MiB per second.",
            "Type a whole number such as 50, or 0 for no limit.",
        )
        .on_field("limit_mib")
    })
}
