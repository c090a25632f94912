//! Finish.

use model::{
    ByteCount, DiskKey, ErrorKind, FailbackMode, ReplicaId, SessionStateRecord, VmRef,
    view::{AfterInput, SeveralInput},
};
use store::IntentKind;

use super::fixture::{Fixture, GIB, NOW, actor, scheduled};

#[tokio::test]
async fn one_session_per_replica_with_what_was_chosen() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web"]).await;
    let reason = "storm is over".to_owned();
    service
        .draft_set_summary(&actor(), &id, false, reason.clone(), Vec::new(), &[])
        .await
        .unwrap();
    let reply = service.finish(&actor(), &id).await.unwrap();

    let row = fixture
        .store
        .session_fetch(&reply.sessions[0])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.batch, row.replica),
        (reply.batch.clone(), ReplicaId::new("r-web"))
    );
    assert_eq!(
        (row.vm_name.as_str(), row.reason, row.started_by),
        ("web-01", reason, actor())
    );
    assert_eq!(
        (row.machine.mode, row.machine.power_on),
        (FailbackMode::Manual, false)
    );
    assert!(matches!(
        row.machine.state,
        SessionStateRecord::Synchronizing { at: 0, .. }
    ));
    assert_eq!(
        (row.started_at, row.production_vm.platform_id.as_str()),
        (NOW, "p1")
    );
    let layout: Vec<_> = row
        .layout
        .iter()
        .map(|it| (it.key.clone(), it.size))
        .collect();
    assert_eq!(layout, [(DiskKey::new("system"), ByteCount(2 * GIB))]);

    let intents = fixture.store.intent_list_open().await.unwrap();
    let batch = reply.batch.clone();
    assert_eq!(intents[0].kind, IntentKind::Start { batch });
    assert_eq!(fixture.wakes(), 1);
    assert!(fixture.audit().await[0].contains("failback of 1 VM: web-01"));
    let view = service.draft_view(&id).await.unwrap();
    assert_eq!(view.finished, Some(reply));
}

#[tokio::test]
async fn finish_sent_twice_starts_one_session_per_replica() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let operator = actor();
    let (one, two) = tokio::join!(
        fixture.service.finish(&operator, &id),
        fixture.service.finish(&operator, &id),
    );
    let third = fixture.service.finish(&operator, &id).await.unwrap();
    assert_eq!((one.unwrap(), two.unwrap()), (third.clone(), third));
    assert_eq!(fixture.store.session_list_active().await.unwrap().len(), 1);
    let refused = fixture
        .service
        .draft_discard(&actor(), &id)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(
        fixture
            .service
            .draft_set_replicas(&actor(), &id, Vec::new())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn another_draft_of_the_same_replica_is_refused() {
    let fixture = Fixture::new().await;
    let (one, two) = (
        fixture.complete_draft(&["r-web"]).await,
        fixture.complete_draft(&["r-web"]).await,
    );
    fixture.service.finish(&actor(), &one).await.unwrap();
    let refused = fixture.service.finish(&actor(), &two).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("already"), "{refused}");
    assert_eq!(fixture.store.session_list_active().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_missing_is_said_at_its_field() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = service.draft_create(&actor(), Vec::new()).await.unwrap();
    let field = async || {
        service
            .finish(&actor(), &id)
            .await
            .unwrap_err()
            .field
            .unwrap()
    };
    assert_eq!(field().await, "replicas");
    let web = vec![ReplicaId::new("r-web")];
    service
        .draft_set_replicas(&actor(), &id, web)
        .await
        .unwrap();
    assert_eq!(field().await, "destination");
    let original = Some(model::Destination::OriginalVm);
    service
        .draft_set_destination(&actor(), &id, original)
        .await
        .unwrap();
    assert_eq!(field().await, "mode");
    assert_eq!((fixture.wakes(), fixture.audit().await.len()), (0, 0));
}

#[tokio::test]
async fn a_scheduled_time_that_passed_on_the_way_is_refused() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let soon = scheduled("2026-11-23T04:05", "UTC");
    fixture
        .service
        .draft_set_mode(
            &actor(),
            &id,
            soon,
            AfterInput::default(),
            SeveralInput::default(),
        )
        .await
        .unwrap();
    fixture.set_clock(NOW.plus_seconds(600));
    let refused = fixture.service.finish(&actor(), &id).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("at"));
    assert!(
        fixture
            .store
            .session_list_active()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn each_drift_item_must_be_ticked() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-app"]).await;
    let tick = |items: &[&str]| items.iter().map(|it| format!("r-app/{it}")).collect();
    service
        .draft_set_summary(&actor(), &id, true, String::new(), tick(&["memory"]), &[])
        .await
        .unwrap();
    let refused = service.finish(&actor(), &id).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("drift_seen"));
    assert!(
        refused.message.contains("data2 of app-01-replica"),
        "{refused}"
    );
    assert!(!refused.message.contains("memory"));
    service
        .draft_set_summary(
            &actor(),
            &id,
            true,
            String::new(),
            tick(&["memory", "data2"]),
            &[],
        )
        .await
        .unwrap();
    let reply = service.finish(&actor(), &id).await.unwrap();
    let row = fixture
        .store
        .session_fetch(&reply.sessions[0])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.layout.len(), 1);
}

#[tokio::test]
async fn one_vm_that_blocks_stops_the_whole_batch() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web", "r-db"]).await;
    let refused = fixture.service.finish(&actor(), &id).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(
        refused
            .message
            .contains("db-01-replica cannot be failed back. data: 2 GiB")
    );
    assert!(
        fixture
            .store
            .session_list_active()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn the_production_pointer_decides_where_it_goes() {
    let fixture = Fixture::new().await;
    let replica = &fixture.dr.replicas[0];
    let moved = VmRef {
        platform_id: "p4".to_owned(),
        ..replica.original.clone()
    };
    fixture
        .store
        .protected_vm_put_if_absent(&replica.protected, "web-01", &moved)
        .await
        .unwrap();
    let id = fixture.session().await;
    let row = fixture.store.session_fetch(&id).await.unwrap().unwrap();
    assert_eq!(
        (row.production_vm, row.vm_name.as_str()),
        (moved, "mail-01")
    );
}
