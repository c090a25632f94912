//! A session's page as tables.

use model::{
    Actor, Allowed, Attention, BatchId, BytesPerSecond, Destination, Limiter, LogLevel, Outcome,
    SessionId, StepName, Timestamp, VisibleState,
    view::{AfterView, Band, DifferenceBasis, SessionSummary},
};

use super::*;

fn view(state: VisibleState) -> SessionView {
    SessionView {
        carriers: Vec::new(),
        summary: SessionSummary {
            id: SessionId::new("s-1"),
            vm_name: "web-01".to_owned(),
            route: "DR to production".to_owned(),
            state,
            batch: BatchId::new("b"),
            queued: None,
            paused: false,
            outcome: None,
            attention: None,
            waits_for_you: false,
            started_by: Actor::new("local operator"),
            started_at: Timestamp(0),
            ended_at: None,
        },
        now: Timestamp(0),
        replica_name: "web-01-replica".to_owned(),
        production_name: "web-01".to_owned(),
        authoritative: "The DR site is authoritative.".to_owned(),
        destination: Destination::OriginalVm,
        mode: FailbackMode::Manual,
        mode_words: "Manual".to_owned(),
        power_on: true,
        limit: None,
        reason: String::new(),
        steps: Vec::new(),
        progress: ProgressView::default(),
        estimate: None,
        actual: ActualView::default(),
        disks: Vec::new(),
        undo_space: ByteCount::ZERO,
        after: AfterView::default(),
        undo_until: String::new(),
        operations: Vec::new(),
        consequences: Vec::new(),
        certificate: None,
        log: Vec::new(),
    }
}

fn allowed(operation: Operation, why_not: Option<&str>) -> Allowed {
    Allowed {
        operation,
        why_not: why_not.map(str::to_owned),
    }
}

fn moving() -> ProgressView {
    ProgressView {
        to_scan: ByteCount(4 << 30),
        scanned: ByteCount(1 << 30),
        different: ByteCount(64 << 20),
        sent: ByteCount(32 << 20),
        verified: ByteCount(16 << 20),
        rate: BytesPerSecond(100 << 20),
        remaining_seconds: Some(31),
        limiter: Some(Limiter::Reading),
        waiting: None,
    }
}

#[test]
fn buttons_come_in_the_order_of_decisions() {
    let mut view = view(VisibleState::ReadyToSwitch);
    view.operations = vec![
        allowed(Operation::Cancel, None),
        allowed(Operation::Commit, Some("It has not switched over.")),
        allowed(Operation::SwitchNow, None),
    ];
    assert_eq!(possible(&view), [Operation::SwitchNow, Operation::Cancel]);
    assert_eq!(
        impossible(&view),
        [(Operation::Commit, "It has not switched over.".to_owned())]
    );
    view.summary.outcome = Some(Outcome::Cancelled);
    assert!(impossible(&view).is_empty());
}

#[test]
fn an_operation_that_is_not_offered_has_a_reason() {
    let mut view = view(VisibleState::Failback);
    view.operations = vec![allowed(Operation::Commit, None)];
    assert_eq!(why_not(&view, Operation::Commit), None);
    assert!(why_not(&view, Operation::Pause).is_some());
}

#[test]
fn addresses_of_confirmations_read_back() {
    for operation in ORDER {
        assert_eq!(from_slug(slug(operation)), Some(operation));
        assert!(question(operation, "web-01").contains("web-01"));
        let sent = serde_json::from_value(form_value(operation).into());
        assert_eq!(sent.ok(), Some(operation));
    }
    assert_eq!(from_slug("start"), None);
}

#[test]
fn the_tab_says_what_waits_before_how_far() {
    let mut view = view(VisibleState::Synchronizing);
    assert_eq!(tab_title(&view), "web-01, Synchronizing");
    view.progress = moving();
    assert_eq!(tab_title(&view), "25 % web-01, Synchronizing");
    assert_eq!(status_line(&view), "Synchronizing, 20 %");
    view.summary.waits_for_you = true;
    assert_eq!(tab_title(&view), "Waiting for you: web-01");
    view.summary.attention = Some(Attention {
        step: StepName::Transfer,
        cause: "The link is down.".to_owned(),
        since: Timestamp(0),
        unreadable: false,
    });
    assert_eq!(tab_title(&view), "Needs attention: web-01");
    view.summary.outcome = Some(Outcome::Undone);
    assert_eq!(tab_title(&view), "Undone: web-01");
}

#[test]
fn the_bar_has_bytes_rate_time_and_limiter() {
    assert_eq!(
        bar_words(&moving()),
        "1 GiB of 4 GiB looked at, 100 MiB/s, about 31 s left, decided by reading the disks"
    );
    assert_eq!(
        found_words(&moving()),
        "64 MiB different, 32 MiB sent, 16 MiB verified"
    );
}

