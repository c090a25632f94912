//! When the switchover follows by itself: the rules of Auto, Scheduled and Manual.

use model::{FailbackMode, Timestamp};

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

/// Whether a scheduled time passed while nobody was there to act on it.
pub(crate) fn passed_while_down(mode: &FailbackMode, now: Timestamp) -> bool {
    match mode {
        FailbackMode::Scheduled { at, .. } => *at <= now,
        FailbackMode::Auto | FailbackMode::Manual => false,
    }
}
