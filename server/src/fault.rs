//! Ends a debug build of the program at a chosen moment, for the crash tests. A release build has
//! none of it.

use engine::Hook;

/// `LANDFALL_KILL_AT=begun:7` kills the process with SIGKILL when it is about to begin its seventh
/// effect, `performed:7` when it has performed it and not yet logged the result.
#[cfg(debug_assertions)]
pub(crate) fn hook() -> Option<Hook> {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use engine::Moment;

    let text = std::env::var("LANDFALL_KILL_AT").ok()?;
    let (moment, number) = text.split_once(':')?;
    let moment = if moment == "begun" {
        Moment::Begun
    } else {
        Moment::Performed
    };
    let number: u64 = number.parse().ok()?;
    let seen = AtomicU64::new(0);
    Some(Arc::new(move |at, step| {
        if at == moment && seen.fetch_add(1, Ordering::SeqCst) + 1 == number {
            tracing::warn!(?step, "killed on demand");
            let ended = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            tracing::error!(?ended, "still here");
        }
    }))
}

/// Nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) fn hook() -> Option<Hook> {
    None
}
