//! What each proxy does right now, as pages show it.

use std::collections::BTreeMap;

use model::{BytesPerSecond, DiskKey, ProxyId, SessionId, TransportMode};

use super::{Proxies, state::Task};

/// What a proxy does right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyWork {
    /// The disks that it carries, in the order in which they began.
    pub tasks: Vec<ProxyTask>,
    /// What one task of it was measured to do lately; none before the first.
    pub rate: Option<BytesPerSecond>,
}

/// A disk that a proxy carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTask {
    /// Its session.
    pub session: SessionId,
    /// The disk.
    pub disk: DiskKey,
    /// It reads the source by this mode.
    pub reads: Option<TransportMode>,
    /// It writes the target by this mode.
    pub writes: Option<TransportMode>,
    /// Scanning rate of the recent past.
    pub rate: BytesPerSecond,
}

/// A disk that waits for proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingDisk {
    /// Its session.
    pub session: SessionId,
    /// The disk.
    pub disk: DiskKey,
    /// Why, as a sentence.
    pub why: String,
}

impl Proxies {
    /// What each proxy does, of those that were ever at work or are known.
    #[must_use]
    pub fn work(&self) -> BTreeMap<ProxyId, ProxyWork> {
        let state = self.inner.lock();
        let known = state.known.iter();
        known
            .map(|proxy| {
                let tasks = state.running.values();
                let tasks = tasks.filter_map(|task| of_proxy(task, &proxy.id)).collect();
                let rate = state.rates.get(&proxy.id).copied();
                (proxy.id.clone(), ProxyWork { tasks, rate })
            })
            .collect()
    }

    /// The disks that wait, in the order in which they are served.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingDisk> {
        let state = self.inner.lock();
        let waiting = state.waiting.values();
        waiting
            .map(|waiter| WaitingDisk {
                session: waiter.request.session.clone(),
                disk: waiter.request.disk.clone(),
                why: waiter.tell.borrow().clone().unwrap_or_default(),
            })
            .collect()
    }
}

fn of_proxy(task: &Task, id: &ProxyId) -> Option<ProxyTask> {
    let by = |held: &sched::Held| (held.proxy == *id).then_some(held.mode);
    let (reads, writes) = (by(&task.source), by(&task.target));
    (reads.is_some() || writes.is_some()).then(|| ProxyTask {
        session: task.session.clone(),
        disk: task.disk.clone(),
        reads,
        writes,
        rate: task
            .meter
            .as_ref()
            .map_or(BytesPerSecond(0), |meter| meter.counters().rate),
    })
}
