//! What a disk's task was given: a slot on each of its proxies, until it is dropped.

use std::{sync::Arc, time::Duration};

use model::{ByteCount, BytesPerSecond, CarrierEnd};
use mover::Meter;
use tokio_util::sync::CancellationToken;

use super::{Inner, state::Given};

/// A task shorter than this says nothing about its proxies' rate.
const WORTH_MEASURING: Duration = Duration::from_millis(500);

/// A slot on each proxy of a task; given back when dropped.
#[derive(Debug)]
pub(crate) struct Berth {
    inner: Arc<Inner>,
    number: u64,
    leave: CancellationToken,
    pub(crate) source: CarrierEnd,
    pub(crate) target: CarrierEnd,
    /// Why these and not others, as sentences.
    pub(crate) reasons: Vec<String>,
}

impl Berth {
    pub(super) fn of(inner: Arc<Inner>, given: Given) -> Self {
        Self {
            inner,
            number: given.number,
            leave: given.leave,
            source: given.source,
            target: given.target,
            reasons: given.reasons,
        }
    }

    /// Waits until the task must leave these proxies.
    pub(crate) async fn must_leave(&self) {
        self.leave.cancelled().await;
    }

    /// Why it must, as a sentence; none while it may stay.
    pub(crate) fn left(&self) -> Option<String> {
        let state = self.inner.lock();
        state.running.get(&self.number)?.why.clone()
    }

    /// Shows the counters of the task with its proxies.
    pub(crate) fn show(&self, meter: &Meter) {
        if let Some(task) = self.inner.lock().running.get_mut(&self.number) {
            task.meter = Some(meter.clone());
        }
    }

    /// Tells what the task did without a limit of its own, for later choices.
    pub(crate) fn measured(&self, scanned: ByteCount, took: Duration) {
        if took < WORTH_MEASURING {
            return;
        }
        let rate = u128::from(scanned.0) * 1_000_000 / took.as_micros().max(1);
        let rate = BytesPerSecond(u64::try_from(rate).unwrap_or(u64::MAX));
        self.inner.lock().measured(self.number, rate);
    }

    /// Who reads and who writes, in short.
    pub(crate) fn words(&self) -> String {
        let (source, target) = (&self.source, &self.target);
        if source == target {
            return format!(
                "Read and written through {} by {}.",
                source.name,
                source.mode.words()
            );
        }
        format!(
            "Read through {} by {}, written through {} by {}.",
            source.name,
            source.mode.words(),
            target.name,
            target.mode.words()
        )
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.inner.lock().running.remove(&self.number);
        self.inner.pump();
    }
}
