//! Counters of a running task, readable at any time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use model::{ByteCount, BytesPerSecond, DiskCounters, DiskPhase};

use crate::map::Drawn;

/// The recent past, from which rate and remaining time are told.
const WINDOW: Duration = Duration::from_secs(10);
/// No two samples are closer, so that a window holds a bounded number of them.
const SPACING: Duration = Duration::from_millis(100);

/// The counters of one task, and the map of its disk where one is drawn. Clones show the same task.
#[derive(Clone, Default, Debug)]
pub struct Meter {
    state: Arc<Mutex<State>>,
    pub(crate) map: Drawn,
}

#[derive(Default, Debug)]
struct State {
    counters: DiskCounters,
    limited: bool,
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    scanned: u64,
}

impl Meter {
    /// The counters as they are now; they add up at any time.
    #[must_use]
    pub fn counters(&self) -> DiskCounters {
        let mut state = self.lock();
        state.forget(Instant::now());
        let mut counters = state.counters;
        counters.rate = state.rate(Instant::now());
        counters.remaining_seconds = remaining(&counters);
        counters
    }

    /// Changes the counters in one step.
    pub(crate) fn update(&self, change: impl FnOnce(&mut DiskCounters)) {
        let mut state = self.lock();
        change(&mut state.counters);
        state.sample(Instant::now());
    }

    /// Starts the counters of a task anew.
    pub(crate) fn begin(&self, counters: DiskCounters) {
        let mut state = self.lock();
        state.counters = counters;
        state.samples.clear();
        state.sample(Instant::now());
    }

    /// Whether the operator's limit holds the task back now.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.lock().limited
    }

    pub(crate) fn set_limited(&self, limited: bool) {
        self.lock().limited = limited;
    }

    pub(crate) fn set_phase(&self, phase: DiskPhase) {
        self.lock().counters.phase = phase;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bytes looked at by this try; what a journal knew took no time.
    const fn worked(&self) -> u64 {
        self.counters
            .scanned
            .saturating_sub(self.counters.resumed)
            .0
    }

    fn sample(&mut self, at: Instant) {
        let close = |last: &Sample| at.saturating_duration_since(last.at) < SPACING;
        if self.samples.back().is_some_and(close) {
            return;
        }
        let scanned = self.worked();
        self.samples.push_back(Sample { at, scanned });
        self.forget(at);
    }

    /// Drops samples from before the window, except for the last of them, where it begins.
    fn forget(&mut self, now: Instant) {
        let old = |sample: &Sample| now.saturating_duration_since(sample.at) > WINDOW;
        while self.samples.get(1).is_some_and(old) {
            self.samples.pop_front();
        }
    }

    fn rate(&self, now: Instant) -> BytesPerSecond {
        let Some(first) = self.samples.front() else {
            return BytesPerSecond::default();
        };
        let micros = now.saturating_duration_since(first.at).as_micros().max(1);
        let bytes = u128::from(self.worked().saturating_sub(first.scanned));
        let rate = bytes * 1_000_000 / micros;
        BytesPerSecond(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

fn remaining(counters: &DiskCounters) -> Option<u64> {
    let left = counters.to_scan.saturating_sub(counters.scanned);
    if left == ByteCount::ZERO {
        return Some(0);
    }
    (counters.rate.0 > 0).then(|| left.0.div_ceil(counters.rate.0))
}