#[test]
fn steps_have_times() {
    let mut step = EffectView {
        step: StepName::Transfer,
        activity: "Phase 1".to_owned(),
        started_at: None,
        done_at: None,
        result: None,
        failed: false,
    };
    assert_eq!(step_state(&step), StepState::ToCome);
    step.started_at = Some(Timestamp(0));
    assert_eq!(step_state(&step), StepState::AtWork);
    step.done_at = Some(Timestamp(0).plus_seconds(75));
    assert_eq!(step_state(&step), StepState::Done("1 min 15 s".to_owned()));
    let mut other = step.clone();
    other.activity = "Switchover".to_owned();
    let groups = by_activity(&[step.clone(), step, other]);
    let sizes: Vec<_> = groups
        .iter()
        .map(|(name, steps)| (name.as_str(), steps.len()))
        .collect();
    assert_eq!(sizes, [("Phase 1", 2), ("Switchover", 1)]);
}

#[test]
fn replayed_lines_change_nothing() {
    let line = |seq| LogLine {
        seq,
        at: Timestamp(0),
        level: LogLevel::Info,
        text: format!("line {seq}"),
    };
    let mut log = Vec::new();
    assert!(add_line(&mut log, line(1)));
    assert!(add_line(&mut log, line(2)));
    assert!(!add_line(&mut log, line(1)));
    assert!(!add_line(&mut log, line(2)));
    assert_eq!(log.len(), 2);
}

fn request(operation: Operation, limit: &str) -> Result<ActionRequest, ApiError> {
    action_request(
        operation,
        ModeInput::default(),
        limit,
        TimerInput::default(),
        String::new(),
    )
}

#[test]
fn only_the_fields_of_an_operation_are_asked() {
    let commit = request(Operation::Commit, "fast").expect("no limit needed");
    assert_eq!((commit.mode, commit.limit_mib), (None, None));
    let limit = request(Operation::SetLimit, "50").expect("a number");
    assert_eq!(limit.limit_mib, Some(50));
    assert!(request(Operation::SetLimit, "fast").is_err());
    let mode = request(Operation::ChangeMode, "").expect("checked later");
    assert_eq!((mode.mode, mode.timer), (Some(ModeInput::default()), None));
    let timer = request(Operation::SetTimer, "").expect("checked later");
    assert_eq!(
        (timer.mode, timer.timer),
        (None, Some(TimerInput::default()))
    );
}

#[test]
fn a_stopped_timer_asks_in_failback_only() {
    let mut view = view(VisibleState::Failback);
    assert_eq!(timer_stopped(&view), None);
    let why = "The timer is stopped. A gate fails.".to_owned();
    view.after.timer_stopped = Some(why.clone());
    assert_eq!(timer_stopped(&view), Some(why));
    view.summary.state = VisibleState::Committing;
    assert_eq!(timer_stopped(&view), None, "somebody decided");
}

#[test]
fn what_a_session_may_do_by_itself_has_its_buttons_and_addresses() {
    let mut view = view(VisibleState::ReadyToSwitch);
    let why = "The switchover has begun already.";
    view.operations = vec![
        allowed(Operation::SetTimer, None),
        allowed(Operation::CatchUp, None),
        allowed(Operation::SwitchNow, None),
    ];
    assert_eq!(
        possible(&view),
        [
            Operation::SwitchNow,
            Operation::CatchUp,
            Operation::SetTimer
        ]
    );
    view.operations[1].why_not = Some(why.to_owned());
    assert_eq!(possible(&view), [Operation::SwitchNow, Operation::SetTimer]);
    for operation in [
        Operation::CatchUp,
        Operation::SetTimer,
        Operation::SetCatchUp,
    ] {
        assert_eq!(from_slug(slug(operation)), Some(operation));
        assert_eq!(weight(operation), Weight::Plain);
        assert!(question(operation, "web-01").contains("web-01"));
        let sent: Operation =
            serde_json::from_str(&format!("\"{}\"", form_value(operation))).expect("a word");
        assert_eq!(sent, operation);
    }
}

#[test]
fn a_gate_says_by_its_mark_and_its_words_how_it_is() {
    for (green, mark) in [
        (None, "waiting"),
        (Some(true), "done"),
        (Some(false), "attention"),
    ] {
        assert_eq!(gate_icon(green), mark);
    }
}

#[test]
fn what_was_not_estimated_and_what_is_not_over_say_so() {
    let actual = ActualView {
        different: ByteCount(2048),
        downtime: Some(Seconds(75)),
        ..ActualView::default()
    };
    let lines = figures(None, &actual);
    let different = (
        "Different in phase 1",
        "not estimated".to_owned(),
        "2 KiB".to_owned(),
    );
    assert_eq!(lines[0], different);
    assert_eq!(lines[3].2, "not over");
    assert_eq!(lines[4].2, "1 min 15 s");
    let estimate = PlanEstimate {
        to_read: ByteCount(4096),
        different: Band {
            low: ByteCount(1024),
            likely: ByteCount(2048),
            high: ByteCount(4096),
        },
        basis: DifferenceBasis::ChangeTracking,
        wire: Band {
            low: ByteCount::ZERO,
            likely: ByteCount(4096),
            high: ByteCount(4096),
        },
        phase_1: Band::exactly(Seconds(10)),
        downtime: Band::exactly(Seconds(90)),
        assumptions: Vec::new(),
    };
    let lines = figures(Some(&estimate), &actual);
    let said: Vec<_> = lines.iter().map(|line| line.1.as_str()).collect();
    let expected = [
        "about 2 KiB (1 KiB to 4 KiB)",
        "up to 4 KiB",
        "not estimated",
        "10 s",
        "1 min 30 s",
    ];
    assert_eq!(said, expected);
}
