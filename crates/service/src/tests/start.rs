//! The start page.

use model::{Outcome, ReplicaId, SessionStateRecord, SiteId, VisibleState, view::StartQuery};

use super::fixture::{Fixture, NOW};

#[tokio::test]
async fn before_the_first_reading_it_says_so() {
    let fixture = Fixture::before_the_first_reading().await;
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    assert_eq!(
        view.headline,
        "The sites are being read for the first time."
    );
    fixture
        .store
        .inventory_failed(&SiteId::new("dr"), "no route", NOW)
        .await
        .unwrap();
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    assert!(
        view.headline
            .contains("site dr could not be read yet: no route")
    );
}

#[tokio::test]
async fn replicas_say_what_may_be_done_and_why_not() {
    let fixture = Fixture::new().await;
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    assert_eq!(view.headline, "3 replicas in Failover");
    assert_eq!(
        (view.now, view.sites.len(), view.replicas.len()),
        (NOW, 2, 4)
    );

    let web = &view.replicas[0];
    assert_eq!(web.name, "web-01-replica");
    assert_eq!(web.original_location, "web-01 at Hamburg");
    assert_eq!(web.replica_location, "web-01-replica at Munich");
    assert_eq!(
        (web.state, web.authoritative.as_str()),
        (VisibleState::Failover, "Munich")
    );
    assert_eq!((web.job.as_str(), web.on_hold), ("Nightly", false));
    assert_eq!(web.operations[0].why_not, None);

    let mail = &view.replicas[3];
    assert_eq!(
        (mail.state, mail.authoritative.as_str()),
        (VisibleState::Ready, "Hamburg")
    );
    assert!(mail.operations[0].why_not.is_some());
}

#[tokio::test]
async fn a_session_shows_on_its_replica_and_then_among_the_past() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    assert_eq!(view.headline, "2 replicas in Failover, 1 session at work");
    let web = &view.replicas[0];
    assert_eq!(
        (web.state, web.session.as_ref()),
        (VisibleState::Synchronizing, Some(&id))
    );
    assert!(web.operations[0].why_not.is_some());
    let running = &view.running[0];
    assert_eq!(
        (running.vm_name.as_str(), running.route.as_str()),
        ("web-01", "Munich to Hamburg")
    );
    assert!(!running.waits_for_you && !running.paused);

    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::Failback { since: NOW }
        })
        .await;
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    assert_eq!(
        view.headline,
        "2 replicas in Failover, 1 session waiting for you"
    );
    assert_eq!(view.replicas[0].authoritative, "Hamburg");

    let outcome = Outcome::Undone;
    let ended = SessionStateRecord::Ended { outcome, at: NOW };
    fixture.advance(&id, |machine| machine.state = ended).await;
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    assert!(view.running.is_empty());
    assert_eq!(view.past[0].outcome, Some(outcome));
    assert_eq!(
        (view.past[0].ended_at, view.past[0].waits_for_you),
        (Some(NOW), false)
    );
}

#[tokio::test]
async fn a_site_out_of_sight_keeps_its_last_inventory_and_its_age() {
    let fixture = Fixture::new().await;
    let site = SiteId::new("dr");
    let later = NOW.plus_seconds(60);
    fixture
        .store
        .inventory_failed(&site, "no route", later)
        .await
        .unwrap();
    let view = fixture.service.start(&StartQuery::default()).await.unwrap();
    let dr = view.sites.iter().find(|it| it.id == site).unwrap();
    assert_eq!(dr.inventory_at, Some(NOW));
    assert_eq!(dr.inventory_error.as_deref(), Some("no route"));
    assert!(
        view.replicas
            .iter()
            .any(|it| it.id == ReplicaId::new("r-web"))
    );
}
