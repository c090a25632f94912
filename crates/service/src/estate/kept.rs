//! What was read of the store, kept between answers: each answer asks what changed and reads only that.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{ApiError, ReplicaId, SessionId, VmRef};
use store::{ActiveSessions, KnownInventories, KnownProtectedVms, Store};
use tokio::sync::Mutex;

use super::{SiteRead, index::Index};
use crate::{queue, refusal::failed, session::Work};

/// The sessions at work.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Newest first.
    pub(super) works: Vec<Arc<Work>>,
    /// Places in `works` by replica.
    pub(super) by_replica: HashMap<ReplicaId, usize>,
    /// Places in `works` by the VM that is written to.
    pub(super) by_production: HashMap<VmRef, usize>,
    /// Sessions that have not begun, with why.
    pub(super) queued: BTreeMap<SessionId, String>,
}

/// What was read, for all who ask.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    inventories: KnownInventories,
    protected: KnownProtectedVms,
    sessions: ActiveSessions,
    works: BTreeMap<SessionId, Arc<Work>>,
    /// The index was made of what is known now; not while somebody reads, who may never come back.
    indexed: bool,
    /// The same of the sessions.
    understood: bool,
    index: Arc<Index>,
    running: Arc<Running>,
}

impl Kept {
    /// Everything as it is now.
    pub(super) async fn read(
        &self,
        store: &Store,
    ) -> Result<(Vec<SiteRead>, Arc<Index>, Arc<Running>), ApiError> {
        let mut state = self.0.lock().await;
        let state = &mut *state;
        let before = std::mem::replace(&mut state.indexed, false);
        let inventories = store.inventory_follow(&mut state.inventories);
        let inventories = inventories.await.map_err(failed)?;
        let protected = store.protected_vm_follow(&mut state.protected);
        let protected = protected.await.map_err(failed)?;
        if inventories || protected || !before {
            let sites = state.inventories.rows().map(|(site, ..)| Arc::clone(site));
            let sites: Vec<_> = sites.collect();
            let renewed = state.index.renewed(&sites).filter(|_| !protected && before);
            let index = renewed.unwrap_or_else(|| Index::of(sites, &state.protected));
            state.index = Arc::new(index);
        }
        state.indexed = true;
        let before = std::mem::replace(&mut state.understood, false);
        let sessions = store.session_follow_active(&mut state.sessions);
        if sessions.await.map_err(failed)? || !before {
            let understood = state.understand();
            if understood.is_err() {
                // Whoever asks next hears it too.
                state.sessions = ActiveSessions::default();
            }
            understood?;
        }
        state.understood = true;
        let sites = state.inventories.rows();
        let sites = sites
            .map(|(site, read_at, error)| (Arc::clone(site), read_at, error.map(str::to_owned)));
        Ok((
            sites.collect(),
            Arc::clone(&state.index),
            Arc::clone(&state.running),
        ))
    }
}

impl State {
    /// Understands the sessions that changed, and orders all.
    fn understand(&mut self) -> Result<(), ApiError> {
        let mut works = BTreeMap::new();
        for (id, row) in self.sessions.rows() {
            let before = self.works.get(id);
            let work = match before.filter(|before| Arc::ptr_eq(&before.row, row)) {
                Some(before) => Arc::clone(before),
                None => Arc::new(Work::of(Arc::clone(row))?),
            };
            works.insert(id.clone(), work);
        }
        let mut newest_first: Vec<Arc<Work>> = works.values().cloned().collect();
        newest_first.sort_by(|a, b| {
            let key = |work: &Work| (work.row.started_at, work.row.id.clone());
            key(b).cmp(&key(a))
        });
        let places = || newest_first.iter().zip(0_usize..);
        self.running = Arc::new(Running {
            by_replica: places()
                .map(|(work, at)| (work.row.replica.clone(), at))
                .collect(),
            by_production: places()
                .map(|(work, at)| (work.row.production_vm.clone(), at))
                .collect(),
            queued: queue::reasons(&newest_first),
            works: newest_first,
        });
        self.works = works;
        Ok(())
    }
}
