//! Intents: kept whole, answered once.

use model::{
    BatchId, ByteCount, BytesPerSecond, CatchUp, CommitTimer, DiskKey, DraftId, FailbackMode,
    HealthGate, ReplicaId, SessionId, Timestamp,
};

use super::{
    Database,
    builders::{actor, vm},
};
use crate::{
    ActionKind, IntentId, IntentKind, NewIntent, PlannedVm, PlannedWork, SessionDisk, Store,
    StoreError,
};

fn intent(kind: IntentKind, at: i64) -> NewIntent {
    NewIntent {
        id: IntentId::fresh(),
        session: None,
        kind,
        actor: actor(),
        created_at: Timestamp(at),
    }
}

async fn insert(store: &Store, kind: IntentKind, at: i64) -> IntentId {
    let new = intent(kind, at);
    store.intent_insert(&new).await.unwrap();
    new.id
}

pub(super) async fn every_kind_comes_back_as_it_was(db: &impl Database) {
    let store = db.open().await;
    let actions = [
        ActionKind::Pause,
        ActionKind::Resume,
        ActionKind::Cancel,
        ActionKind::SwitchNow,
        ActionKind::ChangeMode {
            to: FailbackMode::Scheduled {
                at: Timestamp(1),
                zone: "UTC".to_owned(),
                not_later_than: Timestamp(2),
            },
        },
        ActionKind::CatchUp,
        ActionKind::SetTimer {
            timer: CommitTimer::CommitAfter { seconds: 60 },
            gates: vec![
                HealthGate::Tcp {
                    host: "::1".to_owned(),
                    port: 22,
                },
                HealthGate::Http {
                    url: "http://web-01/".to_owned(),
                },
            ],
        },
        ActionKind::SetCatchUp { catch_up: None },
        ActionKind::SetCatchUp {
            catch_up: Some(CatchUp { every_seconds: 90 }),
        },
        ActionKind::Commit,
        ActionKind::Undo,
        ActionKind::Retry,
        ActionKind::LeaveUnreadable,
        ActionKind::SetLimit {
            limit: Some(BytesPerSecond(3)),
        },
        ActionKind::SetLimit { limit: None },
    ];
    let kinds = actions.into_iter().map(IntentKind::Act).chain([
        IntentKind::Start {
            batch: BatchId::new("b"),
        },
        IntentKind::LabReset,
        IntentKind::LabFailOver {
            replica: ReplicaId::new("r"),
        },
        IntentKind::DryRun {
            draft: DraftId::new("d"),
            vms: vec![
                PlannedVm {
                    replica: ReplicaId::new("r"),
                    name: "web-01-replica".to_owned(),
                    work: PlannedWork::Compare {
                        source: vm("replica-site", "1"),
                        target: vm("production-site", "2"),
                        pairs: vec![SessionDisk {
                            key: DiskKey::new("a"),
                            target: DiskKey::new("b"),
                            name: "system".to_owned(),
                            size: ByteCount(65_536),
                        }],
                    },
                },
                PlannedVm {
                    replica: ReplicaId::new("s"),
                    name: "app-01-replica".to_owned(),
                    work: PlannedWork::Nothing {
                        why: "No disk pairs.".to_owned(),
                    },
                },
            ],
        },
    ]);
    for kind in kinds {
        let mut new = intent(kind, 1);
        new.session = Some(SessionId::new("s"));
        store.intent_insert(&new).await.unwrap();
        let row = store.intent_fetch(&new.id).await.unwrap().unwrap();
        assert_eq!(
            (row.kind, row.session, row.actor),
            (new.kind, new.session, new.actor)
        );
        assert_eq!((row.taken_at, row.done_at, row.result), (None, None, None));
    }
}

pub(super) async fn an_intent_is_answered_once(db: &impl Database) {
    let store = db.open().await;
    let later = insert(&store, IntentKind::LabReset, 20).await;
    let id = insert(&store, IntentKind::Act(ActionKind::Pause), 10).await;
    let open = db.open().await.intent_list_open().await.unwrap();
    assert_eq!(
        open.iter().map(|row| &row.id).collect::<Vec<_>>(),
        [&id, &later]
    );

    store.intent_take(&id, Timestamp(11)).await.unwrap();
    store.intent_take(&id, Timestamp(12)).await.unwrap();
    let refusal = Err("The session is paused already.".to_owned());
    store
        .intent_done(&id, &refusal, Timestamp(13))
        .await
        .unwrap();
    store
        .intent_done(&id, &Ok("paused".to_owned()), Timestamp(14))
        .await
        .unwrap();
    let row = store.intent_fetch(&id).await.unwrap().unwrap();
    assert_eq!(
        (row.taken_at, row.done_at),
        (Some(Timestamp(11)), Some(Timestamp(13)))
    );
    assert_eq!(row.result, Some(refusal));
    assert_eq!(store.intent_list_open().await.unwrap().len(), 1);

    let none = store
        .intent_done(&IntentId::fresh(), &Ok(String::new()), Timestamp(1))
        .await;
    assert!(matches!(none, Err(StoreError::Missing { .. })));
}

pub(super) async fn lab_intents_are_found_newest_first(db: &impl Database) {
    let store = db.open().await;
    let reset = insert(&store, IntentKind::LabReset, 1).await;
    insert(&store, IntentKind::Act(ActionKind::Pause), 2).await;
    let replica = ReplicaId::new("r");
    let over = insert(&store, IntentKind::LabFailOver { replica }, 3).await;
    let found = store.intent_list_lab(9).await.unwrap();
    assert_eq!(
        found.iter().map(|row| &row.id).collect::<Vec<_>>(),
        [&over, &reset]
    );
    assert_eq!(store.intent_list_lab(1).await.unwrap().len(), 1);
}
