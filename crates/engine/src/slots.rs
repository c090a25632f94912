//! Task slots of the proxies: who gets one, and who waits for what. Decided by crate `sched`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{ProxyId, SiteId, Timestamp, TransportMode};
use sched::{Assignment, Proxy, Request, Snapshot, assign};
use tokio::sync::Notify;

/// The slots of all proxies.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    proxies: Vec<Proxy>,
    waiting: BTreeMap<u64, Request>,
    reasons: BTreeMap<u64, String>,
    next: u64,
}

/// A slot on each proxy of a task; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    inner: Arc<Inner>,
    proxies: Vec<ProxyId>,
    /// Which proxies and why, in words.
    pub(crate) words: String,
}

/// A place in the queue; left when dropped.
struct Place {
    inner: Arc<Inner>,
    number: u64,
}

impl Slots {
    /// One proxy per site, each inside this process.
    pub(crate) fn one_per_site(sites: &[SiteId], modes: &[TransportMode], slots: u32) -> Self {
        let proxies = sites
            .iter()
            .map(|site| Proxy {
                id: ProxyId::new(format!("{site}-proxy-1")),
                site: site.clone(),
                modes: modes.to_vec(),
                slots,
                used: 0,
                enabled: true,
                healthy: true,
            })
            .collect();
        let state = State {
            proxies,
            ..State::default()
        };
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                freed: Notify::new(),
            }),
        }
    }

    /// Waits until the scheduler gives `request` its slots. `say` hears why it waits.
    pub(crate) async fn acquire(&self, request: Request, say: impl Fn(Option<&str>)) -> Slot {
        let place = self.queue(request);
        loop {
            let freed = self.inner.freed.notified();
            if let Some(slot) = self.try_take(place.number) {
                say(None);
                return slot;
            }
            say(Some(&self.reason(place.number)));
            freed.await;
        }
    }

    fn queue(&self, request: Request) -> Place {
        let mut state = self.inner.lock();
        state.next += 1;
        let number = state.next;
        state.waiting.insert(number, request);
        drop(state);
        Place {
            inner: Arc::clone(&self.inner),
            number,
        }
    }

    fn try_take(&self, number: u64) -> Option<Slot> {
        let mut state = self.inner.lock();
        let (numbers, waiting): (Vec<_>, Vec<_>) = state
            .waiting
            .iter()
            .map(|(number, request)| (*number, request.clone()))
            .unzip();
        let snapshot = Snapshot {
            proxies: state.proxies.clone(),
            waiting,
        };
        let (assignments, waits) = assign(&snapshot, Timestamp(0));
        for wait in waits {
            if let Some(number) = numbers.get(wait.request) {
                state.reasons.insert(*number, wait.reason);
            }
        }
        let mine = assignments
            .into_iter()
            .find(|given| numbers.get(given.request) == Some(&number))?;
        state.waiting.remove(&number);
        let proxies = proxies_of(&mine);
        for proxy in state
            .proxies
            .iter_mut()
            .filter(|proxy| proxies.contains(&proxy.id))
        {
            proxy.used += 1;
        }
        let words = mine.reasons.join(" ");
        Some(Slot {
            inner: Arc::clone(&self.inner),
            proxies,
            words,
        })
    }

    fn reason(&self, number: u64) -> String {
        let state = self.inner.lock();
        state
            .reasons
            .get(&number)
            .cloned()
            .unwrap_or_else(|| "waiting for a task slot".to_owned())
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One proxy that serves both ends takes one slot.
fn proxies_of(assignment: &Assignment) -> Vec<ProxyId> {
    let mut proxies = vec![assignment.source_proxy.clone()];
    if assignment.target_proxy != assignment.source_proxy {
        proxies.push(assignment.target_proxy.clone());
    }
    proxies
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        for proxy in state
            .proxies
            .iter_mut()
            .filter(|proxy| self.proxies.contains(&proxy.id))
        {
            proxy.used = proxy.used.saturating_sub(1);
        }
        drop(state);
        self.inner.freed.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        state.waiting.remove(&self.number);
        state.reasons.remove(&self.number);
        drop(state);
        self.inner.freed.notify_waiters();
    }
}
