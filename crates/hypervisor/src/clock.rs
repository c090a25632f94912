//! The wall clock, as records take it.

use model::Timestamp;

/// The moment.
pub(crate) fn now() -> Timestamp {
    Timestamp(now_micros())
}

/// Microseconds since 1970 in UTC.
pub(crate) fn now_micros() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or_default()
}
