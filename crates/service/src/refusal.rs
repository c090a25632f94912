//! Refusals and failures in the one form that people see: cause, next step, field.

use model::{ApiError, ErrorKind, with_causes};
use store::{Retry, StoreError};

/// A request that breaks a rule of its form, at the field where it does.
pub(crate) fn invalid(
    field: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> ApiError {
    ApiError::new(ErrorKind::Invalid, message, hint).on_field(field)
}

/// A request that the state does not allow.
pub(crate) fn conflict(message: impl Into<String>, hint: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::Conflict, message, hint)
}

/// A request about something that is not there.
pub(crate) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::NotFound, message, hint)
}

/// What people see of a failure of the store. The causes go to the log.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
pub(crate) fn failed(error: StoreError) -> ApiError {
    if error.is_conflict() {
        return conflict(
            "Somebody else changed this in the meantime.",
            "Load the page again and look at what changed.",
        );
    }
    if let StoreError::ReplicaBusy { .. } = error {
        return conflict(
            "A session is at work on one of the replicas already.",
            "Load the page again and choose other replicas.",
        );
    }
    if let StoreError::ProductionBusy { .. } = error {
        return conflict(
            "A session is at work on one of the production VMs already.",
            "Wait until it is over, or choose another VM to return to.",
        );
    }
    tracing::error!(error = %with_causes(&error), "the store failed");
    match error.retry() {
        Retry::Temporary => ApiError::new(
            ErrorKind::Unavailable,
            "The store is busy.",
            "Try again in a moment.",
        ),
        Retry::Permanent | Retry::NeedsPerson => ApiError::new(
            ErrorKind::Internal,
            "The store failed.",
            "Look at the server's log for the cause.",
        ),
    }
}
