//! Several VMs of one Finish: their order, how many run at once, and modes of their own.

use model::{
    ApiError, DraftId, FailbackMode, ReplicaId,
    view::{AfterInput, ListQuery, OwnInput, SeveralInput},
};

use super::fixture::{Fixture, NOW, actor, manual};

fn own(replica: &str, place: &str, mode: &str, at: &str) -> OwnInput {
    OwnInput {
        replica: replica.to_owned(),
        place: place.to_owned(),
        mode: mode.to_owned(),
        at: at.to_owned(),
    }
}

fn several(at_once: &str, zone: &str, rows: Vec<OwnInput>) -> SeveralInput {
    SeveralInput {
        at_once: at_once.to_owned(),
        zone: zone.to_owned(),
        rows,
    }
}

async fn set(fixture: &Fixture, id: &DraftId, rows: SeveralInput) -> Result<(), ApiError> {
    fixture
        .service
        .draft_set_mode(&actor(), id, manual(), AfterInput::default(), rows)
        .await
}

#[tokio::test]
async fn order_limit_and_own_modes_go_with_the_sessions() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let id = fixture.complete_draft(&["r-web", "r-app"]).await;
    let rows = vec![
        own("r-web", "2", "", ""),
        own("r-app", "1", "scheduled", "2026-11-23T05:00"),
        own("r-stranger", "1", "what", ""),
    ];
    set(&fixture, &id, several(" 1 ", "UTC", rows))
        .await
        .unwrap();
    let draft = service.draft_view(&id).await.unwrap();
    let shown = draft.several.unwrap();
    let order: Vec<_> = shown.rows.iter().map(|row| row.replica.as_str()).collect();
    assert_eq!(order, ["r-app", "r-web"]);
    assert_eq!((shown.at_once.as_str(), shown.zone.as_str()), ("1", "UTC"));
    assert!(draft.several_words.contains("At most 1 of 2"));
    let modes: Vec<_> = draft.summary.iter().map(|vm| vm.own_mode.clone()).collect();
    let words = modes[0].as_deref().unwrap();
    assert!(words.contains("2026-11-23 05:00 UTC"), "{words}");
    assert_eq!(modes[1], None);

    fixture.tick_all_drift(&id).await;
    let reply = service.finish(&actor(), &id).await.unwrap();
    let rows = fixture
        .store
        .session_list_batch(&reply.batch)
        .await
        .unwrap();
    assert_eq!(rows[0].replica, ReplicaId::new("r-app"));
    assert!(matches!(
        rows[0].machine.mode,
        FailbackMode::Scheduled { .. }
    ));
    assert_eq!(rows[1].machine.mode, FailbackMode::Manual);
    assert!(rows.iter().all(|row| row.at_once == Some(1)));
    let audit = &fixture.audit().await[0];
    assert!(audit.contains("At most 1 run at once."), "{audit}");

    // Nobody has begun: the first may, the second says why not.
    let view = service
        .batch_view(&reply.batch, &ListQuery::default(), None)
        .await
        .unwrap();
    assert_eq!(view.sessions[0].queued, None);
    let why = view.sessions[1].queued.as_deref().unwrap();
    assert!(why.contains("1 may run at once: it is next"), "{why}");
    assert_eq!(view.headline, "2 sessions, 1 at work, 1 in the queue");
}

#[tokio::test]
async fn what_cannot_be_is_refused_at_its_row_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web", "r-app"]).await;
    for (at_once, zone, row, field) in [
        ("0", "UTC", own("r-web", "", "", ""), "at_once"),
        ("-1", "UTC", own("r-web", "", "", ""), "at_once"),
        ("", "UTC", own("r-web", "first", "", ""), "place-r-web"),
        ("", "UTC", own("r-web", "0", "", ""), "place-r-web"),
        ("", "UTC", own("r-web", "", "soon", ""), "own-r-web"),
        ("", "UTC", own("r-app", "", "scheduled", ""), "own-r-app"),
        (
            "",
            "UTC",
            own("r-app", "", "scheduled", "2026-11-23T03:00"),
            "own-r-app",
        ),
        (
            "",
            "Mars/Base",
            own("r-app", "", "scheduled", "2026-11-23T05:00"),
            "own_zone",
        ),
        (
            "",
            "Europe/Berlin",
            own("r-app", "", "scheduled", "2027-10-31T02:30"),
            "own-r-app",
        ),
    ] {
        let refused = set(&fixture, &id, several(at_once, zone, vec![row.clone()])).await;
        let refused = refused.expect_err(field);
        assert_eq!(refused.field.as_deref(), Some(field), "{row:?}: {refused}");
        assert!(!refused.hint.is_empty());
    }
    let kept = fixture.service.draft_view(&id).await.unwrap();
    let rows = kept.several.unwrap().rows;
    assert!(rows.iter().all(|row| row.mode.is_empty()));
}

#[tokio::test]
async fn an_own_time_that_passed_on_the_way_blocks_finish() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web", "r-app"]).await;
    let rows = vec![own("r-web", "1", "scheduled", "2026-11-23T04:05")];
    set(&fixture, &id, several("", "UTC", rows)).await.unwrap();
    fixture.set_clock(NOW.plus_seconds(600));
    let draft = fixture.service.draft_view(&id).await.unwrap();
    assert!(
        draft.summary[0]
            .blocked()
            .any(|it| it.contains("has passed"))
    );
    let refused = fixture.service.finish(&actor(), &id).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("own-r-web"));
}

#[tokio::test]
async fn a_vm_that_is_given_anothers_place_takes_it() {
    let fixture = Fixture::new().await;
    let ids = ["r-web", "r-db", "r-app"];
    let id = fixture.complete_draft(&ids).await;
    for (places, order) in [
        (["1", "2", "1"], ["r-app", "r-web", "r-db"]),
        (["3", "2", "3"], ["r-db", "r-app", "r-web"]),
        (["", "", ""], ids),
        (["9", "", ""], ["r-db", "r-app", "r-web"]),
    ] {
        let rows = ids
            .iter()
            .zip(places)
            .map(|(id, place)| own(id, place, "", ""));
        set(&fixture, &id, several("", "UTC", rows.collect()))
            .await
            .unwrap();
        let shown = fixture.service.draft_view(&id).await.unwrap().several;
        let rows = shown.unwrap().rows;
        let found: Vec<_> = rows.iter().map(|row| row.replica.as_str()).collect();
        assert_eq!(found, order, "{places:?}");
    }
}

#[tokio::test]
async fn a_single_vm_has_no_order() {
    let fixture = Fixture::new().await;
    let id = fixture.complete_draft(&["r-web"]).await;
    let draft = fixture.service.draft_view(&id).await.unwrap();
    assert_eq!((draft.several, draft.several_words), (None, String::new()));
}
