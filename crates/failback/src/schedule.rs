//! When the switchover follows by itself: the rules of Auto, Scheduled and Manual.

use model::{FailbackMode, Timestamp};

use crate::Session;

/// What the mode says at an instant, once phase 1 is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Switch now.
    Now,
    /// Look again at this instant.
    At(Timestamp),
    /// The time has passed by more than it may; wait for a person.
    Missed,
    /// Only on command.
    OnCommand,
}

/// What `mode` says at `now`.
pub(crate) fn due(mode: &FailbackMode, now: Timestamp) -> Due {
    match mode {
        FailbackMode::Auto => Due::Now,
        FailbackMode::Manual => Due::OnCommand,
        FailbackMode::Scheduled { at, .. } if now < *at => Due::At(*at),
        FailbackMode::Scheduled { not_later_than, .. } if now <= *not_later_than => Due::Now,
        FailbackMode::Scheduled { .. } => Due::Missed,
    }
}

/// When the next catch-up pass begins, in Ready to switch; none when they are off.
pub(crate) fn next_catch_up(session: &Session) -> Option<Timestamp> {
    let every = i64::from(session.catch_up?.every_seconds.max(1));
    Some(session.caught_up_at?.plus_seconds(every))
}

/// The earlier of two instants that may be.
pub(crate) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whether a scheduled time passed while nobody was there to act on it.
pub(crate) fn passed_while_down(mode: &FailbackMode, now: Timestamp) -> bool {
    match mode {
        FailbackMode::Scheduled { at, .. } => *at <= now,
        FailbackMode::Auto | FailbackMode::Manual => false,
    }
}
