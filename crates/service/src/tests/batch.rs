//! Several sessions of a batch asked the same at once.

use model::{
    Attention, BatchId, ErrorKind, Operation, SessionId, SessionStateRecord, StepName,
    view::{BatchAction, ListQuery},
};
use store::{ActionKind, IntentKind};

use super::fixture::{Fixture, NOW, actor};

/// A batch of two: the first in Failback, the second stuck in phase 1.
async fn two(fixture: &Fixture) -> (BatchId, Vec<SessionId>) {
    let draft = fixture.complete_draft(&["r-web", "r-app"]).await;
    fixture.tick_all_drift(&draft).await;
    let reply = fixture.service.finish(&actor(), &draft).await.unwrap();
    fixture
        .advance(&reply.sessions[0], |machine| {
            machine.begun = true;
            machine.state = SessionStateRecord::Failback { since: NOW };
        })
        .await;
    fixture
        .advance(&reply.sessions[1], |machine| {
            machine.begun = true;
            machine.attention = Some(Attention {
                step: StepName::Transfer,
                cause: "The link broke.".to_owned(),
                since: NOW,
                unreadable: false,
            });
        })
        .await;
    (reply.batch, reply.sessions)
}

/// What was asked of which session, oldest first.
async fn asked(fixture: &Fixture) -> Vec<(SessionId, ActionKind)> {
    let open = fixture.store.intent_list_open().await.unwrap();
    open.into_iter()
        .filter_map(|intent| match intent.kind {
            IntentKind::Act(action) => Some((intent.session?, action)),
            IntentKind::Start { .. }
            | IntentKind::LabReset
            | IntentKind::Estate(_)
            | IntentKind::LabFailOver { .. }
            | IntentKind::DryRun { .. } => None,
        })
        .collect()
}

#[tokio::test]
async fn each_action_names_the_sessions_whose_state_allows_it() {
    let fixture = Fixture::new().await;
    let (batch, sessions) = two(&fixture).await;
    let service = &fixture.service;
    let view = service
        .batch_view(&batch, &ListQuery::default(), None)
        .await
        .unwrap();
    assert_eq!(
        view.headline,
        "2 sessions, 1 in need of attention, 1 waiting for you"
    );
    let of = async |operation| {
        let query = ListQuery::default();
        let asked = service.batch_view(&batch, &query, Some(operation));
        let actions = asked.await.unwrap().actions;
        let named: usize = actions.iter().map(|it| it.asked.len()).sum();
        let found = actions.into_iter().find(|it| it.operation == operation)?;
        // Only those of the one that is asked about are named.
        assert_eq!((found.count, named), (found.asked.len(), found.asked.len()));
        Some(found.asked)
    };
    let (first, second) = (vec![sessions[0].clone()], vec![sessions[1].clone()]);
    assert_eq!(of(Operation::Commit).await, Some(first.clone()));
    assert_eq!(of(Operation::Undo).await, Some(first));
    assert_eq!(of(Operation::Retry).await, Some(second.clone()));
    assert_eq!(of(Operation::Cancel).await, Some(second));
    assert_eq!(of(Operation::SwitchNow).await, None);
    let complete = |it: &BatchAction| !it.consequence.is_empty() && it.asked.is_empty();
    assert!(view.actions.iter().all(complete));
}

#[tokio::test]
async fn what_is_asked_goes_to_those_that_were_shown_and_still_allow_it() {
    let fixture = Fixture::new().await;
    let (batch, sessions) = two(&fixture).await;
    let service = &fixture.service;
    let act = async |operation, of: &[SessionId]| {
        service.batch_act(&actor(), &batch, operation, of).await
    };
    // The one in Failback was shown too, by a page that is old.
    act(Operation::Retry, &sessions).await.unwrap();
    let retried = (sessions[1].clone(), ActionKind::Retry);
    assert_eq!(asked(&fixture).await, [retried]);
    let audit = &fixture.audit().await[0];
    assert!(audit.contains("asked 1 session to retry"), "{audit}");

    let before = fixture.audit().await.len();
    let not_shown = act(Operation::Commit, &sessions[1..]).await.unwrap_err();
    assert_eq!(not_shown.kind, ErrorKind::Conflict);
    let single = act(Operation::SetTimer, &sessions).await.unwrap_err();
    assert_eq!(single.field.as_deref(), Some("operation"));
    let unknown = BatchId::new("none");
    let refused = service
        .batch_act(&actor(), &unknown, Operation::Retry, &sessions)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    assert_eq!(asked(&fixture).await.len(), 1);
    assert_eq!(fixture.audit().await.len(), before);
}
