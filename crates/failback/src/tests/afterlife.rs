//! Catch-up passes while ready to switch, and what follows the switchover by itself.

use model::{
    CatchUp, CommitTimer, FailbackMode, HealthGate, Operation, Outcome, StepName, Timestamp,
    VisibleState,
};

use super::paths::{NOW, ask, run_to_rest};
use crate::{Directive, Event, Session, State, Terms, begin, step};

fn with(mode: FailbackMode, change: impl FnOnce(&mut Terms)) -> Session {
    let mut terms = Terms::original_vm(mode);
    change(&mut terms);
    let mut session = begin(Session::new(terms)).next;
    run_to_rest(&mut session);
    session
}

fn catching_up(mode: FailbackMode) -> Session {
    with(mode, |terms| {
        terms.catch_up = Some(CatchUp { every_seconds: 60 });
    })
}

fn in_failback(timer: CommitTimer) -> Session {
    with(FailbackMode::Auto, |terms| terms.timer = timer)
}

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

fn gates(failing: bool) -> Event {
    tried(failing, false)
}

fn tried(failing: bool, after_gap: bool) -> Event {
    Event::Gates {
        failing: failing.then(|| "Port 443 is closed.".to_owned()),
        after_gap,
    }
}

#[test]
fn a_timer_whose_time_passed_in_a_gap_asks_and_counts_failures_anew() {
    let after_gap = |failing| tried(failing, true);
    let commit = in_failback(CommitTimer::CommitAfter { seconds: 60 });
    let jumped = step(&commit, after_gap(false), at(3_600))
        .expect("fine")
        .next;
    assert_eq!(jumped.visible(), VisibleState::Failback);
    assert_eq!(jumped.timer, CommitTimer::None);
    let why = jumped.timer_stopped.expect("it says why");
    assert!(why.contains("clock jumped"), "{why}");

    let undo = in_failback(CommitTimer::UndoAfter { seconds: 60 });
    let failing = step(&undo, gates(true), at(5)).expect("fine").next;
    let jumped = step(&failing, after_gap(true), at(3_600))
        .expect("fine")
        .next;
    assert_eq!(jumped.visible(), VisibleState::Failback);
    assert_eq!(jumped.timer, CommitTimer::None);

    // Within its time nothing is stopped, but what failed before the gap does not count.
    let early = step(&failing, after_gap(true), at(30)).expect("fine").next;
    assert_eq!(early.gates_failed_since, Some(at(30)));
    assert_eq!(early.timer, CommitTimer::UndoAfter { seconds: 60 });
}

#[test]
fn a_pass_follows_the_last_one_after_its_time_and_the_replica_serves_on() {
    let waiting = catching_up(FailbackMode::Manual);
    let early = step(&waiting, Event::Woken, at(59)).expect("fine");
    assert_eq!(early.wake_at, Some(at(60)));
    assert!(early.directives.is_empty());
    let mut pass = step(&waiting, Event::Woken, at(60)).expect("fine").next;
    assert_eq!(pass.visible(), VisibleState::ReadyToSwitch);
    let old = pass.settled_pass;
    let steps = run_to_rest(&mut pass);
    assert_eq!(
        steps,
        [
            StepName::CheckProductionUntouched,
            StepName::CreateWorkingLayer,
            StepName::FreezeReplica,
            StepName::Transfer,
            StepName::CheckProductionUntouched,
            StepName::MergeWorkingLayer,
            StepName::DropProtectivePoint,
        ]
    );
    assert!(pass.settled_pass > old);
    assert!(matches!(pass.state, State::ReadyToSwitch { .. }));
}

#[test]
fn a_schedule_and_passes_wake_at_whichever_is_earlier() {
    let mode = |in_seconds| FailbackMode::Scheduled {
        at: at(in_seconds),
        zone: "UTC".to_owned(),
        not_later_than: at(in_seconds + 10),
    };
    for (switch, wake) in [(30, 30), (90, 60)] {
        let waiting = catching_up(mode(switch));
        let next = step(&waiting, Event::Woken, at(1)).expect("fine");
        assert_eq!(next.wake_at, Some(at(wake)));
    }
}

