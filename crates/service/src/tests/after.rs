//! What happens by itself around the switchover: chosen in the wizard, changed later, and shown.

use model::{
    ApiError, ByteCount, CatchUp, CommitTimer, DiskCounters, DiskKey, GateAnswer, HealthGate,
    Operation, SessionId, SessionStateRecord, StepName,
    view::{ActionRequest, AfterInput, SessionView, SeveralInput, TimerInput},
};
use store::{ActionKind, DiskPassRow, EffectFinish, EffectStart, IntentKind};

use super::fixture::{Fixture, NOW, actor, manual};

const GATE: &str = "tcp://10.0.0.5:443";

fn gate() -> HealthGate {
    HealthGate::Tcp {
        host: "10.0.0.5".to_owned(),
        port: 443,
    }
}

fn timer(kind: &str, after: &str) -> TimerInput {
    TimerInput {
        timer: kind.to_owned(),
        timer_after: after.to_owned(),
        gates: GATE.to_owned(),
        undo_consent: true,
    }
}

async fn view(fixture: &Fixture, id: &SessionId) -> SessionView {
    fixture.service.session_view(id).await.unwrap()
}

/// The session rests in Failback since a minute ago.
async fn in_failback(fixture: &Fixture, id: &SessionId, timer: CommitTimer) {
    fixture
        .advance(id, |machine| {
            let since = NOW.plus_seconds(-60);
            machine.state = SessionStateRecord::Failback { since };
            machine.timer = timer;
            machine.gates = vec![gate()];
        })
        .await;
}

async fn set(fixture: &Fixture, id: &SessionId, timer: TimerInput) -> Result<(), ApiError> {
    let request = ActionRequest {
        operation: Operation::SetTimer,
        mode: None,
        limit_mib: None,
        timer: Some(timer),
        catch_up: None,
    };
    fixture.service.session_act(&actor(), id, request).await
}

#[tokio::test]
async fn the_wizards_choice_goes_with_the_session() {
    let fixture = Fixture::new().await;
    let draft = fixture.complete_draft(&["r-web"]).await;
    let bad = AfterInput {
        catch_up: "5".to_owned(),
        timer: TimerInput {
            gates: String::new(),
            ..timer("undo", "10")
        },
    };
    let service = &fixture.service;
    let refused = service
        .draft_set_mode(
            &actor(),
            &draft,
            manual(),
            bad.clone(),
            SeveralInput::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("gates"));
    let kept = service.draft_view(&draft).await.unwrap();
    assert_eq!(kept.after_input, AfterInput::default(), "nothing changed");
    assert!(kept.after_words.contains("15 min"), "{}", kept.after_words);

    let good = AfterInput {
        timer: timer("undo", "10"),
        ..bad
    };
    service
        .draft_set_mode(
            &actor(),
            &draft,
            manual(),
            good.clone(),
            SeveralInput::default(),
        )
        .await
        .unwrap();
    let kept = service.draft_view(&draft).await.unwrap();
    assert_eq!(kept.after_input, good);
    let undoes = |view: &model::view::DraftView| {
        let warnings: Vec<_> = view.summary[0].warnings().collect();
        warnings
            .iter()
            .any(|it| it.contains("undoes by itself when its health gates fail for 10 min"))
    };
    let operator = actor();
    let power =
        |on| service.draft_set_summary(&operator, &draft, on, String::new(), Vec::new(), &[]);
    power(false).await.unwrap();
    assert!(undoes(&service.draft_view(&draft).await.unwrap()));
    power(true).await.unwrap();
    assert!(!undoes(&service.draft_view(&draft).await.unwrap()));
    let reply = service.finish(&actor(), &draft).await.unwrap();
    let row = fixture.store.session_fetch(&reply.sessions[0]).await;
    let machine = row.unwrap().unwrap().machine;
    assert_eq!(machine.catch_up, Some(CatchUp { every_seconds: 300 }));
    assert_eq!(machine.timer, CommitTimer::UndoAfter { seconds: 600 });
    assert_eq!(machine.gates, [gate()]);
    let audit = fixture.audit().await;
    assert!(audit[0].contains("Undoes by itself"), "{}", audit[0]);
}

