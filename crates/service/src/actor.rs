//! On whose behalf something is done. Until people sign in there is one actor, who may do all.

use model::{Actor, ApiError, ErrorKind};

const LOCAL_OPERATOR: &str = "local operator";

/// Whoever reaches the console.
#[must_use]
pub fn local_operator() -> Actor {
    Actor::new(LOCAL_OPERATOR)
}

/// Refuses actors that nobody knows.
pub(crate) fn authorise(actor: &Actor) -> Result<(), ApiError> {
    if actor.as_str() == LOCAL_OPERATOR {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorKind::Invalid,
        format!("Nobody is known as \"{actor}\"."),
        "Ask as the local operator.",
    ))
}