#[test]
fn another_time_between_passes_counts_from_the_last_one() {
    let waiting = catching_up(FailbackMode::Manual);
    let every = |every_seconds| Event::SetCatchUp(Some(CatchUp { every_seconds }));
    let longer = step(&waiting, every(90), at(10)).expect("allowed");
    assert_eq!(longer.wake_at, Some(at(90)));
    assert!(longer.directives.is_empty());
    let early = step(&longer.next, Event::Woken, at(60)).expect("fine");
    assert!(matches!(early.next.state, State::ReadyToSwitch { .. }));
    let due = step(&waiting, every(5), at(10)).expect("allowed");
    assert!(matches!(due.next.state, State::CatchingUp { .. }));
    let off = step(&waiting, Event::SetCatchUp(None), at(10)).expect("allowed");
    assert_eq!(off.wake_at, None);
    let later = step(&off.next, Event::Woken, at(60)).expect("fine").next;
    assert!(matches!(later.state, State::ReadyToSwitch { .. }));
    let switched = in_failback(CommitTimer::None);
    let late = step(&switched, every(5), at(10)).expect_err("too late");
    assert_eq!(late.operation, Some(Operation::SetCatchUp));
}

#[test]
fn a_switchover_asked_for_during_a_pass_follows_it() {
    let pass = ask(&catching_up(FailbackMode::Manual), Event::CatchUp);
    let mut asked = ask(&pass, Event::SwitchNow);
    assert!(
        asked.why_not(Operation::SwitchNow).is_some(),
        "once is enough"
    );
    assert!(matches!(asked.state, State::CatchingUp { .. }));
    run_to_rest(&mut asked);
    assert_eq!(asked.visible(), VisibleState::Failback);
}

#[test]
fn a_cancelled_pass_leads_back_and_the_next_one_waits_its_time() {
    let pass = ask(&catching_up(FailbackMode::Manual), Event::CatchUp);
    let cancelled = step(&pass, Event::Cancel, at(5)).expect("allowed");
    assert_eq!(cancelled.directives.first(), Some(&Directive::Stop));
    let mut session = cancelled.next;
    let steps = run_to_rest(&mut session);
    assert_eq!(
        steps,
        [StepName::DropWorkingLayer, StepName::DropProtectivePoint]
    );
    assert!(matches!(session.state, State::ReadyToSwitch { .. }));
    assert!(session.settled_pass < Some(session.pass));
}

#[test]
fn undo_during_a_pass_stops_it_and_leaves_the_replica_alone() {
    let pass = ask(&catching_up(FailbackMode::Manual), Event::CatchUp);
    let undone = step(&pass, Event::Undo, NOW).expect("allowed");
    assert_eq!(undone.directives.first(), Some(&Directive::Stop));
    let mut session = undone.next;
    let steps = run_to_rest(&mut session);
    assert!(!steps.contains(&StepName::PowerOnReplica));
    let dropped = steps
        .iter()
        .filter(|step| **step == StepName::DropProtectivePoint);
    assert_eq!(dropped.count(), 2, "the pass's point and the settled one");
}

