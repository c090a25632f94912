//! Dry runs.

use model::{ByteCount, ErrorKind, ReplicaId, view::DryRunView};
use store::{IntentKind, PlannedWork};

use super::fixture::{Fixture, NOW, actor};
use crate::DryRunProgress;

#[tokio::test]
async fn a_dry_run_is_asked_for_once_and_shows_how_far_it_is() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web"]).await;
    service.dry_run(&actor(), &id).await.unwrap();
    assert_eq!(fixture.wakes(), 1);
    let open = fixture.store.intent_list_open().await.unwrap();
    let IntentKind::DryRun { draft, vms } = &open[0].kind else {
        panic!("{:?}", open[0].kind);
    };
    assert_eq!((draft, vms.len()), (&id, 1));
    // What a session of the same plan would work on.
    let PlannedWork::Compare {
        source,
        target,
        pairs,
    } = &vms[0].work
    else {
        panic!("{:?}", vms[0].work);
    };
    let ids = (source.platform_id.as_str(), target.platform_id.as_str());
    assert_eq!(ids, ("d1", "p1"));
    assert_eq!((pairs.len(), pairs[0].name.as_str()), (1, "system"));
    let again = service.dry_run(&actor(), &id).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Conflict);

    let progress = DryRunProgress {
        to_scan: ByteCount(100),
        scanned: ByteCount(40),
    };
    *fixture.live.dry_run.lock().unwrap() = Some(progress);
    let view = service.draft_view(&id).await.unwrap().dry_run.unwrap();
    assert_eq!((view.asked_at, view.done_at), (NOW, None));
    assert_eq!(view.progress, (ByteCount(100), ByteCount(40)));

    let done = DryRunView {
        done_at: Some(NOW),
        progress: (ByteCount(100), ByteCount(100)),
        ..view
    };
    fixture.store.dry_run_put(&id, &done).await.unwrap();
    fixture
        .store
        .intent_done(&open[0].id, &Ok(String::new()), NOW)
        .await
        .unwrap();
    assert_eq!(service.draft_view(&id).await.unwrap().dry_run, Some(done));
    service.dry_run(&actor(), &id).await.unwrap();
}

#[tokio::test]
async fn other_replicas_make_it_worthless() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web"]).await;
    service.dry_run(&actor(), &id).await.unwrap();
    let same = vec![ReplicaId::new("r-web")];
    service
        .draft_set_replicas(&actor(), &id, same)
        .await
        .unwrap();
    assert!(service.draft_view(&id).await.unwrap().dry_run.is_some());
    let other = vec![ReplicaId::new("r-app")];
    service
        .draft_set_replicas(&actor(), &id, other)
        .await
        .unwrap();
    assert!(service.draft_view(&id).await.unwrap().dry_run.is_none());
}

#[tokio::test]
async fn it_needs_replicas_and_a_destination() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = service.draft_create(&actor(), Vec::new()).await.unwrap();
    let refused = service.dry_run(&actor(), &id).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("replicas"));
    assert_eq!(fixture.wakes(), 0);
}
