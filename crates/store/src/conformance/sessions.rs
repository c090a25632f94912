//! Sessions: whole, one per replica, never overwritten unseen.

use model::{BytesPerSecond, SessionId, Timestamp};

use super::{
    Database,
    builders::{ended, machine, session},
};
use crate::{Retry, StoreError};

pub(super) async fn a_session_comes_back_as_it_was(db: &impl Database) {
    let new = session("s1", "r1", 10);
    db.open().await.session_insert(&new).await.unwrap();

    let row = db
        .open()
        .await
        .session_fetch(&new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.version, row.ended_at), (1, None));
    assert_eq!(
        (&row.machine, row.destination),
        (&new.machine, new.destination)
    );
    assert_eq!(
        (&row.replica_vm, &row.production_vm),
        (&new.replica_vm, &new.production_vm)
    );
    assert_eq!(
        (row.limit, &row.reason, row.started_at),
        (new.limit, &new.reason, new.started_at)
    );
    assert_eq!(
        (&row.batch, &row.protected, &row.vm_name),
        (&new.batch, &new.protected, &new.vm_name)
    );
    assert_eq!(
        (&row.replica, &row.started_by),
        (&new.replica, &new.started_by)
    );
    // The order of the disks is the VM's, not that of their keys.
    assert_eq!(row.layout, new.layout);
    let plan = db.open().await.session_plan_fetch(&new.id).await.unwrap();
    assert!(plan.is_some() && plan == new.plan);
    let other = SessionId::new("other");
    assert_eq!(
        db.open().await.session_plan_fetch(&other).await.unwrap(),
        None
    );
    assert_eq!(db.open().await.session_fetch(&other).await.unwrap(), None);
}

pub(super) async fn one_session_is_at_work_per_replica(db: &impl Database) {
    let store = db.open().await;
    let first = session("s1", "r1", 10);
    store.session_insert(&first).await.unwrap();
    let refused = store
        .session_insert(&session("s2", "r1", 11))
        .await
        .unwrap_err();
    assert!(matches!(&refused, StoreError::ReplicaBusy { replica } if *replica == first.replica));
    assert_eq!(refused.retry(), Retry::Permanent);
    store
        .session_insert(&session("s3", "r2", 12))
        .await
        .unwrap();

    let at_work = store
        .session_for_replica_active(&first.replica)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(at_work.id, first.id);
    store
        .session_save_machine(&first.id, &ended(Timestamp(20)), 1)
        .await
        .unwrap();
    assert_eq!(
        store
            .session_for_replica_active(&first.replica)
            .await
            .unwrap(),
        None
    );
    store
        .session_insert(&session("s2", "r1", 21))
        .await
        .unwrap();
}

pub(super) async fn the_slower_of_two_writers_is_refused(db: &impl Database) {
    let store = db.open().await;
    let new = session("s1", "r1", 10);
    store.session_insert(&new).await.unwrap();
    let mut faster = machine();
    faster.pass = 2;
    assert_eq!(
        store
            .session_save_machine(&new.id, &faster, 1)
            .await
            .unwrap(),
        2
    );
    let refused = store
        .session_save_machine(&new.id, &machine(), 1)
        .await
        .unwrap_err();
    assert!(refused.is_conflict());
    let row = store.session_fetch(&new.id).await.unwrap().unwrap();
    assert_eq!((row.version, row.machine.pass), (2, 2));

    let missing = store
        .session_save_machine(&SessionId::new("none"), &faster, 1)
        .await;
    assert!(missing.is_err_and(|error| error.is_conflict()));
}

pub(super) async fn lists_are_newest_first_and_apart(db: &impl Database) {
    let store = db.open().await;
    for (id, replica, at) in [("s1", "r1", 10), ("s2", "r2", 30), ("s3", "r3", 20)] {
        store
            .session_insert(&session(id, replica, at))
            .await
            .unwrap();
    }
    store
        .session_save_machine(&SessionId::new("s2"), &ended(Timestamp(40)), 1)
        .await
        .unwrap();

    let ids = |rows: Vec<crate::SessionRow>| -> Vec<String> {
        assert!(rows.iter().all(|row| row.layout.len() == 2));
        rows.into_iter().map(|row| row.id.to_string()).collect()
    };
    assert_eq!(
        ids(store.session_list_active().await.unwrap()),
        ["s3", "s1"]
    );
    assert_eq!(ids(store.session_list_ended(9).await.unwrap()), ["s2"]);
    assert_eq!(ids(store.session_list(2).await.unwrap()), ["s2", "s3"]);
    let row = store
        .session_fetch(&SessionId::new("s2"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.ended_at, Some(Timestamp(40)));
}

pub(super) async fn a_limit_changes_while_the_machine_runs(db: &impl Database) {
    let store = db.open().await;
    let new = session("s1", "r1", 10);
    store.session_insert(&new).await.unwrap();
    for limit in [None, Some(BytesPerSecond(5))] {
        store.session_set_limit(&new.id, limit).await.unwrap();
        let row = store.session_fetch(&new.id).await.unwrap().unwrap();
        assert_eq!((row.limit, row.version), (limit, 1));
    }
    let missing = store.session_set_limit(&SessionId::new("none"), None).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}