#[test]
fn commit_after_waits_for_its_time_and_for_green_gates() {
    let session = in_failback(CommitTimer::CommitAfter { seconds: 600 });
    let waiting =
        |session: &Session, event, seconds| step(session, event, at(seconds)).expect("fine");
    let early = waiting(&session, gates(false), 599);
    assert!(matches!(early.next.state, State::Failback { .. }));
    let mut due = waiting(&session, gates(false), 600).next;
    assert_eq!(due.visible(), VisibleState::Committing);
    run_to_rest(&mut due);
    assert!(matches!(
        due.state,
        State::Ended {
            outcome: Outcome::Committed,
            ..
        }
    ));
    let red = waiting(&session, gates(true), 600);
    assert_eq!(red.next.timer, CommitTimer::None);
    assert!(matches!(red.next.state, State::Failback { .. }));
    assert!(red.notes[0].text.contains("Port 443 is closed."));
    let why = red.next.timer_stopped.as_deref().expect("it asks");
    assert!(why.contains("Port 443 is closed."), "{why}");
    let again = Event::SetTimer {
        timer: CommitTimer::CommitAfter { seconds: 900 },
        gates: Vec::new(),
    };
    assert_eq!(ask(&red.next, again).timer_stopped, None, "answered");
}

#[test]
fn undo_after_counts_failures_without_a_break_only() {
    let session = in_failback(CommitTimer::UndoAfter { seconds: 60 });
    let session = step(&session, gates(true), at(0)).expect("fine").next;
    let session = step(&session, gates(false), at(30)).expect("fine").next;
    let session = step(&session, gates(true), at(40)).expect("fine").next;
    let session = step(&session, gates(true), at(99)).expect("fine").next;
    assert!(matches!(session.state, State::Failback { .. }));
    let session = step(&session, gates(true), at(100)).expect("fine").next;
    assert_eq!(session.visible(), VisibleState::Undoing);
}

#[test]
fn a_timer_whose_time_passed_while_the_console_was_down_asks() {
    let commit = in_failback(CommitTimer::CommitAfter { seconds: 600 });
    let failing = in_failback(CommitTimer::UndoAfter { seconds: 60 });
    let failing = step(&failing, gates(true), at(0)).expect("fine").next;
    for session in [commit, failing] {
        let back = step(&session, Event::Restarted, at(601)).expect("fine");
        assert_eq!(back.next.timer, CommitTimer::None);
        assert!(back.notes[0].text.contains("was down"));
        assert!(matches!(back.next.state, State::Failback { .. }));
    }
    let in_time = in_failback(CommitTimer::CommitAfter { seconds: 600 });
    let back = step(&in_time, Event::Restarted, at(10)).expect("fine");
    assert_eq!(back.wake_at, Some(at(600)));
}

#[test]
fn gates_are_watched_in_failback_while_a_timer_runs_and_come_back_from_the_record() {
    let quiet = in_failback(CommitTimer::None);
    assert!(!quiet.watches_gates(), "nothing would follow");
    let gates = vec![HealthGate::Tcp {
        host: "10.0.0.5".to_owned(),
        port: 443,
    }];
    let set = ask(
        &quiet,
        Event::SetTimer {
            timer: CommitTimer::UndoAfter { seconds: 60 },
            gates: gates.clone(),
        },
    );
    assert!(set.watches_gates());
    let stored = Session::from_record(&set.to_record()).expect("known");
    assert_eq!((stored.gates.as_slice(), &stored), (gates.as_slice(), &set));
    let undoing = ask(&set, Event::Undo);
    assert!(!undoing.watches_gates(), "undo is at work");
    let waiting = catching_up(FailbackMode::Manual);
    let early = Event::SetTimer {
        timer: CommitTimer::CommitAfter { seconds: 60 },
        gates,
    };
    assert!(
        !ask(&waiting, early).watches_gates(),
        "not switched over yet"
    );
}

#[test]
fn a_timer_that_is_set_anew_forgets_the_failures_so_far() {
    let session = in_failback(CommitTimer::UndoAfter { seconds: 60 });
    let failing = step(&session, gates(true), at(0)).expect("fine").next;
    let again = Event::SetTimer {
        timer: CommitTimer::UndoAfter { seconds: 60 },
        gates: Vec::new(),
    };
    let session = step(&failing, again, at(50)).expect("allowed").next;
    let session = step(&session, gates(true), at(60)).expect("fine").next;
    assert!(matches!(session.state, State::Failback { .. }));
}