#[tokio::test]
async fn a_timer_is_set_while_it_can_still_come() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    in_failback(&fixture, &id, CommitTimer::None).await;
    let refused = set(&fixture, &id, TimerInput::default()).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("timer"));
    // Counted from the switchover, that minute is over.
    let refused = set(&fixture, &id, timer("commit", "1")).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("timer_after"));
    assert!(refused.hint.contains("commit now"), "{}", refused.hint);

    fixture.answer_next(Ok(""));
    set(&fixture, &id, timer("commit", "2")).await.unwrap();
    let audit = fixture.audit().await;
    assert!(audit[0].contains(GATE), "{}", audit[0]);
    // An engine that is slow leaves the request open, where it can be read.
    let (worker, of) = (fixture.service.clone(), id.clone());
    let request = ActionRequest {
        operation: Operation::SetTimer,
        mode: None,
        limit_mib: None,
        timer: Some(timer("undo", "90 s")),
        catch_up: None,
    };
    let call = tokio::spawn(async move { worker.session_act(&actor(), &of, request).await });
    let kind = loop {
        let open = fixture.store.intent_list_open().await.unwrap();
        let act = open.into_iter().find_map(|intent| match intent.kind {
            IntentKind::Act(action) => Some(action),
            IntentKind::Start { .. }
            | IntentKind::LabReset
            | IntentKind::Estate(_)
            | IntentKind::LabFailOver { .. }
            | IntentKind::DryRun { .. } => None,
        });
        match act {
            Some(kind) => break kind,
            None => tokio::task::yield_now().await,
        }
    };
    let expected = ActionKind::SetTimer {
        timer: CommitTimer::UndoAfter { seconds: 90 },
        gates: vec![gate()],
    };
    assert_eq!(kind, expected);
    fixture.answer_next(Ok(""));
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_time_between_passes_is_changed_while_it_waits() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let change = |typed: &str| ActionRequest {
        operation: Operation::SetCatchUp,
        mode: None,
        limit_mib: None,
        timer: None,
        catch_up: Some(typed.to_owned()),
    };
    let ready = |machine: &mut model::SessionRecord| {
        machine.state = SessionStateRecord::ReadyToSwitch { since: NOW };
        machine.catch_up = Some(CatchUp { every_seconds: 90 });
    };
    fixture.advance(&id, ready).await;
    assert_eq!(view(&fixture, &id).await.after.catch_up_input, "90 s");
    for typed in [" ", "soon"] {
        let refused = fixture
            .service
            .session_act(&actor(), &id, change(typed))
            .await
            .unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("catch_up"));
    }
    fixture.answer_next(Ok(""));
    fixture
        .service
        .session_act(&actor(), &id, change("2 h"))
        .await
        .unwrap();
    let audit = fixture.audit().await;
    assert!(audit[0].contains("A catch-up pass 2 h after"), "{audit:?}");
    in_failback(&fixture, &id, CommitTimer::None).await;
    let refused = fixture
        .service
        .session_act(&actor(), &id, change("5"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, model::ErrorKind::Conflict);
}

#[tokio::test]
async fn undo_says_what_the_timer_may_do_by_itself() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    in_failback(&fixture, &id, CommitTimer::None).await;
    let quiet = view(&fixture, &id).await;
    assert_eq!(
        quiet.undo_until,
        "Until you commit. Nothing commits by itself."
    );
    in_failback(&fixture, &id, CommitTimer::UndoAfter { seconds: 300 }).await;
    let undo = view(&fixture, &id).await;
    assert!(
        undo.undo_until.ends_with("the timer may undo."),
        "{}",
        undo.undo_until
    );
    in_failback(&fixture, &id, CommitTimer::CommitAfter { seconds: 300 }).await;
    let commit = view(&fixture, &id).await;
    let at = NOW.plus_seconds(240).utc_text();
    assert!(commit.undo_until.contains(&at), "{}", commit.undo_until);
    assert!(!commit.undo_until.contains("Nothing commits"));
    assert!(commit.after.timer.contains(&at), "{}", commit.after.timer);
    assert!(commit.after.timer.contains("if all health gates are green"));
    assert_eq!(commit.after.timer_input.timer_after, "5");
    assert!(!commit.after.timer_input.undo_consent);
    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::ReadyToSwitch { since: NOW };
        })
        .await;
    let early = view(&fixture, &id).await;
    assert!(
        early
            .undo_until
            .ends_with("not before 5 min after the switchover."),
        "{}",
        early.undo_until
    );
}

