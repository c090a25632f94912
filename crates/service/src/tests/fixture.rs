//! Two sites as an operator would find them after a failover, a clock that tests set, and an
//! engine's side that answers what it is told to answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use model::{
    Actor, Adapter, ByteCount, Cluster, ClusterId, Compute, Datastore, DatastoreId, Destination,
    DiskFormat, DiskInfo, DiskKey, DraftId, Firmware, Folder, FolderId, GateAnswer, Host, HostId,
    Job, JobId, Network, NetworkId, Pool, PoolId, PoolKind, PowerState, ProtectedVmId, ReplicaId,
    ReplicaState, SessionId, SessionRecord, SiteId, SiteResources, SiteRole, Timestamp,
    TransportMode, VmInfo, VmRef,
    view::{AfterInput, ModeInput, SeveralInput},
};
use store::{ReplicaRow, SiteInventory, Store};
use tempfile::TempDir;

use crate::{
    DryRunProgress, Live, LiveMap, LiveProxies, LiveSession, Service, Wiring, local_operator,
};

pub(crate) const GIB: u64 = 1 << 30;
/// 2026-11-23T04:00:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_406_400_000_000);

/// What an engine would have in memory, as a test sets it.
#[derive(Default)]
pub(super) struct Moving {
    pub(super) session: Mutex<Option<LiveSession>>,
    pub(super) dry_run: Mutex<Option<DryRunProgress>>,
    pub(super) gates: Mutex<Vec<GateAnswer>>,
    pub(super) proxies: Mutex<LiveProxies>,
    pub(super) maps: Mutex<BTreeMap<(DiskKey, u32), LiveMap>>,
}

impl Live for Moving {
    fn session(&self, _id: &SessionId) -> Option<LiveSession> {
        self.session.lock().unwrap().clone()
    }

    fn proxies(&self) -> LiveProxies {
        self.proxies.lock().unwrap().clone()
    }

    fn gates(&self, _id: &SessionId) -> Vec<GateAnswer> {
        self.gates.lock().unwrap().clone()
    }

    fn disk_map(&self, _id: &SessionId, disk: &DiskKey, pass: u32) -> Option<LiveMap> {
        let maps = self.maps.lock().unwrap();
        maps.get(&(disk.clone(), pass)).cloned()
    }

    fn dry_run(&self, _id: &DraftId) -> Option<DryRunProgress> {
        *self.dry_run.lock().unwrap()
    }
}

