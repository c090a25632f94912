//! The wizard's choices.

use model::{
    Actor, Destination, DraftId, ErrorKind, FailbackMode, ReplicaId,
    view::{AfterInput, SeveralInput, WizardStep},
};

use super::fixture::{Fixture, actor, manual, scheduled};

fn web() -> Vec<ReplicaId> {
    vec![ReplicaId::new("r-web")]
}

#[tokio::test]
async fn a_draft_is_the_same_from_every_browser() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let view = fixture.service.draft_view(&id).await.unwrap();
    assert_eq!(view.chosen, web());
    assert_eq!(view.destination, Some(Destination::OriginalVm));
    assert_eq!(
        (view.mode, view.mode_input),
        (Some(FailbackMode::Manual), manual())
    );
    assert!(view.power_on && view.finished.is_none());
    assert!(view.steps.iter().all(|(_, complete)| *complete));
    assert_eq!(view.replicas.len(), 4);
    assert_eq!(view.zones[0], "UTC");
    assert!(view.zones.iter().any(|zone| zone == "Europe/Berlin"));
}

#[tokio::test]
async fn an_empty_choice_is_kept_and_what_is_missing_is_said() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web"]).await;
    let refused = service
        .draft_set_replicas(&actor(), &id, Vec::new())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.field.as_deref()),
        (ErrorKind::Invalid, Some("replicas"))
    );
    let refused = service
        .draft_set_destination(&actor(), &id, None)
        .await
        .unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("destination"));
    let view = service.draft_view(&id).await.unwrap();
    assert!(view.chosen.is_empty() && view.destination.is_none());
    let incomplete: Vec<_> = view
        .steps
        .iter()
        .filter(|it| !it.1)
        .map(|it| it.0)
        .collect();
    assert_eq!(
        incomplete,
        [
            WizardStep::Replica,
            WizardStep::Destination,
            WizardStep::Summary
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_chosen_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web"]).await;

    let ready = vec![ReplicaId::new("r-web"), ReplicaId::new("r-mail")];
    let refused = service
        .draft_set_replicas(&actor(), &id, ready.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.field.as_deref()),
        (ErrorKind::Conflict, Some("replicas"))
    );
    assert!(refused.message.contains("mail-01-replica"));
    assert!(service.draft_create(&actor(), ready).await.is_err());

    let unknown = vec![ReplicaId::new("'; DROP TABLE draft; --")];
    let refused = service
        .draft_set_replicas(&actor(), &id, unknown)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);

    let refused = service
        .draft_set_destination(&actor(), &id, Some(Destination::SpecifiedLocation))
        .await
        .unwrap_err();
    assert_eq!(
        refused.message,
        "No production site's platform can make VMs."
    );
    let past = scheduled("2020-01-01T00:00", "UTC");
    let refused = service
        .draft_set_mode(
            &actor(),
            &id,
            past,
            AfterInput::default(),
            SeveralInput::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("at"));

    let view = service.draft_view(&id).await.unwrap();
    assert_eq!(
        (view.chosen, view.mode),
        (web(), Some(FailbackMode::Manual))
    );
    assert_eq!(view.destination, Some(Destination::OriginalVm));
    let why_not: Vec<_> = view
        .destinations
        .iter()
        .map(|it| it.why_not.is_some())
        .collect();
    assert_eq!(why_not, [false, false, true]);
}

#[tokio::test]
async fn a_replica_chosen_twice_counts_once() {
    let fixture = Fixture::new().await;
    let twice = vec![ReplicaId::new("r-web"), ReplicaId::new("r-web")];
    let id = fixture.service.draft_create(&actor(), twice).await.unwrap();
    assert_eq!(fixture.service.draft_view(&id).await.unwrap().chosen, web());
}

#[tokio::test]
async fn summary_keeps_what_was_typed() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-app"]).await;
    let seen = vec!["r-app/memory".to_owned(), "r-app/memory".to_owned()];
    service
        .draft_set_summary(
            &actor(),
            &id,
            false,
            "  storm is over ".to_owned(),
            seen,
            &[],
        )
        .await
        .unwrap();
    let view = service.draft_view(&id).await.unwrap();
    assert_eq!(
        (view.power_on, view.reason.as_str()),
        (false, "storm is over")
    );
    assert_eq!(view.drift_seen, ["r-app/memory"]);
    let long = "x".repeat(3_000);
    let refused = service
        .draft_set_summary(&actor(), &id, true, long, Vec::new(), &[])
        .await
        .unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("reason"));
}

#[tokio::test]
async fn edits_of_two_steps_at_once_are_both_kept() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = service.draft_create(&actor(), Vec::new()).await.unwrap();
    let original = Some(Destination::OriginalVm);
    let operator = actor();
    let (one, two, three) = tokio::join!(
        service.draft_set_replicas(&operator, &id, web()),
        service.draft_set_destination(&operator, &id, original),
        service.draft_set_mode(
            &operator,
            &id,
            manual(),
            AfterInput::default(),
            SeveralInput::default()
        ),
    );
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    let view = service.draft_view(&id).await.unwrap();
    assert!(view.steps.iter().all(|(_, complete)| *complete));
}

#[tokio::test]
async fn a_discarded_draft_is_gone() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web"]).await;
    service.draft_discard(&actor(), &id).await.unwrap();
    let refused = service.draft_view(&id).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    assert!(refused.hint.contains("start page"));
    let unknown = DraftId::new("none");
    assert!(service.draft_discard(&actor(), &unknown).await.is_err());
    assert!(
        service
            .draft_set_mode(
                &actor(),
                &unknown,
                manual(),
                AfterInput::default(),
                SeveralInput::default()
            )
            .await
            .is_err()
    );
}

#[tokio::test]
async fn nobody_else_may_ask() {
    let fixture = Fixture::new().await;
    let stranger = Actor::new("stranger");
    let refused = fixture
        .service
        .draft_create(&stranger, web())
        .await
        .unwrap_err();
    assert!(refused.message.contains("stranger"));
}