#[tokio::test]
async fn gates_show_what_they_said_last() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    in_failback(&fixture, &id, CommitTimer::UndoAfter { seconds: 300 }).await;
    let shown = |view: SessionView| {
        let gate = view.after.gates.into_iter().next().unwrap();
        assert_eq!(gate.gate, GATE);
        (gate.green, gate.words)
    };
    let none = shown(view(&fixture, &id).await);
    assert_eq!(none, (None, "not tried yet".to_owned()));
    for failing in [None, Some("no connection".to_owned())] {
        let green = failing.is_none();
        *fixture.live.gates.lock().unwrap() = vec![GateAnswer {
            gate: gate(),
            failing,
            at: NOW,
        }];
        let (said, words) = shown(view(&fixture, &id).await);
        assert_eq!(said, Some(green));
        assert!(words.ends_with(&NOW.utc_text()), "{words}");
        assert_eq!(words.contains("no connection"), !green);
    }
    fixture
        .advance(&id, |machine| machine.gates_failed_since = Some(NOW))
        .await;
    let timer = view(&fixture, &id).await.after.timer;
    assert!(
        timer.ends_with(&format!("since {}.", NOW.utc_text())),
        "{timer}"
    );
}

/// Writes an effect that took some seconds into the log, and the session's machine as it is.
async fn log(fixture: &Fixture, id: &SessionId, activity: &str, step: StepName, seconds: i64) {
    let row = fixture.store.session_fetch(id).await.unwrap().unwrap();
    let start = EffectStart {
        activity: activity.to_owned(),
        step,
        key: format!("{activity}/{step:?}/{}", row.version),
        at: NOW,
    };
    let store = &fixture.store;
    let version = store
        .session_commit_step(id, row.version, &row.machine, None, Some(start), &[])
        .await
        .unwrap();
    let done = EffectFinish {
        at: NOW.plus_seconds(seconds),
        result: None,
        failed: false,
        facts: None,
    };
    store
        .session_commit_step(id, version, &row.machine, Some(done), None, &[])
        .await
        .unwrap();
}

async fn sent(fixture: &Fixture, id: &SessionId, pass: u32, bytes: u64) {
    let counters = DiskCounters {
        sent: ByteCount(bytes),
        ..DiskCounters::default()
    };
    let row = DiskPassRow {
        disk: DiskKey::new("system"),
        pass,
        scope: String::new(),
        counters,
        proxies: None,
    };
    fixture.store.disk_counters_put(id, &row).await.unwrap();
}

#[tokio::test]
async fn only_a_catch_up_pass_that_lasts_predicts_the_downtime() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    assert_eq!(view(&fixture, &id).await.after.downtime, None, "phase 1");
    log(&fixture, &id, "Phase 1", StepName::Transfer, 500).await;
    log(&fixture, &id, "Phase 1", StepName::MergeWorkingLayer, 1).await;
    sent(&fixture, &id, 1, 900 << 20).await;
    fixture
        .advance(&id, |machine| {
            machine.state = SessionStateRecord::ReadyToSwitch { since: NOW };
            machine.settled_pass = Some(1);
            machine.caught_up_at = Some(NOW);
        })
        .await;
    let first = view(&fixture, &id).await.after;
    let downtime = first.downtime.unwrap();
    assert!(downtime.starts_with("Not predicted yet"), "{downtime}");
    let next = NOW.plus_seconds(900).utc_text();
    assert!(first.catch_up.contains(&next), "{}", first.catch_up);

    log(&fixture, &id, "Catch-up pass", StepName::Transfer, 4).await;
    sent(&fixture, &id, 2, 8 << 20).await;
    let not_merged = view(&fixture, &id).await.after.downtime.unwrap();
    assert!(not_merged.starts_with("Not predicted yet"), "{not_merged}");
    log(
        &fixture,
        &id,
        "Catch-up pass",
        StepName::MergeWorkingLayer,
        1,
    )
    .await;
    fixture
        .advance(&id, |machine| machine.settled_pass = Some(2))
        .await;
    // A later pass that is taken back measures nothing.
    log(&fixture, &id, "Catch-up pass", StepName::Transfer, 77).await;
    log(&fixture, &id, "Cancel", StepName::DropWorkingLayer, 1).await;
    sent(&fixture, &id, 3, 77).await;
    let downtime = view(&fixture, &id).await.after.downtime.unwrap();
    assert!(
        downtime.starts_with("About 4 s to send the last changes, and up to 20 s for the guest"),
        "{downtime}"
    );
    assert!(
        downtime.contains("(8.0 MiB)") || downtime.contains("(8 MiB)"),
        "{downtime}"
    );
    assert!(
        downtime.contains("2.0 MiB/s") || downtime.contains("2 MiB/s"),
        "{downtime}"
    );
    assert!(downtime.contains("on top"), "{downtime}");
}
