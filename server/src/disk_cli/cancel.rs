//! Ctrl-C and SIGTERM while disks are compared or made equal: what runs is ended at once, and what
//! it proved is kept. A second signal ends the program as it is.

use std::{sync::mpsc::sync_channel, thread};

use anyhow::Context as _;
use mover::Controls;
use tokio_util::sync::CancellationToken;

use crate::signals;

/// Has signals cancel what these controls control, from now on.
///
/// # Errors
/// When signals cannot be listened for.
pub(super) fn on_signal(controls: &Controls) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("start the async runtime")?;
    let controls = controls.clone();
    let (ready, listens) = sync_channel(1);
    thread::spawn(move || {
        runtime.block_on(async {
            let stop = CancellationToken::new();
            let listening = signals::cancel_on_signal(stop.clone());
            let failed = listening.is_err();
            if ready.send(listening).is_err() || failed {
                return;
            }
            stop.cancelled().await;
            controls.cancel();
            // For the second signal.
            std::future::pending::<()>().await;
        });
    });
    listens.recv().context("wait for the signals' thread")?
}
