//! What runs and what waits, and how one round of the scheduler changes it.

use std::collections::BTreeMap;

use model::{BytesPerSecond, CarrierEnd, DiskKey, ProxyId, ProxySettings, SessionId, SiteId};
use mover::Meter;
use sched::{
    Assignment, Held, Leaving, Proxy, Request, Running, Seat, Snapshot, TaskId, assign, leaving,
    words,
};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::Berth;

/// Of a measured rate and those before it, the part of those before: three quarters.
const KEPT: u64 = 3;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) known: Vec<ProxySettings>,
    sites: BTreeMap<SiteId, String>,
    pub(super) rates: BTreeMap<ProxyId, BytesPerSecond>,
    pub(super) waiting: BTreeMap<u64, Waiter>,
    pub(super) running: BTreeMap<u64, Task>,
    next: u64,
}

/// A disk that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) request: Request,
    /// Why it waits, each time that changes.
    pub(super) tell: watch::Sender<Option<String>>,
    pub(super) grant: oneshot::Sender<Berth>,
}

/// A disk that is carried.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) session: SessionId,
    pub(super) disk: DiskKey,
    pub(super) source: Held,
    pub(super) target: Held,
    /// Its counters, once it moves.
    pub(super) meter: Option<Meter>,
    /// Told when it must leave its proxies.
    pub(super) leave: CancellationToken,
    /// Why it must, as a sentence.
    pub(super) why: Option<String>,
}

/// What a disk was given.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) number: u64,
    pub(super) source: CarrierEnd,
    pub(super) target: CarrierEnd,
    pub(super) reasons: Vec<String>,
    pub(super) leave: CancellationToken,
}

struct Names<'a> {
    proxies: &'a [Proxy],
    sites: &'a BTreeMap<SiteId, String>,
}

impl words::Names for Names<'_> {
    fn proxy(&self, id: &ProxyId) -> String {
        self.proxies.proxy(id)
    }

    fn site(&self, id: &SiteId) -> String {
        self.sites
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }
}

impl State {
    /// Takes in settings and names; false when they are as they were.
    pub(super) fn take_in(
        &mut self,
        known: Vec<ProxySettings>,
        sites: BTreeMap<SiteId, String>,
    ) -> bool {
        if self.known == known && self.sites == sites {
            return false;
        }
        (self.known, self.sites) = (known, sites);
        let proxies = self.proxies();
        for leaving in leaving(&proxies, &self.snapshot_running()) {
            self.let_leave(&proxies, &leaving);
        }
        true
    }

    fn let_leave(&mut self, proxies: &[Proxy], leaving: &Leaving) {
        let names = Names {
            proxies,
            sites: &self.sites,
        };
        let why = words::leaving(leaving, &names);
        if let Some(task) = self.running.get_mut(&leaving.task.0)
            && task.why.is_none()
        {
            task.why = Some(why);
            task.leave.cancel();
        }
    }

    pub(super) fn queue(&mut self, waiter: Waiter) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, waiter);
        self.next
    }

    /// Asks the scheduler; what it gives is in use from now on.
    pub(super) fn round(&mut self) -> Vec<(oneshot::Sender<Berth>, Given)> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let numbers: Vec<u64> = self.waiting.keys().copied().collect();
        let snapshot = Snapshot {
            proxies: self.proxies(),
            running: self.snapshot_running(),
            waiting: self
                .waiting
                .values()
                .map(|waiter| waiter.request.clone())
                .collect(),
        };
        let round = assign(&snapshot);
        let names = Names {
            proxies: &snapshot.proxies,
            sites: &self.sites,
        };
        for waits in &round.waiting {
            let why = Some(words::waiting(waits, &names));
            let waiter = numbers
                .get(waits.request)
                .and_then(|number| self.waiting.get(number));
            if let Some(waiter) = waiter {
                waiter.tell.send_if_modified(|told| {
                    let changed = *told != why;
                    told.clone_from(&why);
                    changed
                });
            }
        }
        let given = round.assignments.iter().filter_map(|assignment| {
            let number = numbers.get(assignment.request)?;
            let waiter = self.waiting.remove(number)?;
            let task = Task {
                session: waiter.request.session,
                disk: waiter.request.disk,
                source: held(&assignment.source),
                target: held(&assignment.target),
                meter: None,
                leave: CancellationToken::new(),
                why: None,
            };
            let given = given(*number, assignment, &names, task.leave.clone());
            self.running.insert(*number, task);
            Some((waiter.grant, given))
        });
        given.collect()
    }

    /// A task of these proxies scanned at this rate.
    pub(super) fn measured(&mut self, number: u64, rate: BytesPerSecond) {
        let Some(task) = self.running.get(&number) else {
            return;
        };
        for id in [&task.source.proxy, &task.target.proxy] {
            let known = self.rates.entry(id.clone()).or_insert(rate);
            let weighted = known.0.saturating_mul(KEPT).saturating_add(rate.0);
            *known = BytesPerSecond(weighted / (KEPT + 1));
        }
    }

    fn proxies(&self) -> Vec<Proxy> {
        let known = self.known.iter();
        known
            .map(|settings| Proxy {
                answers: !settings.cut_off,
                rate: self.rates.get(&settings.id).copied(),
                settings: settings.clone(),
            })
            .collect()
    }

    fn snapshot_running(&self) -> Vec<Running> {
        let running = self.running.iter();
        running
            .map(|(number, task)| Running {
                task: TaskId(*number),
                source: task.source.clone(),
                target: task.target.clone(),
            })
            .collect()
    }
}

fn held(seat: &Seat) -> Held {
    Held {
        proxy: seat.proxy.clone(),
        mode: seat.mode,
    }
}

fn given(
    number: u64,
    assignment: &Assignment,
    names: &Names<'_>,
    leave: CancellationToken,
) -> Given {
    let end = |seat: &Seat| CarrierEnd {
        proxy: seat.proxy.clone(),
        name: words::Names::proxy(names, &seat.proxy),
        mode: seat.mode,
    };
    Given {
        number,
        source: end(&assignment.source),
        target: end(&assignment.target),
        reasons: words::reasons(assignment, names),
        leave,
    }
}
