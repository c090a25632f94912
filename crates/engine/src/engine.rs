//! The main loop: one path for live, restart and periodic scan. It is woken without a payload and
//! reads from the store what there is to do.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{DraftId, SessionId};
use mover::Controls;
use store::{ActiveSessions, IntentKind, IntentRow, SessionRow, StoreError};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock,
    config::Config,
    connected, dry_run,
    effects::Stage,
    inventory::Inventories,
    lab,
    live::LiveWork,
    maps::Maps,
    proxies::{self, Proxies},
    queue,
    session_task::{Bell, SessionTask},
};

/// The store is looked at this often even when nobody wakes the engine.
const SCAN_EVERY: Duration = Duration::from_secs(2);
/// How long a dry run may take to put away what it made.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests that a session has not taken yet.
const QUEUE: usize = 64;

/// A failure to start the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error("read the store")]
    Store(#[from] StoreError),
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    wake: Arc<Notify>,
    live: LiveWork,
    maps: Maps,
    proxies: Proxies,
    shutdown: CancellationToken,
    main: JoinHandle<()>,
    tasks: TaskTracker,
}

impl Engine {
    /// Reads the inventory once, then takes up every session that is not over.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(config: Config) -> Result<Self, EngineError> {
        connected::open(&config).await?;
        let inventories = Inventories::stored(&config.store).await?;
        inventories.refresh(&config).await?;
        proxies::put_first(&config).await?;
        let (wake, live) = (Arc::new(Notify::new()), LiveWork::default());
        let maps = Maps::new(config.data_dir.clone(), live.clone());
        let proxies = Proxies::default();
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let main = Main {
            proxies: proxies.clone(),
            inventories,
            active: ActiveSessions::default(),
            config,
            live: live.clone(),
            wake: Arc::clone(&wake),
            shutdown: shutdown.clone(),
            tasks: tasks.clone(),
            sessions: BTreeMap::new(),
            reading: None,
            apart: None,
            dry_run: None,
            apart_controls: Controls::default(),
        };
        let main = tokio::spawn(main.run());
        Ok(Self {
            wake,
            live,
            maps,
            proxies,
            shutdown,
            main,
            tasks,
        })
    }

    /// Tells the engine that there is something new in the store.
    #[must_use]
    pub fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let wake = Arc::clone(&self.wake);
        Arc::new(move || wake.notify_one())
    }

    /// What moves right now.
    #[must_use]
    pub fn live(&self) -> LiveWork {
        self.live.clone()
    }

    /// The maps of disks.
    #[must_use]
    pub fn maps(&self) -> Maps {
        self.maps.clone()
    }

    /// What the proxies do right now.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        self.proxies.clone()
    }

    /// Parks every session: each stops at once, and goes on where it was after a restart.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        if let Err(error) = self.main.await {
            tracing::error!(%error, "the engine's main loop had died");
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

struct Main {
    config: Config,
    inventories: Inventories,
    active: ActiveSessions,
    live: LiveWork,
    proxies: Proxies,
    wake: Arc<Notify>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    sessions: BTreeMap<SessionId, Worker>,
    /// Who reads the sites.
    reading: Option<JoinHandle<()>>,
    /// A request that is about no session and takes its time: lab and dry run, one at a time.
    apart: Option<JoinHandle<()>>,
    /// The draft of the dry run that was begun last, and what ends it.
    dry_run: Option<DraftId>,
    apart_controls: Controls,
}

/// The ends of a session's task that the main loop holds.
struct Worker {
    requests: mpsc::Sender<IntentRow>,
    turn: Arc<Notify>,
}

