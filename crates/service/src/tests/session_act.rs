//! What is asked of a session.

use std::time::{Duration, Instant};

use model::{
    BytesPerSecond, ErrorKind, FailbackMode, Operation, SessionId, SessionStateRecord,
    view::ActionRequest,
};
use store::{ActionKind, IntentKind};

use super::fixture::{Fixture, NOW, actor, scheduled};

fn request(operation: Operation) -> ActionRequest {
    ActionRequest {
        operation,
        mode: None,
        limit_mib: None,
        timer: None,
        catch_up: None,
    }
}

async fn asked(fixture: &Fixture) -> Vec<ActionKind> {
    let open = fixture.store.intent_list_open().await.unwrap();
    open.into_iter()
        .filter_map(|intent| match intent.kind {
            IntentKind::Act(action) => Some(action),
            IntentKind::Start { .. }
            | IntentKind::LabReset
            | IntentKind::Estate(_)
            | IntentKind::LabFailOver { .. }
            | IntentKind::DryRun { .. } => None,
        })
        .collect()
}

#[tokio::test]
async fn an_action_returns_once_the_engine_took_it() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    fixture.answer_next(Ok("paused"));
    let begun = Instant::now();
    fixture
        .service
        .session_act(&actor(), &id, request(Operation::Pause))
        .await
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(fixture.wakes(), 2);
    assert!(fixture.audit().await[0].contains("of web-01: asked to pause"));
}

#[tokio::test]
async fn a_refusal_by_the_engine_reaches_the_person() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    fixture.answer_next(Err("The session is paused already."));
    let refused = fixture
        .service
        .session_act(&actor(), &id, request(Operation::Pause))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert_eq!(refused.message, "The session is paused already.");
}

#[tokio::test]
async fn an_engine_that_is_busy_is_not_waited_for_long() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let begun = Instant::now();
    fixture
        .service
        .session_act(&actor(), &id, request(Operation::Cancel))
        .await
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(asked(&fixture).await, [ActionKind::Cancel]);
}

#[tokio::test]
async fn what_the_state_does_not_allow_changes_nothing() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let (wakes, audit) = (fixture.wakes(), fixture.audit().await.len());
    for operation in [
        Operation::StartFailback,
        Operation::Resume,
        Operation::SwitchNow,
        Operation::Commit,
        Operation::Undo,
        Operation::Retry,
    ] {
        let refused = fixture
            .service
            .session_act(&actor(), &id, request(operation))
            .await
            .unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict, "{operation:?}");
        assert!(!refused.message.is_empty());
    }
    assert!(asked(&fixture).await.is_empty());
    assert_eq!(
        (fixture.wakes(), fixture.audit().await.len()),
        (wakes, audit)
    );

    let unknown = SessionId::new("none");
    let refused = fixture
        .service
        .session_act(&actor(), &unknown, request(Operation::Pause))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_new_mode_is_checked_like_in_the_wizard() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let mut change = request(Operation::ChangeMode);
    let refused = fixture
        .service
        .session_act(&actor(), &id, change.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("mode"));
    change.mode = Some(scheduled("2026-11-23T03:00", "UTC"));
    let refused = fixture
        .service
        .session_act(&actor(), &id, change.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("at"));
    assert!(asked(&fixture).await.is_empty());

    change.mode = Some(scheduled("2026-11-23T05:00", "UTC"));
    let worker = fixture.service.clone();
    let call = tokio::spawn(async move { worker.session_act(&actor(), &id, change).await });
    while asked(&fixture).await.is_empty() {
        tokio::task::yield_now().await;
    }
    let at = NOW.plus_seconds(3_600);
    let to = FailbackMode::Scheduled {
        at,
        zone: "UTC".to_owned(),
        not_later_than: at.plus_seconds(3_600),
    };
    assert_eq!(asked(&fixture).await, [ActionKind::ChangeMode { to }]);
    fixture.answer_next(Ok(""));
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_limit_is_in_mebibytes_and_zero_lifts_it() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    for bad in [None, Some(u64::MAX)] {
        let set = ActionRequest {
            limit_mib: bad,
            ..request(Operation::SetLimit)
        };
        let refused = fixture
            .service
            .session_act(&actor(), &id, set)
            .await
            .unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("limit_mib"));
    }
    for (mib, limit) in [(3, Some(BytesPerSecond(3 << 20))), (0, None)] {
        let set = ActionRequest {
            limit_mib: Some(mib),
            ..request(Operation::SetLimit)
        };
        let (worker, id) = (fixture.service.clone(), id.clone());
        let call = tokio::spawn(async move { worker.session_act(&actor(), &id, set).await });
        while asked(&fixture).await.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked(&fixture).await, [ActionKind::SetLimit { limit }]);
        fixture.answer_next(Ok(""));
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn commit_and_undo_follow_the_switchover() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::Failback { since: NOW }
        })
        .await;
    for operation in [Operation::Commit, Operation::Undo] {
        fixture.answer_next(Ok(""));
        fixture
            .service
            .session_act(&actor(), &id, request(operation))
            .await
            .unwrap();
    }
}
