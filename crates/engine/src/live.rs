//! What runs right now: meters of the movers, by session. Gone with the process; the
//! store has what must last.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blockmap::DiskMap;
use model::{ByteCount, DiskCounters, DiskKey, DraftId, GateAnswer, SessionId};
use mover::Meter;

/// The meters of all running work.
#[derive(Clone, Debug, Default)]
pub struct LiveWork {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: BTreeMap<SessionId, SessionWork>,
    dry_runs: BTreeMap<DraftId, Vec<Meter>>,
    undo_space: BTreeMap<SessionId, ByteCount>,
    gates: BTreeMap<SessionId, Vec<GateAnswer>>,
}

#[derive(Debug, Default)]
struct SessionWork {
    disks: BTreeMap<DiskKey, LiveDisk>,
}

/// One disk's task as it runs.
#[derive(Clone, Debug, Default)]
pub struct LiveDisk {
    /// The pass.
    pub pass: u32,
    /// Its counters, live, and the map of the disk.
    pub meter: Meter,
    /// What it looks at, in words.
    pub scope: String,
    /// Which proxies carry it and how, as a sentence.
    pub proxies: Option<String>,
    /// Why it waits, where it does.
    pub waiting: Option<String>,
}

impl LiveWork {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disks of a session that are at work now, with their counters; empty when none is.
    #[must_use]
    pub fn disks(&self, session: &SessionId) -> Vec<(DiskKey, LiveDisk, DiskCounters)> {
        let inner = self.lock();
        let Some(work) = inner.sessions.get(session) else {
            return Vec::new();
        };
        work.disks
            .iter()
            .map(|(key, disk)| (key.clone(), disk.clone(), disk.meter.counters()))
            .collect()
    }

    /// The map of a disk that is at work in this pass now, once it has begun to move.
    #[must_use]
    pub fn map(&self, session: &SessionId, key: &DiskKey, pass: u32) -> Option<DiskMap> {
        let meter = {
            let inner = self.lock();
            let disk = inner.sessions.get(session)?.disks.get(key)?;
            (disk.pass == pass).then(|| disk.meter.clone())?
        };
        meter.map()
    }

    /// Counters of a dry run's disks so far; none when it does not run.
    #[must_use]
    pub fn dry_run(&self, draft: &DraftId) -> Option<Vec<DiskCounters>> {
        let inner = self.lock();
        inner
            .dry_runs
            .get(draft)
            .map(|meters| meters.iter().map(Meter::counters).collect())
    }

    /// Bytes that a session's pre-failback snapshot took when it was last looked at.
    #[must_use]
    pub fn undo_space(&self, session: &SessionId) -> Option<ByteCount> {
        self.lock().undo_space.get(session).copied()
    }

    pub(crate) fn set_undo_space(&self, session: &SessionId, space: ByteCount) {
        self.lock().undo_space.insert(session.clone(), space);
    }

    /// What a session's health gates said when they were tried last; empty while nobody tries them.
    #[must_use]
    pub fn gates(&self, session: &SessionId) -> Vec<GateAnswer> {
        self.lock().gates.get(session).cloned().unwrap_or_default()
    }

    pub(crate) fn set_gates(&self, session: &SessionId, answers: Vec<GateAnswer>) {
        self.lock().gates.insert(session.clone(), answers);
    }

    pub(crate) fn forget_gates(&self, session: &SessionId) {
        self.lock().gates.remove(session);
    }

    pub(crate) fn begin(&self, session: &SessionId) {
        let work = SessionWork::default();
        self.lock().sessions.insert(session.clone(), work);
    }

    pub(crate) fn put(&self, session: &SessionId, key: &DiskKey, disk: LiveDisk) {
        if let Some(work) = self.lock().sessions.get_mut(session) {
            work.disks.insert(key.clone(), disk);
        }
    }

    pub(crate) fn change(
        &self,
        session: &SessionId,
        key: &DiskKey,
        change: impl FnOnce(&mut LiveDisk),
    ) {
        if let Some(disk) = self
            .lock()
            .sessions
            .get_mut(session)
            .and_then(|work| work.disks.get_mut(key))
        {
            change(disk);
        }
    }

    pub(crate) fn end(&self, session: &SessionId) {
        self.lock().sessions.remove(session);
    }

    pub(crate) fn begin_dry_run(&self, draft: &DraftId, meter: Meter) {
        self.lock()
            .dry_runs
            .entry(draft.clone())
            .or_default()
            .push(meter);
    }

    pub(crate) fn end_dry_run(&self, draft: &DraftId) {
        self.lock().dry_runs.remove(draft);
    }
}
