//! The session page.

use model::{
    Attention, ByteCount, BytesPerSecond, DiskCounters, DiskKey, DiskPhase, ErrorKind,
    FailbackMode, Limiter, LogLevel, Operation, Outcome, PowerState, SessionId, SessionStateRecord,
    StepName,
};
use store::{DiskPassRow, EffectFinish, EffectStart};

use super::fixture::{Fixture, NOW};
use crate::{LiveDisk, LiveSession};

fn counters(phase: DiskPhase, scanned: u64, sent: u64) -> DiskCounters {
    DiskCounters {
        phase,
        to_scan: ByteCount(100),
        scanned: ByteCount(scanned),
        sent: ByteCount(sent),
        rate: BytesPerSecond(10),
        remaining_seconds: Some(7),
        ..DiskCounters::default()
    }
}

async fn save_pass(fixture: &Fixture, id: &SessionId, pass: u32, sent: u64) {
    let row = DiskPassRow {
        disk: DiskKey::new("system"),
        pass,
        scope: format!("pass {pass}"),
        counters: counters(DiskPhase::Done, 100, sent),
        proxies: Some("built-in".to_owned()),
    };
    fixture.store.disk_counters_put(id, &row).await.unwrap();
}

async fn rest(fixture: &Fixture, id: &SessionId) {
    fixture
        .advance(id, |machine| {
            machine.state = SessionStateRecord::ReadyToSwitch { since: NOW }
        })
        .await;
}

fn consequence(view: &model::view::SessionView, operation: Operation) -> &str {
    let found = view.consequences.iter().find(|(it, _)| *it == operation);
    &found.unwrap().1
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let fixture = Fixture::new().await;
    let none = SessionId::new("none");
    let refused = fixture.service.session_view(&none).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    assert!(fixture.service.session_log_after(&none, 0).await.is_err());
}

#[tokio::test]
async fn steps_are_those_done_at_work_and_to_come() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let view = fixture.service.session_view(&id).await.unwrap();
    let steps = view.steps.len();
    assert_eq!(
        (view.steps[0].step, view.steps[0].started_at),
        (StepName::ProveTarget, None)
    );

    let start = |step| EffectStart {
        activity: "Phase 1".to_owned(),
        step,
        key: "key".to_owned(),
        at: NOW,
    };
    let row = fixture.store.session_fetch(&id).await.unwrap().unwrap();
    let mut machine = row.machine;
    let begun = Some(start(StepName::ProveTarget));
    fixture
        .store
        .session_commit_step(&id, row.version, &machine, None, begun, &[])
        .await
        .unwrap();
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(view.steps.len(), steps);
    assert_eq!(
        (view.steps[0].started_at, view.steps[0].done_at),
        (Some(NOW), None)
    );

    machine.state = SessionStateRecord::Synchronizing {
        at: 1,
        again: false,
        paused: false,
    };
    let done = Some(EffectFinish {
        at: NOW,
        result: Some("all disks fit".to_owned()),
        failed: false,
        facts: None,
    });
    let next = Some(start(StepName::HoldProduction));
    fixture
        .store
        .session_commit_step(&id, row.version + 1, &machine, done, next, &[])
        .await
        .unwrap();
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(view.steps.len(), steps);
    assert_eq!(view.steps[0].result.as_deref(), Some("all disks fit"));
    assert_eq!(
        (view.steps[1].step, view.steps[1].done_at),
        (StepName::HoldProduction, None)
    );
    assert_eq!(view.steps[2].step, StepName::PowerOffProduction);
}

#[tokio::test]
async fn counters_of_all_passes_add_up_and_the_newest_is_shown() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(
        (view.disks[0].name.as_str(), view.disks[0].sent_total),
        ("system", ByteCount::ZERO)
    );
    assert_eq!(view.progress.remaining_seconds, None);

    save_pass(&fixture, &id, 1, 30).await;
    save_pass(&fixture, &id, 2, 5).await;
    fixture.advance(&id, |machine| machine.pass = 2).await;
    rest(&fixture, &id).await;
    let view = fixture.service.session_view(&id).await.unwrap();
    let disk = &view.disks[0];
    assert_eq!(
        (disk.scope.as_str(), disk.sent_total),
        ("pass 2", ByteCount(35))
    );
    assert_eq!(
        (view.progress.sent, view.progress.rate),
        (ByteCount(5), BytesPerSecond(0))
    );
    assert_eq!(view.undo_space, ByteCount(35));

    let live = LiveSession {
        disks: vec![LiveDisk {
            key: DiskKey::new("system"),
            scope: "written since the last pass".to_owned(),
            counters: counters(DiskPhase::Moving, 40, 8),
            proxies: None,
            waiting: None,
        }],
        limiter: Some(Limiter::Reading),
    };
    *fixture.live.session.lock().unwrap() = Some(live);
    let view = fixture.service.session_view(&id).await.unwrap();
    // The saved row of the pass that runs is older than what runs.
    assert_eq!(view.disks[0].sent_total, ByteCount(38));
    assert_eq!(
        (view.progress.scanned, view.progress.to_scan),
        (ByteCount(40), ByteCount(100))
    );
    assert_eq!(
        (view.progress.rate, view.progress.remaining_seconds),
        (BytesPerSecond(10), Some(7))
    );
    assert_eq!(view.progress.limiter, Some(Limiter::Reading));
}

