//! The proxies at work: who carries which disk, and who waits for what. Crate `sched` decides.
//!
//! Owns the tasks that run and those that wait; nothing of it outlasts the process. Settings come
//! from the store with each look at it ([`Proxies::update`]). Proxies are inside this process as
//! yet, so one answers unless its link is cut.

mod berth;
mod first;
mod now;
mod state;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{ProxySettings, SiteId};
use sched::Request;
use tokio::sync::{oneshot, watch};

pub(crate) use berth::Berth;
pub(crate) use first::put_first;
pub use now::{ProxyTask, ProxyWork, WaitingDisk};
use state::{State, Waiter};

/// All proxies with what they carry. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
}

/// A place in the queue; left when dropped.
struct Place {
    inner: Arc<Inner>,
    number: u64,
}

impl Proxies {
    /// Takes in the settings as they are now. Tasks leave a proxy that may not carry them any more,
    /// and disks that waited may begin.
    pub(crate) fn update(&self, known: Vec<ProxySettings>, sites: BTreeMap<SiteId, String>) {
        if self.inner.lock().take_in(known, sites) {
            self.inner.pump();
        }
    }

    /// Waits until the scheduler gives a disk its proxies. `say` hears why it waits.
    pub(crate) async fn acquire(&self, request: Request, say: impl Fn(Option<&str>)) -> Berth {
        let (grant, mut granted) = oneshot::channel();
        let (tell, mut told) = watch::channel(None);
        let _place = self.queue(Waiter {
            request,
            tell,
            grant,
        });
        loop {
            tokio::select! {
                biased;
                berth = &mut granted => {
                    say(None);
                    return berth.expect("only its own place takes a disk off the queue ungranted");
                }
                Ok(()) = told.changed() => say(told.borrow_and_update().as_deref()),
            }
        }
    }

    fn queue(&self, waiter: Waiter) -> Place {
        let number = self.inner.lock().queue(waiter);
        let place = Place {
            inner: Arc::clone(&self.inner),
            number,
        };
        self.inner.pump();
        place
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round of the scheduler over all that wait.
    fn pump(self: &Arc<Self>) {
        let given = self.lock().round();
        for (grant, task) in given {
            let berth = Berth::of(Arc::clone(self), task);
            // Where nobody waits any more it comes back, and its slots are free again as it goes.
            drop(grant.send(berth));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.lock().waiting.remove(&self.number);
        self.inner.pump();
    }
}

#[cfg(test)]
mod tests;
