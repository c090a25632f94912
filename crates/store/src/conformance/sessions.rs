//! Sessions: whole, one per replica, never overwritten unseen.

use std::sync::Arc;

use model::{BytesPerSecond, SessionId, Timestamp};

use super::{
    Database,
    builders::{ended, machine, session},
};
use crate::{ActiveSessions, NewSession, PastOrder, PastQuery, Retry, StoreError};

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

pub(super) async fn those_at_work_are_followed(db: &impl Database) {
    let store = db.open().await;
    let mut known = ActiveSessions::default();
    assert!(store.session_follow_active(&mut known).await.unwrap());
    for (id, replica) in [("s1", "r1"), ("s2", "r2"), ("s3", "r3")] {
        store
            .session_insert(&session(id, replica, 10))
            .await
            .unwrap();
    }
    let same = async |known: &mut ActiveSessions| {
        let changed = store.session_follow_active(known).await.unwrap();
        assert!(!store.session_follow_active(known).await.unwrap());
        let mut all = store.session_list_active().await.unwrap();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let followed: Vec<_> = known.rows().values().map(|row| (**row).clone()).collect();
        assert_eq!(followed, all);
        changed
    };
    assert!(same(&mut known).await);
    let untouched = Arc::clone(&known.rows()[&SessionId::new("s3")]);
    let limited = SessionId::new("s1");
    store.session_set_limit(&limited, None).await.unwrap();
    assert!(same(&mut known).await);
    let over = SessionId::new("s2");
    let machine = ended(Timestamp(40));
    store
        .session_save_machine(&over, &machine, 1)
        .await
        .unwrap();
    assert!(same(&mut known).await);
    assert_eq!(known.rows().len(), 2);
    assert!(Arc::ptr_eq(&known.rows()[&untouched.id], &untouched));
}

pub(super) async fn past_ones_come_a_page_at_a_time(db: &impl Database) {
    let store = db.open().await;
    for number in 0..7 {
        let (id, replica) = (format!("s{number}"), format!("r{number}"));
        let new = NewSession {
            vm_name: format!("VM_{}", 9 - number),
            ..session(&id, &replica, 10 + number)
        };
        store.session_insert(&new).await.unwrap();
        if number != 6 {
            let machine = ended(Timestamp(40));
            store
                .session_save_machine(&new.id, &machine, 1)
                .await
                .unwrap();
        }
    }
    let page = async |filter, order, skip| {
        let query = PastQuery {
            filter,
            order,
            skip,
            take: 2,
        };
        let (rows, total) = store.session_list_past(&query).await.unwrap();
        assert!(rows.iter().all(|row| row.layout.len() == 2));
        let names: Vec<String> = rows.into_iter().map(|row| row.vm_name).collect();
        (names.join(" "), total)
    };
    let found = |names: &str, total| (names.to_owned(), total);
    assert_eq!(page("", PastOrder::Newest, 0).await, found("VM_4 VM_5", 6));
    assert_eq!(page("", PastOrder::Oldest, 4).await, found("VM_5 VM_4", 6));
    assert_eq!(page("vm_", PastOrder::Name, 2).await, found("VM_6 VM_7", 6));
    assert_eq!(
        page(" M_9", PastOrder::NameBackwards, 0).await,
        found("VM_9", 1)
    );
    assert_eq!(page("", PastOrder::Newest, 6).await, found("", 6));
    // What stands for any text in a pattern stands for itself in a filter.
    assert_eq!(page("%", PastOrder::Newest, 0).await, found("", 0));
    assert_eq!(page("!", PastOrder::Newest, 0).await, found("", 0));
}
