//! The wall clock, in one place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// Now, in UTC microseconds.
#[must_use]
pub fn now() -> Timestamp {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(_) => 0,
    };
    Timestamp(micros)
}

/// How long until an instant; nothing when it has passed.
pub(crate) fn until(at: Timestamp) -> Duration {
    let micros = at.0.saturating_sub(now().0);
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
