//! Finish: all or nothing, and once per draft.

use model::{BatchId, DraftId, ReplicaId, SessionId, Timestamp};

use super::{
    Database,
    builders::{actor, session},
};
use crate::{IntentKind, NewBatch, StoreError};

fn batch(id: &str, draft: &str, replicas: &[&str]) -> NewBatch {
    let sessions = replicas.iter().map(|replica| {
        let mut new = session(&format!("{id}-{replica}"), replica, 5);
        new.batch = BatchId::new(id);
        new
    });
    NewBatch {
        id: BatchId::new(id),
        draft: DraftId::new(draft),
        started_by: actor(),
        reason: "the storm is over".to_owned(),
        started_at: Timestamp(5),
        at_once: None,
        sessions: sessions.collect(),
        audit: "Started failback of 2 VMs.".to_owned(),
    }
}

pub(super) async fn finish_twice_is_one_batch(db: &impl Database) {
    let store = db.open().await;
    let first = store
        .batch_insert(&batch("b1", "d1", &["r2", "r1"]))
        .await
        .unwrap();
    assert_eq!(
        first.sessions,
        [SessionId::new("b1-r2"), SessionId::new("b1-r1")]
    );
    let again = db
        .open()
        .await
        .batch_insert(&batch("b2", "d1", &["r2", "r1"]))
        .await
        .unwrap();
    assert_eq!(again, first);

    assert_eq!(
        store.batch_for_draft(&DraftId::new("d1")).await.unwrap(),
        Some(first)
    );
    assert_eq!(
        store.batch_for_draft(&DraftId::new("d2")).await.unwrap(),
        None
    );
    assert_eq!(store.session_list_active().await.unwrap().len(), 2);
    let intents = store.intent_list_open().await.unwrap();
    assert_eq!(intents.len(), 1);
    let started = IntentKind::Start {
        batch: BatchId::new("b1"),
    };
    assert_eq!(intents[0].kind, started);
    assert_eq!(store.audit_list(9).await.unwrap().len(), 1);
}

pub(super) async fn sessions_know_their_place_and_how_many_may_be_at_work(db: &impl Database) {
    let store = db.open().await;
    let limited = NewBatch {
        at_once: Some(2),
        ..batch("b1", "d1", &["r2", "r1", "r3"])
    };
    store.batch_insert(&limited).await.unwrap();
    let free = batch("b2", "d2", &["r4"]);
    store.batch_insert(&free).await.unwrap();
    let of = |id: &str| {
        let (store, id) = (store.clone(), BatchId::new(id));
        async move {
            let rows = store.session_list_batch(&id).await.unwrap();
            let places = rows.iter().map(|row| (row.batch_position, row.at_once));
            let replicas = rows.iter().map(|row| row.replica.clone());
            places.zip(replicas).collect::<Vec<_>>()
        }
    };
    let replica = ReplicaId::new;
    assert_eq!(
        of("b1").await,
        [
            ((0, Some(2)), replica("r2")),
            ((1, Some(2)), replica("r1")),
            ((2, Some(2)), replica("r3")),
        ]
    );
    assert_eq!(of("b2").await, [((0, None), replica("r4"))]);
    assert_eq!(of("b3").await, []);
}

pub(super) async fn finish_twice_at_once_is_one_batch(db: &impl Database) {
    let store = db.open().await;
    let (one, two) = (batch("b1", "d1", &["r1"]), batch("b2", "d1", &["r1"]));
    let (one, two) = tokio::join!(store.batch_insert(&one), store.batch_insert(&two));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(store.session_list_active().await.unwrap().len(), 1);
}

pub(super) async fn a_busy_replica_leaves_nothing_of_the_batch(db: &impl Database) {
    let store = db.open().await;
    store
        .batch_insert(&batch("b1", "d1", &["r1"]))
        .await
        .unwrap();
    let refused = store.batch_insert(&batch("b2", "d2", &["r2", "r1"])).await;
    let busy = ReplicaId::new("r1");
    assert!(matches!(refused, Err(StoreError::ReplicaBusy { replica }) if replica == busy));
    assert_eq!(
        store.batch_for_draft(&DraftId::new("d2")).await.unwrap(),
        None
    );
    assert_eq!(store.session_list_active().await.unwrap().len(), 1);
    assert_eq!(store.intent_list_open().await.unwrap().len(), 1);
    assert_eq!(store.audit_list(9).await.unwrap().len(), 1);
}