pub(super) struct Fixture {
    pub(super) service: Service,
    pub(super) store: Store,
    pub(super) live: Arc<Moving>,
    pub(super) production: SiteInventory,
    pub(super) dr: SiteInventory,
    clock: Arc<AtomicI64>,
    wakes: Arc<AtomicUsize>,
    _dir: TempDir,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let fixture = Self::before_the_first_reading().await;
        fixture.read_sites().await;
        fixture
    }

    pub(super) async fn before_the_first_reading() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_path(&dir.path().join("landfall.db"))
            .await
            .unwrap();
        let (clock, wakes) = (
            Arc::new(AtomicI64::new(NOW.0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let live = Arc::new(Moving::default());
        let (ticking, woken) = (clock.clone(), wakes.clone());
        let service = Service::new(Wiring {
            store: store.clone(),
            wake: Arc::new(move || {
                woken.fetch_add(1, Ordering::SeqCst);
            }),
            live: live.clone(),
            clock: Arc::new(move || Timestamp(ticking.load(Ordering::SeqCst))),
            open_to_network: false,
            lab_directory: Some("/var/lib/landfall/lab".to_owned()),
        });
        let (production, dr) = (production(), dr());
        Self {
            service,
            store,
            live,
            production,
            dr,
            clock,
            wakes,
            _dir: dir,
        }
    }

    /// Puts both inventories, as they are now, into the store.
    pub(super) async fn read_sites(&self) {
        for site in [&self.production, &self.dr] {
            self.store.inventory_put(site, NOW).await.unwrap();
        }
    }

    pub(super) fn replica_vm(&mut self, name: &str) -> &mut VmInfo {
        let vms = self.dr.vms.iter_mut();
        vms.into_iter().find(|vm| vm.name == name).unwrap()
    }

    /// The record of a replica.
    pub(super) fn replica(&mut self, id: &str) -> &mut ReplicaRow {
        let mut replicas = self.dr.replicas.iter_mut();
        let found = replicas.find(|replica| replica.id.as_str() == id);
        found.expect("it is there")
    }

    pub(super) fn production_vm(&mut self, name: &str) -> &mut VmInfo {
        let vms = self.production.vms.iter_mut();
        vms.into_iter().find(|vm| vm.name == name).unwrap()
    }

    pub(super) fn set_clock(&self, now: Timestamp) {
        self.clock.store(now.0, Ordering::SeqCst);
    }

    pub(super) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }

    /// A draft with everything chosen but Finish.
    pub(super) async fn complete_draft(&self, replicas: &[&str]) -> DraftId {
        let replicas = replicas.iter().map(|it| ReplicaId::new(*it)).collect();
        let service = &self.service;
        let id = service.draft_create(&actor(), replicas).await.unwrap();
        let original = Some(Destination::OriginalVm);
        service
            .draft_set_destination(&actor(), &id, original)
            .await
            .unwrap();
        service
            .draft_set_mode(
                &actor(),
                &id,
                manual(),
                AfterInput::default(),
                SeveralInput::default(),
            )
            .await
            .unwrap();
        id
    }

    /// A session of `web-01`, started through the wizard and out of the queue.
    pub(super) async fn session(&self) -> SessionId {
        let draft = self.complete_draft(&["r-web"]).await;
        let reply = self.service.finish(&actor(), &draft).await.unwrap();
        let id = reply.sessions[0].clone();
        self.advance(&id, |machine| machine.begun = true).await;
        id
    }

    /// Ticks all drift of a draft's VMs.
    pub(super) async fn tick_all_drift(&self, id: &DraftId) {
        let draft = self.service.draft_view(id).await.unwrap();
        let items = draft.summary.iter().flat_map(|vm| {
            let keys = vm.drift.iter();
            keys.map(|it| format!("{}/{}", vm.replica, it.item))
        });
        let seen = items.collect();
        self.service
            .draft_set_summary(&actor(), id, true, String::new(), seen, &[])
            .await
            .unwrap();
    }

    /// Moves a session's machine, as the engine would.
    pub(super) async fn advance(&self, id: &SessionId, change: impl FnOnce(&mut SessionRecord)) {
        let row = self.store.session_fetch(id).await.unwrap().unwrap();
        let mut machine = row.machine;
        change(&mut machine);
        self.store
            .session_save_machine(id, &machine, row.version)
            .await
            .unwrap();
    }

    /// Answers the next intent, as the engine would.
    pub(super) fn answer_next(&self, result: Result<&str, &str>) {
        let store = self.store.clone();
        let result = result.map(str::to_owned).map_err(str::to_owned);
        tokio::spawn(async move {
            loop {
                let open = store.intent_list_open().await.unwrap();
                let next = open
                    .iter()
                    .find(|it| !matches!(it.kind, store::IntentKind::Start { .. }));
                if let Some(intent) = next {
                    store.intent_done(&intent.id, &result, NOW).await.unwrap();
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
    }

    pub(super) async fn audit(&self) -> Vec<String> {
        let rows = self.store.audit_list(100).await.unwrap();
        rows.into_iter().map(|row| row.what).collect()
    }
}

pub(super) fn actor() -> Actor {
    local_operator()
}

pub(super) fn manual() -> ModeInput {
    ModeInput {
        mode: "manual".to_owned(),
        ..ModeInput::default()
    }
}

pub(super) fn scheduled(at: &str, zone: &str) -> ModeInput {
    ModeInput {
        mode: "scheduled".to_owned(),
        at: at.to_owned(),
        zone: zone.to_owned(),
        ..ModeInput::default()
    }
}

pub(crate) fn disk(key: &str, gib: u64) -> DiskInfo {
    DiskInfo {
        key: DiskKey::new(key),
        name: key.to_owned(),
        size: ByteCount(gib * GIB),
        allocated: ByteCount(GIB / 2),
        format: DiskFormat::Raw,
        sector: 512,
        slot: None,
        datastore: None,
    }
}

/// What a site with a cluster of two hosts and a standalone host offers.
pub(crate) fn resources() -> SiteResources {
    let cluster = ClusterId::new("c");
    let host =
        |id: &str, cluster: Option<&ClusterId>, datastores: &[&str], networks: &[&str]| Host {
            id: HostId::new(id),
            name: format!("{id}.example"),
            cluster: cluster.cloned(),
            datastores: datastores.iter().map(|it| DatastoreId::new(*it)).collect(),
            networks: networks.iter().map(|it| NetworkId::new(*it)).collect(),
        };
    let pool = |id: &str, kind, of: Compute, parent: Option<&str>| Pool {
        id: PoolId::new(id),
        name: id.to_owned(),
        kind,
        of,
        parent: parent.map(PoolId::new),
    };
    let of_cluster = || Compute::Cluster(cluster.clone());
    SiteResources {
        hosts: vec![
            host("h1", Some(&cluster), &["fast", "bulk"], &["lan", "backup"]),
            host("h2", Some(&cluster), &["fast"], &["lan"]),
            host("edge", None, &["bulk"], &["backup"]),
        ],
        pools: vec![
            pool("gold", PoolKind::ResourcePool, of_cluster(), None),
            pool("shop", PoolKind::VApp, of_cluster(), Some("gold")),
            pool(
                "own",
                PoolKind::ResourcePool,
                Compute::Host(HostId::new("edge")),
                None,
            ),
        ],
        clusters: vec![Cluster {
            id: cluster.clone(),
            name: "Cluster".to_owned(),
        }],
        datastores: [("fast", 10), ("bulk", 100)]
            .map(|(id, gib)| Datastore {
                id: DatastoreId::new(id),
                name: id.to_owned(),
                capacity: ByteCount(gib * GIB),
                free: ByteCount(gib * GIB),
                default_policy: None,
            })
            .to_vec(),
        folders: ["Web", "Databases"]
            .map(|path| Folder {
                id: FolderId::new(path),
                path: path.to_owned(),
            })
            .to_vec(),
        networks: [("lan", "dr network"), ("backup", "Backup")]
            .map(|(id, name)| Network {
                id: NetworkId::new(id),
                name: name.to_owned(),
            })
            .to_vec(),
        policies: Vec::new(),
    }
}

/// A VM of which only the disks matter.
pub(crate) fn vm_with(disks: Vec<DiskInfo>) -> VmInfo {
    vm("site", "vm", "vm", PowerState::Off, disks)
}

pub(super) fn vm(
    site: &str,
    id: &str,
    name: &str,
    power: PowerState,
    disks: Vec<DiskInfo>,
) -> VmInfo {
    VmInfo {
        vm: VmRef {
            site: SiteId::new(site),
            platform_id: id.to_owned(),
        },
        name: name.to_owned(),
        identity: None,
        power,
        cpus: 2,
        memory: ByteCount(4 * GIB),
        firmware: Firmware::Uefi,
        adapters: vec![Adapter {
            mac: "52:54:00:00:00:01".to_owned(),
            network: Some(format!("{site} network")),
            address: None,
        }],
        tags: vec!["tier-1".to_owned()],
        storage_policy: None,
        change_tracking: true,
        disks,
        held_by: None,
        beside_disks: Vec::new(),
        placement: model::Placement::default(),
    }
}

fn replica(id: &str, vm: &str, original: &str, state: ReplicaState) -> ReplicaRow {
    ReplicaRow {
        written_since: None,
        stored_policy: None,
        id: ReplicaId::new(id),
        protected: ProtectedVmId::new(format!("protected-{id}")),
        vm: VmRef {
            site: SiteId::new("dr"),
            platform_id: vm.to_owned(),
        },
        original: VmRef {
            site: SiteId::new("production"),
            platform_id: original.to_owned(),
        },
        state,
        job: JobId::new("nightly"),
        on_hold: false,
        restore_point: None,
        running_since: Some(NOW.plus_seconds(-3_600)),
        disk_pairs: Vec::new(),
    }
}

pub(crate) fn production() -> SiteInventory {
    let vm = |id: &str, name: &str, power, disks| vm("production", id, name, power, disks);
    SiteInventory {
        no_quick_rollback: None,
        site: SiteId::new("production"),
        name: "Hamburg".to_owned(),
        role: SiteRole::Production,
        platform: "lab".to_owned(),
        free: ByteCount(100 * GIB),
        vms: vec![
            vm("p1", "web-01", PowerState::Off, vec![disk("system", 2)]),
            vm("p2", "db-01", PowerState::Off, vec![disk("data", 1)]),
            vm(
                "p3",
                "app-01",
                PowerState::On,
                vec![disk("system", 2), disk("scratch", 1)],
            ),
            vm("p4", "mail-01", PowerState::On, vec![disk("system", 2)]),
        ],
        replicas: Vec::new(),
        jobs: Vec::new(),
        shutdown_timeout_seconds: 20,
        resources: SiteResources::default(),
        creates_vms: true,
        storage_policies: true,
        repoints_jobs: true,
        transport_modes: vec![TransportMode::DirectStorage],
    }
}

pub(crate) fn dr() -> SiteInventory {
    let vm = |id: &str, name: &str, power, disks| vm("dr", id, name, power, disks);
    let on = PowerState::On;
    let mut app = vm(
        "d3",
        "app-01-replica",
        on,
        vec![disk("system", 2), disk("data2", 40)],
    );
    app.memory = ByteCount(8 * GIB);
    SiteInventory {
        no_quick_rollback: None,
        site: SiteId::new("dr"),
        name: "Munich".to_owned(),
        role: SiteRole::DisasterRecovery,
        platform: "lab".to_owned(),
        free: ByteCount(100 * GIB),
        vms: vec![
            vm("d1", "web-01-replica", on, vec![disk("system", 2)]),
            vm("d2", "db-01-replica", on, vec![disk("data", 2)]),
            app,
            vm(
                "d4",
                "mail-01-replica",
                PowerState::Off,
                vec![disk("system", 2)],
            ),
        ],
        replicas: vec![
            replica("r-web", "d1", "p1", ReplicaState::Failover),
            replica("r-db", "d2", "p2", ReplicaState::Failover),
            replica("r-app", "d3", "p3", ReplicaState::Failover),
            replica("r-mail", "d4", "p4", ReplicaState::Ready),
        ],
        jobs: vec![Job {
            id: JobId::new("nightly"),
            name: "Nightly".to_owned(),
            held: false,
            vms: Vec::new(),
        }],
        shutdown_timeout_seconds: 20,
        resources: SiteResources::default(),
        creates_vms: true,
        storage_policies: true,
        repoints_jobs: true,
        transport_modes: vec![TransportMode::DirectStorage],
    }
}