impl Main {
    async fn run(mut self) {
        while !self.shutdown.is_cancelled() {
            if let Err(error) = self.scan().await {
                tracing::error!(%error, "the store could not be scanned");
            }
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(SCAN_EVERY) => {}
            }
        }
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
        // What a dry run made goes with it; the rest is asked for again after a restart.
        self.apart_controls.cancel();
        if let Some(mut apart) = self.apart.take()
            && tokio::time::timeout(PATIENCE, &mut apart).await.is_err()
        {
            apart.abort();
        }
    }

    async fn scan(&mut self) -> Result<(), StoreError> {
        self.look_at_proxies().await?;
        self.sessions
            .retain(|_, worker| !worker.requests.is_closed());
        let store = self.config.store.clone();
        store.session_follow_active(&mut self.active).await?;
        let active: Vec<Arc<SessionRow>> = self.active.rows().values().cloned().collect();
        self.end_dry_run_of_finished().await?;
        for row in &active {
            self.ensure_task(row);
        }
        for id in queue::beginning(&active) {
            if let Some(worker) = self.sessions.get(id) {
                worker.turn.notify_one();
            }
        }
        for intent in self.config.store.intent_list_open().await? {
            self.route(intent).await?;
        }
        self.read_sites();
        Ok(())
    }

    /// Reads the sites beside everything else: one that hangs holds nobody up.
    fn read_sites(&mut self) {
        let reads = self.reading.as_ref();
        if reads.is_some_and(|reading| !reading.is_finished()) {
            return;
        }
        let (config, inventories) = (self.config.clone(), self.inventories.clone());
        self.reading = Some(tokio::spawn(async move {
            if let Err(error) = inventories.refresh(&config).await {
                tracing::error!(%error, "inventory not saved");
            }
        }));
    }

    async fn look_at_proxies(&self) -> Result<(), StoreError> {
        let known = self.config.store.proxy_list().await?;
        self.proxies.update(known, self.inventories.site_names());
        Ok(())
    }

    /// A draft's sessions measure what its dry run does: the two would be in each other's way.
    async fn end_dry_run_of_finished(&mut self) -> Result<(), StoreError> {
        let Some(draft) = &self.dry_run else {
            return Ok(());
        };
        if self.config.store.batch_for_draft(draft).await?.is_some() {
            self.apart_controls.cancel();
            self.dry_run = None;
        }
        Ok(())
    }

    fn ensure_task(&mut self, row: &SessionRow) {
        if self.sessions.contains_key(&row.id) {
            return;
        }
        let Some(stage) = self.stage(row) else {
            tracing::error!(session.id = %row.id, "no platform has the session's sites");
            return;
        };
        let bell = Bell {
            turn: Arc::default(),
            place_free: Arc::clone(&self.wake),
        };
        let turn = Arc::clone(&bell.turn);
        let task = match SessionTask::new(self.config.clone(), stage, bell, row) {
            Ok(task) => task,
            Err(error) => {
                tracing::error!(session.id = %row.id, %error, "the session is not taken up");
                return;
            }
        };
        let (requests, receiver) = mpsc::channel(QUEUE);
        self.sessions
            .insert(row.id.clone(), Worker { requests, turn });
        let (shutdown, wake, id) = (
            self.shutdown.clone(),
            Arc::clone(&self.wake),
            row.id.clone(),
        );
        self.tasks.spawn(async move {
            if let Err(error) = task.run(receiver, shutdown).await {
                tracing::error!(session.id = %id, %error, "the session's task ended");
            }
            wake.notify_one();
        });
    }

    fn stage(&self, row: &SessionRow) -> Option<Stage> {
        Some(Stage {
            session: row.id.clone(),
            replica: row.replica.clone(),
            protected: row.protected.clone(),
            previous_production: row.previous_production.clone(),
            destination: row.destination,
            choices: row.choices.clone(),
            replica_vm: row.replica_vm.clone(),
            production_vm: row.production_vm.clone(),
            disks: row.layout.clone(),
            limit: row.limit,
            dr: self.config.platform(&row.replica_vm.site)?,
            production: self.config.platform(&row.production_vm.site)?,
            data_dir: self.config.data_dir.clone(),
            proxies: self.proxies.clone(),
            live: self.live.clone(),
            store: self.config.store.clone(),
            keys: self.config.keys.clone(),
        })
    }

    async fn route(&mut self, intent: IntentRow) -> Result<(), StoreError> {
        if intent.taken_at.is_some() && self.is_at_work(&intent) {
            return Ok(());
        }
        let store = self.config.store.clone();
        match intent.kind.clone() {
            IntentKind::Act(_) => {
                let worker = intent.session.as_ref().and_then(|id| self.sessions.get(id));
                match worker {
                    // Without room it stays as it is, for the next look.
                    Some(worker) => {
                        if let Ok(room) = worker.requests.try_reserve() {
                            store.intent_take(&intent.id, clock::now()).await?;
                            room.send(intent);
                        }
                    }
                    None => {
                        let answer = Err("The session is over.".to_owned());
                        store.intent_done(&intent.id, &answer, clock::now()).await?;
                    }
                }
            }
            // The session's task is started by the scan that found it in the store.
            IntentKind::Start { .. } => {
                store
                    .intent_done(&intent.id, &Ok("started".to_owned()), clock::now())
                    .await?;
            }
            IntentKind::LabReset
            | IntentKind::LabFailOver { .. }
            | IntentKind::Estate(_)
            | IntentKind::DryRun { .. } => {
                self.begin_apart(intent).await?;
            }
        }
        Ok(())
    }

    /// Whether a request that was taken is still with the one who took it in this process.
    fn is_at_work(&self, intent: &IntentRow) -> bool {
        match intent.kind {
            IntentKind::Act(_) => intent
                .session
                .as_ref()
                .is_some_and(|id| self.sessions.contains_key(id)),
            IntentKind::Start { .. } => false,
            IntentKind::LabReset
            | IntentKind::LabFailOver { .. }
            | IntentKind::Estate(_)
            | IntentKind::DryRun { .. } => self
                .apart
                .as_ref()
                .is_some_and(|apart| !apart.is_finished()),
        }
    }

    async fn begin_apart(&mut self, intent: IntentRow) -> Result<(), StoreError> {
        if self
            .apart
            .as_ref()
            .is_some_and(|apart| !apart.is_finished())
        {
            return Ok(());
        }
        self.config
            .store
            .intent_take(&intent.id, clock::now())
            .await?;
        if let IntentKind::DryRun { draft, .. } = &intent.kind {
            self.apart_controls = Controls::default();
            self.dry_run = Some(draft.clone());
        }
        let (config, live) = (self.config.clone(), self.live.clone());
        let inventories = self.inventories.clone();
        let (wake, controls) = (Arc::clone(&self.wake), self.apart_controls.clone());
        self.apart = Some(tokio::spawn(async move {
            let answer = match &intent.kind {
                IntentKind::LabReset => lab::reset(&config, &inventories).await,
                IntentKind::LabFailOver { replica } => lab::fail_over(&config, replica).await,
                IntentKind::Estate(ask) => connected::answer(&config, ask).await,
                IntentKind::DryRun { draft, vms } => {
                    dry_run::run(&config, &live, draft, vms, &controls).await
                }
                IntentKind::Act(_) | IntentKind::Start { .. } => Ok(String::new()),
            };
            if let Err(error) = inventories.refresh(&config).await {
                tracing::error!(%error, "inventory not saved");
            }
            if let Err(error) = config
                .store
                .intent_done(&intent.id, &answer, clock::now())
                .await
            {
                tracing::error!(%error, "a request's answer was not saved");
            }
            wake.notify_one();
        }));
        Ok(())
    }
}
