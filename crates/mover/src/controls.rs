//! What an operator may do to a running task.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use model::BytesPerSecond;

/// How often a limit of nothing at all is looked at again.
const STANDSTILL: Duration = Duration::from_millis(100);

/// The controls of running tasks. Clones control the same tasks; tasks with the same controls
/// share one limit.
#[derive(Clone, Default, Debug)]
pub struct Controls {
    shared: Arc<Inner>,
    /// Of a branch: whether it alone was ended.
    ended: Arc<AtomicBool>,
}

#[derive(Default, Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    acts: Mutex<Acts>,
}

/// What to do when the tasks are ended.
#[derive(Default, Debug)]
struct Acts {
    next: u64,
    all: BTreeMap<u64, Act>,
}

impl Acts {
    /// Of those that the branch decides on.
    fn of(&self, is_ended: impl Fn(&Arc<AtomicBool>) -> bool) -> Vec<Act> {
        let all = self.all.values();
        all.filter(|act| is_ended(&act.branch)).cloned().collect()
    }
}

#[derive(Clone)]
struct Act {
    /// Whose end it is for.
    branch: Arc<AtomicBool>,
    does: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

/// As long as this lives, something is done when the tasks are ended.
#[derive(Debug)]
#[must_use = "dropping it takes back what is to be done"]
pub struct OnCancel {
    controls: Controls,
    number: u64,
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        drop(self.controls.acts().all.remove(&self.number));
    }
}

#[derive(Default, Debug)]
struct State {
    paused: bool,
    cancelled: bool,
    limit: Option<BytesPerSecond>,
    debt: Debt,
    queue: Option<NonZeroUsize>,
    /// Requests on their way.
    on_way: usize,
}

/// Bytes sent that the limit has not yet paid for.
#[derive(Debug)]
struct Debt {
    bytes: u64,
    since: Instant,
}

impl Default for Debt {
    fn default() -> Self {
        Self {
            bytes: 0,
            since: Instant::now(),
        }
    }
}

impl Controls {
    /// Controls of some of these tasks, which can be ended without the others. All else, pause,
    /// limit and queue, stays one for all, and who ends all ends them too.
    #[must_use]
    pub fn branch(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ended: Arc::default(),
        }
    }

    /// Ends the tasks of this branch for good, and no others.
    pub fn cancel_branch(&self) {
        // Under the lock, so that nobody falls asleep between the look and the call.
        self.change(|_| self.ended.store(true, Ordering::SeqCst));
        self.perform(|branch| Arc::ptr_eq(branch, &self.ended));
    }

    /// Holds the tasks; a request under way is still finished.
    pub fn pause(&self) {
        self.change(|state| state.paused = true);
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.change(|state| state.paused = false);
    }

    /// Whether they are held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// Ends them for good, with all their branches, also while they are held or limited, or wait for
    /// a peer of their disks: disks that have one are of no use afterwards.
    pub fn cancel(&self) {
        self.change(|state| state.cancelled = true);
        self.perform(|_| true);
    }

    /// Has something done when the tasks are ended, on the thread that ends them, or here and now
    /// if they were. It must not wait: it is there to end waits for a peer that does not answer.
    pub fn on_cancel(&self, act: impl Fn() + Send + Sync + 'static) -> OnCancel {
        let act = Act {
            branch: Arc::clone(&self.ended),
            does: Arc::new(act),
        };
        let number = {
            let mut acts = self.acts();
            acts.next += 1;
            let number = acts.next;
            acts.all.insert(number, act.clone());
            number
        };
        if self.is_cancelled() {
            (act.does)();
        }
        OnCancel {
            controls: self.clone(),
            number,
        }
    }

    /// Outside the lock: an act may take its own back.
    fn perform(&self, of: impl Fn(&Arc<AtomicBool>) -> bool) {
        let acts = self.acts().of(of);
        for act in acts {
            (act.does)();
        }
    }

    fn acts(&self) -> MutexGuard<'_, Acts> {
        self.shared
            .acts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether they were ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled || self.has_ended()
    }

    /// Limits the payload that they send together; none lifts the limit. Takes effect at once.
    pub fn set_limit(&self, limit: Option<BytesPerSecond>) {
        self.change(|state| {
            state.settle();
            state.limit = limit;
        });
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> Option<BytesPerSecond> {
        self.lock().limit
    }

    /// Limits the reads and writes that they have on their way at the disks together; none leaves that to
    /// the number of their workers. Takes effect with the next request.
    pub fn set_queue(&self, queue: Option<NonZeroUsize>) {
        self.change(|state| state.queue = queue);
    }

    /// The limit of requests on their way.
    #[must_use]
    pub fn queue(&self) -> Option<NonZeroUsize> {
        self.lock().queue
    }

    /// Waits up to `patience` for a place in the queue; the place is free again when it is dropped.
    pub(crate) fn place(&self, patience: Duration) -> Option<Place<'_>> {
        let has_room = |state: &State| state.queue.is_none_or(|most| state.on_way < most.get());
        let mut state = self.lock();
        if !has_room(&state) && !state.cancelled && !self.has_ended() {
            let waited = self.shared.changed.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !has_room(&state) {
            return None;
        }
        state.on_way += 1;
        Some(Place(self))
    }

    /// Waits so long, or until something changes.
    pub(crate) fn rest(&self, time: Duration) {
        let state = self.lock();
        if !state.cancelled && !self.has_ended() {
            self.sleep(state, time);
        }
    }

    /// Waits up to `patience` while `bytes` may not be sent yet; true once they were granted.
    pub(crate) fn grant(&self, bytes: u64, patience: Duration) -> bool {
        let mut state = self.lock();
        let wait = state.until_paid();
        if wait.is_zero() {
            state.debt.bytes = state.debt.bytes.saturating_add(bytes);
            return true;
        }
        self.sleep(state, wait.min(patience));
        false
    }

    /// Waits up to `patience` for a change if the tasks are held.
    pub(crate) fn hold(&self, patience: Duration) {
        let state = self.lock();
        if state.paused && !state.cancelled && !self.has_ended() {
            self.sleep(state, patience);
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn sleep(&self, state: MutexGuard<'_, State>, time: Duration) {
        drop(self.shared.changed.wait_timeout(state, time));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's place in the queue.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Controls);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.on_way -= 1;
        if state.queue.is_some() {
            self.0.shared.changed.notify_all();
        }
    }
}

impl State {
    /// Takes off the debt what the limit allowed since the last time.
    fn settle(&mut self) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.debt.since);
        match self.limit {
            None => {
                self.debt.bytes = 0;
                self.debt.since = now;
            }
            Some(limit) => {
                let paid = u128::from(limit.0) * passed.as_micros() / 1_000_000;
                let paid = u64::try_from(paid).unwrap_or(u64::MAX);
                // Too short a time pays nothing: it is then counted with the next.
                if paid > 0 {
                    self.debt.bytes = self.debt.bytes.saturating_sub(paid);
                    self.debt.since = now;
                }
            }
        }
    }

    /// How long until the next bytes may go.
    fn until_paid(&mut self) -> Duration {
        self.settle();
        let Some(limit) = self.limit else {
            return Duration::ZERO;
        };
        if limit.0 == 0 {
            return STANDSTILL;
        }
        let micros = u128::from(self.debt.bytes) * 1_000_000 / u128::from(limit.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}
