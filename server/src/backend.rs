//! What works behind the console: the store, the lab, the engine and the use cases over them.
//!
//! Stopped in the order in which they depend on each other: the engine parks its sessions, then
//! the guests of the lab stop, then the store closes.

use std::{path::Path, sync::Arc, time::Duration};

use engine::{Engine, EngineError, LiveWork, Maps, Proxies};
use hypervisor::{
    Platform, PlatformError,
    lab::{Lab, LabSettings, Scale},
    libvirt::{Libvirt, LibvirtSettings},
};
use model::{ByteCount, DiskCounters, DiskKey, DraftId, GateAnswer, Limiter, SessionId};
use proof::{KeyFileError, KeyStore};
use service::{
    DryRunProgress, Live, LiveDisk, LiveMap, LiveProxies, LiveProxy, LiveSession, LiveTask,
    Service, Wiring,
};
use store::{Store, StoreError};
use thiserror::Error;
use tokio::{task::JoinHandle, time::MissedTickBehavior};

use crate::fault;

/// Task slots of each proxy that a site has at first.
const SLOTS: u32 = 2;
/// How often what is new of the sites is read before somebody asks.
const READ_AHEAD: Duration = Duration::from_secs(1);

/// Everything that runs behind the console.
#[derive(Debug)]
pub struct Backend {
    store: Store,
    lab: Lab,
    engine: Engine,
    service: Service,
    reads_ahead: JoinHandle<()>,
}

