//! Inventories with their age, and the production pointer.

use std::sync::Arc;

use model::{
    ByteCount, DiskKey, DiskPair, EpochId, Firmware, Job, JobId, Placement, PointName, PowerState,
    ProtectedVmId, ReplicaId, ReplicaState, RestorePoint, SiteId, SiteResources, SiteRole,
    Timestamp, VmInfo,
};

use super::{Database, builders::vm};
use crate::{
    KnownInventories, KnownProtectedVms, ProtectedVmRow, ReplicaRow, SiteInventory, StoreError,
};

pub(super) fn inventory(site: &str, free: u64) -> SiteInventory {
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

/// An inventory of so many VMs, in more than one part.
fn large(vms: usize) -> SiteInventory {
    let small = inventory("dr", 1);
    SiteInventory {
        vms: (0..vms)
            .map(|number| vm_info(&format!("vm-{number:04}")))
            .collect(),
        ..small
    }
}

fn vm_info(name: &str) -> VmInfo {
    VmInfo {
        vm: vm("dr", name),
        name: name.to_owned(),
        identity: None,
        power: PowerState::On,
        cpus: 1,
        memory: ByteCount(1),
        firmware: Firmware::Uefi,
        adapters: Vec::new(),
        tags: Vec::new(),
        storage_policy: None,
        change_tracking: true,
        disks: Vec::new(),
        held_by: None,
        beside_disks: Vec::new(),
        placement: Placement::default(),
    }
}

pub(super) async fn a_reader_that_goes_on_sees_what_one_that_begins_sees(db: &impl Database) {
    let store = db.open().await;
    let mut known = KnownInventories::default();
    let mut old = large(450);
    store.inventory_put(&old, Timestamp(1)).await.unwrap();
    assert!(store.inventory_follow(&mut known).await.unwrap());
    assert!(!store.inventory_follow(&mut known).await.unwrap());
    let mut renamed = old.clone();
    renamed.vms[300].name = "another".to_owned();
    let mut fewer = renamed.clone();
    fewer.vms.truncate(120);
    let mut held = fewer.clone();
    held.jobs[0].held = true;
    let more = large(700);
    for (at, new) in (2..).zip([renamed, fewer, held, more, inventory("dr", 5)]) {
        let put = store.inventory_replace(Some(&old), &new, Timestamp(at));
        put.await.unwrap();
        assert!(store.inventory_follow(&mut known).await.unwrap());
        let followed: Vec<_> = known
            .rows()
            .map(|(site, read_at, _)| (site.as_ref().clone(), read_at))
            .collect();
        assert_eq!(followed, [(new.clone(), Timestamp(at))]);
        let listed = db.open().await.inventory_list().await.unwrap();
        assert_eq!(listed, [(new.clone(), Timestamp(at), None)]);
        old = new;
    }
}

pub(super) async fn an_inventory_that_stayed_as_it_was_is_only_younger(db: &impl Database) {
    let store = db.open().await;
    let site = SiteId::new("dr");
    let all = large(450);
    store.inventory_put(&all, Timestamp(1)).await.unwrap();
    let mut known = KnownInventories::default();
    store.inventory_follow(&mut known).await.unwrap();
    let first = known
        .rows()
        .next()
        .map(|(site, ..)| Arc::clone(site))
        .unwrap();
    store
        .inventory_failed(&site, "no route", Timestamp(2))
        .await
        .unwrap();
    store
        .inventory_replace(Some(&all), &all, Timestamp(3))
        .await
        .unwrap();
    assert!(!store.inventory_follow(&mut known).await.unwrap());
    let (same, read_at, error) = known.rows().next().unwrap();
    assert!(Arc::ptr_eq(same, &first));
    assert_eq!((read_at, error), (Timestamp(3), None));
}

pub(super) async fn moved_pointers_are_followed(db: &impl Database) {
    let store = db.open().await;
    let mut known = KnownProtectedVms::default();
    let row = |id: &str, to: &str| ProtectedVmRow {
        id: ProtectedVmId::new(id),
        name: id.to_owned(),
        production: vm("production", to),
    };
    let rows = [row("v1", "p1"), row("v2", "p2")];
    store.protected_vm_put_absent(&rows).await.unwrap();
    assert!(store.protected_vm_follow(&mut known).await.unwrap());
    assert!(!store.protected_vm_follow(&mut known).await.unwrap());
    // One that is there already stays.
    store
        .protected_vm_put_absent(&[row("v1", "p9")])
        .await
        .unwrap();
    let (from, to) = (vm("production", "p2"), vm("production", "p3"));
    let moved = store.protected_vm_move_production(&rows[1].id, &from, &to);
    moved.await.unwrap();
    assert!(store.protected_vm_follow(&mut known).await.unwrap());
    let followed: Vec<_> = known.rows().values().cloned().collect();
    assert_eq!(followed, store.protected_vm_list().await.unwrap());
    assert_eq!(followed[1].production, to);
    let pointers = [(rows[0].id.clone(), from), (ProtectedVmId::new("v3"), to)];
    let missing = store.protected_vm_set_productions(&pointers).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    assert_eq!(store.protected_vm_list().await.unwrap(), followed);
}
