//! Drafts of the wizard and their dry runs.

use std::collections::BTreeMap;

use model::{
    ByteCount, Destination, DraftId, FailbackMode, ProxyId, ReplicaId, Timestamp,
    view::{AfterInput, DryRunView, TimerInput},
};

use super::{Database, builders::actor};
use crate::{DraftBody, OwnMode, ProxyPick, SeveralChoice};

fn body() -> DraftBody {
    DraftBody {
        chosen: vec![ReplicaId::new("r1")],
        destination: Some(Destination::OriginalVm),
        mode: Some(FailbackMode::Manual),
        after_input: AfterInput {
            catch_up: "2 h".to_owned(),
            timer: TimerInput {
                timer: "undo".to_owned(),
                timer_after: "5".to_owned(),
                gates: "tcp://10.0.0.5:443".to_owned(),
                undo_consent: true,
            },
        },
        several: SeveralChoice {
            at_once: "2".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            order: vec![ReplicaId::new("r1")],
            own: BTreeMap::from([(
                ReplicaId::new("r1"),
                OwnMode {
                    mode: "scheduled".to_owned(),
                    at: "2026-11-23T04:05".to_owned(),
                },
            )]),
        },
        power_on: true,
        reason: "the storm is over".to_owned(),
        proxies: ProxyPick {
            by_hand: true,
            listed: [ProxyId::new("dr-proxy-1")].into(),
        },
        drift_seen: vec!["r1/data2".to_owned()],
        ..DraftBody::default()
    }
}

pub(super) async fn a_draft_goes_on_in_another_browser(db: &impl Database) {
    let id = DraftId::new("d1");
    let store = db.open().await;
    store
        .draft_insert(&id, &DraftBody::default(), &actor(), Timestamp(1))
        .await
        .unwrap();
    assert_eq!(
        store
            .draft_save(&id, &body(), 1, Timestamp(2))
            .await
            .unwrap(),
        2
    );
    let row = db.open().await.draft_fetch(&id).await.unwrap().unwrap();
    assert_eq!((row.body, row.version), (body(), 2));
    assert_eq!((row.created_by, row.created_at), (actor(), Timestamp(1)));
}

pub(super) async fn the_slower_of_two_saves_is_refused(db: &impl Database) {
    let id = DraftId::new("d1");
    let store = db.open().await;
    store
        .draft_insert(&id, &DraftBody::default(), &actor(), Timestamp(1))
        .await
        .unwrap();
    store
        .draft_save(&id, &body(), 1, Timestamp(2))
        .await
        .unwrap();
    let refused = store
        .draft_save(&id, &DraftBody::default(), 1, Timestamp(3))
        .await;
    assert!(refused.is_err_and(|error| error.is_conflict()));
    assert_eq!(store.draft_fetch(&id).await.unwrap().unwrap().body, body());
}

pub(super) async fn a_discarded_draft_takes_its_dry_run_along(db: &impl Database) {
    let id = DraftId::new("d1");
    let store = db.open().await;
    store
        .draft_insert(&id, &body(), &actor(), Timestamp(1))
        .await
        .unwrap();
    let mut view = DryRunView {
        asked_at: Timestamp(1),
        done_at: None,
        progress: (ByteCount(10), ByteCount(0)),
        vms: Vec::new(),
    };
    store.dry_run_put(&id, &view).await.unwrap();
    view.done_at = Some(Timestamp(2));
    store.dry_run_put(&id, &view).await.unwrap();
    assert_eq!(store.dry_run_fetch(&id).await.unwrap(), Some(view.clone()));
    store.dry_run_delete(&id).await.unwrap();
    assert_eq!(store.dry_run_fetch(&id).await.unwrap(), None);

    store.dry_run_put(&id, &view).await.unwrap();
    for _ in 0..2 {
        store.draft_delete(&id).await.unwrap();
        assert_eq!(store.draft_fetch(&id).await.unwrap(), None);
        assert_eq!(store.dry_run_fetch(&id).await.unwrap(), None);
    }
}
