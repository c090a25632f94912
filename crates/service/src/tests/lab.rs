//! The lab's page.

use model::{ErrorKind, ReplicaId};
use store::IntentKind;

use super::fixture::{Fixture, NOW, actor};
use crate::Service;

#[tokio::test]
async fn a_reset_is_asked_for_once() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let view = service.lab_view().await.unwrap();
    assert!(!view.resetting && view.reset_why_not.is_none() && view.last_result.is_none());
    service.lab_reset(&actor()).await.unwrap();
    let view = service.lab_view().await.unwrap();
    assert!(view.resetting && view.reset_why_not.is_some() && view.can_fail_over.is_empty());
    let again = service.lab_reset(&actor()).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Conflict);

    let open = fixture.store.intent_list_open().await.unwrap();
    assert_eq!((open.len(), &open[0].kind), (1, &IntentKind::LabReset));
    let result = Ok("8 VMs were made anew.".to_owned());
    fixture
        .store
        .intent_done(&open[0].id, &result, NOW)
        .await
        .unwrap();
    let view = service.lab_view().await.unwrap();
    let words = "Reset at 2026-11-23 04:00:00 UTC: 8 VMs were made anew.";
    assert_eq!(
        (view.resetting, view.last_result.as_deref()),
        (false, Some(words))
    );
}

#[tokio::test]
async fn a_session_at_work_stops_a_reset() {
    let fixture = Fixture::new().await;
    fixture.session().await;
    let view = fixture.service.lab_view().await.unwrap();
    assert!(
        view.reset_why_not
            .unwrap()
            .starts_with("1 session is at work")
    );
    assert!(fixture.service.lab_reset(&actor()).await.is_err());
}

#[tokio::test]
async fn only_replicas_in_ready_fail_over_again() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let view = service.lab_view().await.unwrap();
    let mail = ReplicaId::new("r-mail");
    assert_eq!(
        view.can_fail_over,
        [(mail.clone(), "mail-01-replica".to_owned())]
    );
    let refused = service
        .lab_fail_over(&actor(), &ReplicaId::new("r-web"))
        .await
        .unwrap_err();
    assert!(refused.message.contains("web-01-replica is not in Ready"));
    let refused = service
        .lab_fail_over(&actor(), &ReplicaId::new("none"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    fixture.answer_next(Ok("mail-01-replica runs."));
    service.lab_fail_over(&actor(), &mail).await.unwrap();
    let view = service.lab_view().await.unwrap();
    assert!(view.last_result.unwrap().contains("mail-01-replica runs."));
}

#[tokio::test]
async fn without_a_lab_there_is_no_page() {
    let fixture = Fixture::new().await;
    let mut wired = fixture.service.wired.clone();
    wired.lab_directory = None;
    let service = Service::new(wired);
    assert_eq!(
        service.lab_view().await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert_eq!(
        service.lab_reset(&actor()).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
}