/// A back end that could not start.
#[derive(Debug, Error)]
pub enum BackendError {
    /// The store could not be opened.
    #[error("open the store")]
    Store(#[from] StoreError),
    /// The lab could not be opened.
    #[error("open the lab")]
    Lab(#[from] PlatformError),
    /// The keys that sign certificates cannot be used.
    #[error("open the signing keys")]
    Keys(#[from] KeyFileError),
    /// The engine could not start.
    #[error("start the engine")]
    Engine(#[from] EngineError),
    /// A thread that opened the lab died.
    #[error("open the lab in the background")]
    Worker(#[from] tokio::task::JoinError),
}

impl Backend {
    /// Opens everything under `data_dir`; an empty one becomes an estate of a scale, with so many VMs.
    ///
    /// # Errors
    /// [`BackendError`] with what could not be opened.
    pub async fn start(
        data_dir: &Path,
        keys: KeyStore,
        (scale, vms): (Scale, u32),
        open_to_network: bool,
    ) -> Result<Self, BackendError> {
        // The lab's lock comes first: one process owns a data directory.
        let lab = {
            let data_dir = data_dir.to_owned();
            let settings = LabSettings {
                vms,
                ..lab_settings(scale)
            };
            tokio::task::spawn_blocking(move || Lab::open(&data_dir, settings)).await??
        };
        let signer = keys.prepare(engine::now())?;
        tracing::info!(%signer, "certificates are signed");
        let store = Store::open_path(&data_dir.join("landfall.db")).await?;
        let libvirt = Libvirt::new(LibvirtSettings::default());
        let platforms: Vec<Arc<dyn Platform>> =
            vec![Arc::new(lab.clone()), Arc::new(libvirt.clone())];
        let engine = Engine::start(engine::Config {
            data_dir: data_dir.to_owned(),
            store: store.clone(),
            platforms,
            lab: Some(lab.clone()),
            libvirt: Some(libvirt),
            slots: SLOTS,
            gate_every: gate_every(scale),
            keys,
            hook: fault::hook(),
        })
        .await?;
        let service = Service::new(Wiring {
            store: store.clone(),
            wake: engine.waker(),
            live: Arc::new(LiveView {
                work: engine.live(),
                maps: engine.maps(),
                proxies: engine.proxies(),
            }),
            clock: Arc::new(engine::now),
            open_to_network,
            lab_directory: Some(data_dir.join("lab").display().to_string()),
        });
        Ok(Self {
            store,
            lab,
            engine,
            reads_ahead: tokio::spawn(read_ahead(service.clone())),
            service,
        })
    }

    /// The use cases.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// Parks sessions, stops guests, closes the store.
    pub async fn shutdown(self) {
        self.reads_ahead.abort();
        self.engine.shutdown().await;
        let lab = self.lab;
        if let Err(error) = tokio::task::spawn_blocking(move || lab.shutdown()).await {
            tracing::error!(%error, "the lab did not stop cleanly");
        }
        self.store.close().await;
    }
}

async fn read_ahead(service: Service) {
    let mut moments = tokio::time::interval(READ_AHEAD);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        moments.tick().await;
        if let Err(error) = service.read_ahead().await {
            // Whoever opens a page is told by the page.
            tracing::debug!(%error, "nothing was read ahead");
        }
    }
}

/// The tiny lab is for tests: its guests are as quick as they can be.
fn lab_settings(scale: Scale) -> LabSettings {
    match scale {
        Scale::Sample => LabSettings {
            scale,
            ..LabSettings::default()
        },
        Scale::Tiny => LabSettings {
            scale,
            vms: 0,
            guest_tick: Duration::from_millis(50),
            shutdown_delay: Duration::from_millis(300),
            shutdown_timeout: Duration::from_secs(3),
        },
    }
}

/// Between two tries of health gates; the tiny lab is for tests.
const fn gate_every(scale: Scale) -> Duration {
    match scale {
        Scale::Sample => engine::GATE_EVERY,
        Scale::Tiny => Duration::from_millis(500),
    }
}

/// What the engine knows of running work, as the use cases ask for it.
#[derive(Debug)]
struct LiveView {
    work: LiveWork,
    maps: Maps,
    proxies: Proxies,
}

impl Live for LiveView {
    fn session(&self, id: &SessionId) -> Option<LiveSession> {
        let disks = self.work.disks(id);
        if disks.is_empty() {
            return None;
        }
        let limiter = limiter(disks.iter().map(|(_, disk, _)| disk));
        let disks = disks
            .into_iter()
            .map(|(key, disk, counters)| LiveDisk {
                key,
                scope: disk.scope,
                counters,
                proxies: disk.proxies,
                waiting: disk.waiting,
            })
            .collect();
        Some(LiveSession { disks, limiter })
    }

    fn disk_map(&self, id: &SessionId, disk: &DiskKey, pass: u32) -> Option<LiveMap> {
        let found = self.maps.of(id, disk, pass)?;
        Some(LiveMap {
            map: found.map,
            as_of: found.as_of,
            moves: found.moves,
        })
    }

    fn undo_space(&self, id: &SessionId) -> Option<ByteCount> {
        self.work.undo_space(id)
    }

    fn proxies(&self) -> LiveProxies {
        let work = self.proxies.work().into_iter();
        let waiting = self.proxies.waiting().into_iter();
        LiveProxies {
            proxies: work.map(|(id, work)| (id, live_proxy(work))).collect(),
            waiting: waiting.map(|it| (it.session, it.disk, it.why)).collect(),
        }
    }

    fn gates(&self, id: &SessionId) -> Vec<GateAnswer> {
        self.work.gates(id)
    }

    fn dry_run(&self, id: &DraftId) -> Option<DryRunProgress> {
        let counters = self.work.dry_run(id)?;
        let sum = |of: fn(&DiskCounters) -> ByteCount| counters.iter().map(of).sum();
        Some(DryRunProgress {
            to_scan: sum(|c| c.to_scan),
            scanned: sum(|c| c.scanned),
        })
    }
}

fn live_proxy(work: engine::ProxyWork) -> LiveProxy {
    let tasks = work.tasks.into_iter();
    LiveProxy {
        tasks: tasks
            .map(|task| LiveTask {
                session: task.session,
                disk: task.disk,
                reads: task.reads,
                writes: task.writes,
                rate: task.rate,
            })
            .collect(),
        rate: work.rate,
    }
}

/// All disks wait for a slot, or one is held back by the limit, or they are being read.
fn limiter<'a>(mut disks: impl Iterator<Item = &'a engine::LiveDisk> + Clone) -> Option<Limiter> {
    Some(if disks.clone().all(|disk| disk.waiting.is_some()) {
        Limiter::WaitingForSlot
    } else if disks.any(|disk| disk.meter.is_limited()) {
        Limiter::SpeedLimit
    } else {
        Limiter::Reading
    })
}
