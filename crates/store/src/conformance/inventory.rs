//! Inventories with their age, and the production pointer.

use model::{
    ByteCount, DiskKey, DiskPair, EpochId, Job, JobId, PointName, ProtectedVmId, ReplicaId,
    ReplicaState, RestorePoint, SiteId, SiteResources, SiteRole, Timestamp,
};

use super::{Database, builders::vm};
use crate::{ReplicaRow, SiteInventory, StoreError};

fn inventory(site: &str, free: u64) -> SiteInventory {
    SiteInventory {
        no_quick_rollback: None,
        site: SiteId::new(site),
        name: "Hamburg".to_owned(),
        role: SiteRole::DisasterRecovery,
        platform: "lab".to_owned(),
        free: ByteCount(free),
        vms: Vec::new(),
        replicas: vec![ReplicaRow {
            written_since: None,
            stored_policy: None,
            id: ReplicaId::new("r1"),
            protected: ProtectedVmId::new("v1"),
            vm: vm(site, "r1"),
            original: vm("production", "p1"),
            state: ReplicaState::Failover,
            job: JobId::new("j1"),
            on_hold: true,
            restore_point: Some(RestorePoint {
                name: PointName::new("point"),
                taken_at: Timestamp(3),
                replica_epoch: Some(EpochId(4)),
                production_epoch: None,
            }),
            running_since: Some(Timestamp(4)),
            disk_pairs: vec![DiskPair {
                replica: DiskKey::new("a"),
                production: DiskKey::new("b"),
            }],
        }],
        jobs: vec![Job {
            id: JobId::new("j1"),
            name: "nightly".to_owned(),
            held: false,
            vms: vec![vm("production", "p1")],
        }],
        shutdown_timeout_seconds: 20,
        resources: SiteResources::default(),
        creates_vms: true,
        storage_policies: false,
        repoints_jobs: true,
        transport_modes: vec![model::TransportMode::Network],
    }
}

pub(super) async fn a_failed_reading_keeps_what_was_known(db: &impl Database) {
    let store = db.open().await;
    let site = SiteId::new("dr");
    store
        .inventory_put(&inventory("dr", 1), Timestamp(10))
        .await
        .unwrap();
    store
        .inventory_failed(&site, "no route", Timestamp(20))
        .await
        .unwrap();
    let known = db.open().await.inventory_list().await.unwrap();
    assert_eq!(
        known,
        [(
            inventory("dr", 1),
            Timestamp(10),
            Some("no route".to_owned())
        )]
    );
    store
        .inventory_put(&inventory("dr", 2), Timestamp(30))
        .await
        .unwrap();
    let known = store.inventory_list().await.unwrap();
    assert_eq!(known, [(inventory("dr", 2), Timestamp(30), None)]);
}

pub(super) async fn a_site_that_was_never_read_is_listed_apart(db: &impl Database) {
    let store = db.open().await;
    let site = SiteId::new("dr");
    store
        .inventory_failed(&site, "no route", Timestamp(20))
        .await
        .unwrap();
    assert_eq!(store.inventory_list().await.unwrap(), []);
    let unread = store.inventory_list_unread().await.unwrap();
    assert_eq!(
        (&unread[0].site, unread[0].error.as_str()),
        (&site, "no route")
    );
    store
        .inventory_put(&inventory("dr", 2), Timestamp(30))
        .await
        .unwrap();
    assert_eq!(store.inventory_list_unread().await.unwrap(), []);
}

pub(super) async fn the_production_pointer_moves_only_when_told(db: &impl Database) {
    let store = db.open().await;
    let id = ProtectedVmId::new("v1");
    let (old, new) = (vm("production", "p1"), vm("production", "p2"));
    store
        .protected_vm_put_if_absent(&id, "web-01", &old)
        .await
        .unwrap();
    store
        .protected_vm_put_if_absent(&id, "web-01", &new)
        .await
        .unwrap();
    let row = store.protected_vm_fetch(&id).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), &row.production), ("web-01", &old));
    store.protected_vm_set_production(&id, &new).await.unwrap();
    let row = db
        .open()
        .await
        .protected_vm_fetch(&id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.production, new);
    assert_eq!(store.protected_vm_list().await.unwrap(), [row]);
    for _ in 0..2 {
        let moved = store.protected_vm_move_production(&id, &new, &old).await;
        moved.unwrap();
    }
    let other = vm("production", "p3");
    let lost = store.protected_vm_move_production(&id, &new, &other).await;
    assert!(
        matches!(&lost, Err(StoreError::PointerMoved { found, .. }) if *found == old),
        "{lost:?}"
    );
    let row = store.protected_vm_fetch(&id).await.unwrap().unwrap();
    assert_eq!(row.production, old);
    let other = ProtectedVmId::new("v2");
    assert_eq!(store.protected_vm_fetch(&other).await.unwrap(), None);
    let missing = store.protected_vm_set_production(&other, &new).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}
