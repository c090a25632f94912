//! Ctrl-C and SIGTERM: both ask the server to stop. A second one stops it at once.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status of a program that a second Ctrl-C ended, as shells count it.
const STOPPED_BY_SIGNAL: i32 = 130;

/// Watches for signals in the background; the first one cancels `shutdown`.
pub(crate) fn cancel_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if shutdown.is_cancelled() {
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(STOPPED_BY_SIGNAL);
            }
            tracing::info!("stopping: no new requests, open ones are finished");
            shutdown.cancel();
        }
    });
    Ok(())
}