#[tokio::test]
async fn a_session_that_waits_says_for_what() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let waiting = async || {
        let view = fixture.service.session_view(&id).await.unwrap();
        (
            view.progress.waiting.unwrap_or_default(),
            view.summary.waits_for_you,
        )
    };
    assert_eq!(waiting().await, (String::new(), false));
    rest(&fixture, &id).await;
    assert_eq!(
        waiting().await,
        ("Waits for your command to switch over.".to_owned(), true)
    );
    let mode = FailbackMode::Scheduled {
        at: NOW.plus_seconds(60),
        zone: "Europe/Berlin".to_owned(),
        not_later_than: NOW.plus_seconds(90),
    };
    fixture.advance(&id, |machine| machine.mode = mode).await;
    assert_eq!(
        waiting().await,
        (
            "Waits until 2026-11-23 05:01 Europe/Berlin.".to_owned(),
            false
        )
    );
    let attention = Attention {
        step: StepName::Transfer,
        cause: "The disk is full.".to_owned(),
        since: NOW,
        unreadable: false,
    };
    fixture
        .advance(&id, |machine| machine.attention = Some(attention))
        .await;
    assert_eq!(
        waiting().await,
        ("Waits for a person: The disk is full.".to_owned(), true)
    );
}

#[tokio::test]
async fn every_operation_has_its_consequence_in_names() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    rest(&fixture, &id).await;
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(view.operations.len(), view.consequences.len());
    assert!(
        view.consequences
            .iter()
            .all(|(_, text)| text.contains("web-01"))
    );
    let switch = consequence(&view, Operation::SwitchNow);
    assert!(
        switch.starts_with("web-01-replica will be shut down."),
        "{switch}"
    );
    assert!(switch.contains("up to 20 s") && switch.contains("starts at Hamburg"));
    assert!(consequence(&view, Operation::Undo).contains("keeps running untouched"));
    assert_eq!(
        view.authoritative,
        "Munich is authoritative: web-01-replica serves."
    );

    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::Failback { since: NOW }
        })
        .await;
    let view = fixture.service.session_view(&id).await.unwrap();
    assert!(consequence(&view, Operation::Undo).contains("since the switchover is lost"));
    assert_eq!(
        view.authoritative,
        "Hamburg is authoritative, but web-01 is off: power it on and test it, then commit or undo."
    );
    assert!(view.undo_until.starts_with("Until you commit"));
}

#[tokio::test]
async fn a_production_vm_that_runs_has_taken_over() {
    let mut fixture = Fixture::new().await;
    fixture.production_vm("web-01").power = PowerState::On;
    fixture.read_sites().await;
    let id = fixture.session().await;
    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::Failback { since: NOW }
        })
        .await;
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(
        view.authoritative,
        "Hamburg is authoritative: web-01 has taken over."
    );
}

#[tokio::test]
async fn cancel_says_that_production_stays_off() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    fixture
        .advance(&id, |machine| machine.production_was_on = Some(true))
        .await;
    let view = fixture.service.session_view(&id).await.unwrap();
    let cancel = consequence(&view, Operation::Cancel);
    assert!(
        cancel.contains("stays off even though it ran before"),
        "{cancel}"
    );
}

#[tokio::test]
async fn a_session_that_is_over_allows_nothing_and_keeps_its_page() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let outcome = Outcome::Committed;
    let ended = SessionStateRecord::Ended { outcome, at: NOW };
    fixture.advance(&id, |machine| machine.state = ended).await;
    let view = fixture.service.session_view(&id).await.unwrap();
    assert!(view.operations.iter().all(|it| it.why_not.is_some()));
    assert_eq!(
        (view.summary.outcome, view.undo_space),
        (Some(outcome), ByteCount::ZERO)
    );
    assert!(view.steps.is_empty() && view.undo_until.starts_with("No longer"));
}

#[tokio::test]
async fn the_log_goes_on_after_a_number() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    for text in ["one", "two", "three"] {
        fixture
            .store
            .log_append(&id, LogLevel::Info, text, NOW)
            .await
            .unwrap();
    }
    let view = fixture.service.session_view(&id).await.unwrap();
    assert_eq!(view.log.len(), 3);
    let rest = fixture.service.session_log_after(&id, 2).await.unwrap();
    assert_eq!(
        (rest.len(), rest[0].text.as_str(), rest[0].seq),
        (1, "three", 3)
    );
}
