//! The paths people walk, as tables of states and refusals.

use model::{
    Destination, EpochId, FailbackMode, Operation, Outcome, StepName, Timestamp, VisibleState,
};

use crate::{Directive, Done, Effect, Event, Session, State, Terms, Unreadable, begin, step};

pub(super) const NOW: Timestamp = Timestamp(1_000_000_000_000_000);

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other effect answers plainly"
)]
fn result_of(effect: Effect) -> Done {
    match effect {
        Effect::CheckProductionUntouched { .. } => Done::WriteEpoch(7),
        Effect::FreezeReplica { .. } => Done::Frozen(EpochId(2)),
        Effect::FreezeReplicaFinal { .. } => Done::Frozen(EpochId(3)),
        Effect::ProveTarget => Done::Proved {
            production_on: true,
        },
        _ => Done::Plain,
    }
}

/// Reports every effect as done until the session rests; returns the steps that were taken.
pub(super) fn run_to_rest(session: &mut Session) -> Vec<StepName> {
    let mut steps = Vec::new();
    while let Some(effect) = session.effect() {
        steps.push(effect.step());
        let done = result_of(effect);
        *session = step(session, Event::Done(done), NOW).expect("awaited").next;
    }
    steps
}

fn ready(mode: FailbackMode) -> Session {
    let mut session = begin(Session::new(Terms::original_vm(mode))).next;
    run_to_rest(&mut session);
    session
}

pub(super) fn ask(session: &Session, event: Event) -> Session {
    step(session, event, NOW).expect("allowed").next
}

#[test]
fn auto_goes_through_both_phases_in_the_documented_order() {
    let mut session = begin(Session::new(Terms::original_vm(FailbackMode::Auto))).next;
    let steps = run_to_rest(&mut session);
    assert_eq!(session.visible(), VisibleState::Failback);
    assert_eq!(
        steps,
        [
            StepName::ProveTarget,
            StepName::HoldProduction,
            StepName::PowerOffProduction,
            StepName::CheckProductionUntouched,
            StepName::CreatePreFailbackLayer,
            StepName::CreateWorkingLayer,
            StepName::FreezeReplica,
            StepName::Transfer,
            StepName::MergeWorkingLayer,
            StepName::CheckProductionUntouched,
            StepName::CreateWorkingLayer,
            StepName::ShutDownReplica,
            StepName::FreezeReplicaFinal,
            StepName::Transfer,
            StepName::CheckProductionUntouched,
            StepName::MergeWorkingLayer,
            StepName::Certify,
            StepName::DropProtectivePoint,
            StepName::HoldReplication,
            StepName::ReleaseProduction,
            StepName::PowerOnProduction,
        ]
    );
    assert_eq!(session.production_was_on, Some(true));
}

fn to(destination: Destination) -> Session {
    let terms = Terms {
        destination,
        storage_policy: destination == Destination::OriginalVm,
        ..Terms::original_vm(FailbackMode::Auto)
    };
    begin(Session::new(terms)).next
}

/// The steps that a destination has and the plain way to the original VM has not, and the reverse.
fn differs(destination: Destination, event: Option<&Event>) -> (Vec<StepName>, Vec<StepName>) {
    let steps = |mut session: Session| {
        let first = run_to_rest(&mut session);
        match event {
            None => first,
            Some(event) => {
                session = ask(&session, event.clone());
                run_to_rest(&mut session)
            }
        }
    };
    let plain = steps(begin(Session::new(Terms::original_vm(FailbackMode::Auto))).next);
    let ours = steps(to(destination));
    let without = |some: &[StepName], other: &[StepName]| {
        let rest = some.iter().filter(|step| !other.contains(step));
        rest.copied().collect::<Vec<_>>()
    };
    (without(&ours, &plain), without(&plain, &ours))
}

#[test]
fn destinations_differ_in_the_documented_steps() {
    use Destination::{OriginalVm, RecoveredVm, SpecifiedLocation};
    use StepName as S;
    let (commit, undo) = (Some(Event::Commit), Some(Event::Undo));
    let table = [
        (OriginalVm, None, vec![S::AssociateStoragePolicy], vec![]),
        (
            OriginalVm,
            undo.clone(),
            vec![S::RestoreStoragePolicy],
            vec![],
        ),
        (RecoveredVm, None, vec![S::MoveProductionPointer], vec![]),
        (RecoveredVm, commit.clone(), vec![S::RepointJobs], vec![]),
        (
            RecoveredVm,
            undo.clone(),
            vec![S::RestoreProductionPointer],
            vec![],
        ),
        (
            SpecifiedLocation,
            None,
            vec![
                S::CreateProductionVm,
                S::MoveProductionPointer,
                S::CarryFirmwareState,
            ],
            vec![S::CreatePreFailbackLayer],
        ),
        (
            SpecifiedLocation,
            commit,
            vec![S::RepointJobs],
            vec![S::MergePreFailbackLayer],
        ),
        (
            SpecifiedLocation,
            undo,
            vec![S::RemoveProductionVm, S::RestoreProductionPointer],
            vec![S::DropPreFailbackLayer, S::ReleaseProduction],
        ),
    ];
    for (destination, event, more, less) in table {
        assert_eq!(
            differs(destination, event.as_ref()),
            (more, less),
            "{destination:?}"
        );
    }
}

#[test]
fn commit_ends_ready_and_undo_ends_in_failover() {
    let failback = ready(FailbackMode::Auto);
    let mut committed = ask(&failback, Event::Commit);
    run_to_rest(&mut committed);
    assert_eq!(committed.visible(), VisibleState::Ready);
    assert!(matches!(
        committed.state,
        State::Ended {
            outcome: Outcome::Committed,
            ..
        }
    ));
    let mut undone = ask(&failback, Event::Undo);
    assert_eq!(undone.visible(), VisibleState::Undoing);
    let steps = run_to_rest(&mut undone);
    assert!(steps.contains(&StepName::RevertReplica));
    assert_eq!(undone.visible(), VisibleState::Failover);
}

#[test]
fn undo_in_ready_to_switch_never_touches_the_running_replica() {
    let mut session = ask(&ready(FailbackMode::Manual), Event::Undo);
    let steps = run_to_rest(&mut session);
    for step in [
        StepName::RevertReplica,
        StepName::ShutDownReplica,
        StepName::PowerOnReplica,
    ] {
        assert!(!steps.contains(&step));
    }
    assert!(steps.contains(&StepName::DropPreFailbackLayer));
}

#[test]
fn refusals_name_the_reason_and_change_nothing() {
    let synchronizing = begin(Session::new(Terms::original_vm(FailbackMode::Auto))).next;
    let waiting = ready(FailbackMode::Manual);
    let failback = ready(FailbackMode::Auto);
    let mut merging = synchronizing.clone();
    while !matches!(merging.effect(), Some(Effect::MergeWorkingLayer { .. })) {
        let done = merging.effect().map_or(Done::Plain, result_of);
        merging = step(&merging, Event::Done(done), NOW)
            .expect("awaited")
            .next;
    }
    let over = {
        let mut session = ask(&failback, Event::Commit);
        run_to_rest(&mut session);
        session
    };
    let table = [
        (&synchronizing, Event::SwitchNow, "Phase 1 is not done yet."),
        (
            &synchronizing,
            Event::Commit,
            "Commit follows the switchover.",
        ),
        (
            &synchronizing,
            Event::Undo,
            "Phase 1 is at work. Cancel stops it.",
        ),
        (&synchronizing, Event::Resume, "The session is not paused."),
        (&waiting, Event::Pause, "Nothing is being transferred."),
        (
            &merging,
            Event::Pause,
            "Everything is sent. To hold the switchover, change the failback mode to Manual.",
        ),
        (&waiting, Event::Commit, "Commit follows the switchover."),
        (
            &waiting,
            Event::Cancel,
            "Nothing is at work. Undo takes back what was done.",
        ),
        (
            &failback,
            Event::SwitchNow,
            "The switchover has begun already.",
        ),
        (&failback, Event::Retry, "No step needs attention."),
        (&over, Event::Undo, "The session is over."),
    ];
    for (session, event, why) in table {
        assert_eq!(step(session, event, NOW).expect_err("refused").why, why);
    }
}

#[test]
fn a_switchover_past_its_merge_cannot_be_cancelled() {
    let mut session = ask(&ready(FailbackMode::Manual), Event::SwitchNow);
    while !matches!(session.effect(), Some(Effect::MergeWorkingLayer { .. })) {
        assert_eq!(session.why_not(Operation::Cancel), None);
        let done = session.effect().map_or(Done::Plain, result_of);
        session = ask(&session, Event::Done(done));
    }
    assert!(session.why_not(Operation::Cancel).is_some());
}

#[test]
fn a_cancelled_switchover_waits_as_manual_with_the_replica_on() {
    let switching = ask(&ready(FailbackMode::Manual), Event::SwitchNow);
    let cancelled = step(&switching, Event::Cancel, NOW).expect("allowed");
    assert_eq!(cancelled.directives.first(), Some(&Directive::Stop));
    let mut session = cancelled.next;
    assert!(run_to_rest(&mut session).contains(&StepName::PowerOnReplica));
    assert_eq!(session.visible(), VisibleState::ReadyToSwitch);
    assert_eq!(session.mode, FailbackMode::Manual);
}

#[test]
fn a_write_behind_our_back_leads_to_phase_one_again() {
    let session = ask(&ready(FailbackMode::Manual), Event::SwitchNow);
    let mut session = ask(&session, Event::Done(Done::WriteEpoch(8)));
    assert_eq!(session.visible(), VisibleState::Cancelling);
    let steps = run_to_rest(&mut session);
    assert!(steps.contains(&StepName::Transfer));
    assert!(!steps.contains(&StepName::CreatePreFailbackLayer));
    assert_eq!(session.visible(), VisibleState::ReadyToSwitch);
}

fn scheduled(in_seconds: i64) -> FailbackMode {
    FailbackMode::Scheduled {
        at: NOW.plus_seconds(in_seconds),
        zone: "Europe/Berlin".to_owned(),
        not_later_than: NOW.plus_seconds(in_seconds + 3_600),
    }
}

#[test]
fn a_schedule_waits_switches_late_within_its_limit_and_never_past_it() {
    let waiting = ready(scheduled(60));
    assert_eq!(waiting.visible(), VisibleState::ReadyToSwitch);
    let early = step(&waiting, Event::Woken, NOW.plus_seconds(59)).expect("fine");
    assert_eq!(early.wake_at, Some(NOW.plus_seconds(60)));
    let due = step(&waiting, Event::Woken, NOW.plus_seconds(60)).expect("fine");
    assert_eq!(due.next.visible(), VisibleState::Switching);
    // Phase 1 ended after the time, within the limit: the run goes on into the switchover.
    assert_eq!(ready(scheduled(-60)).visible(), VisibleState::Failback);
    // Past the limit it waits for a person.
    let missed = ready(scheduled(-3_601));
    assert_eq!(missed.visible(), VisibleState::ReadyToSwitch);
    assert_eq!(missed.mode, FailbackMode::Manual);
}

#[test]
fn a_schedule_that_passed_while_the_console_was_down_waits_as_manual() {
    let waiting = ready(scheduled(60));
    let back = step(&waiting, Event::Restarted, NOW.plus_seconds(61)).expect("fine");
    assert_eq!(back.next.mode, FailbackMode::Manual);
    assert!(back.notes.iter().any(|note| note.text.contains("missed")));
    let in_time = step(&waiting, Event::Restarted, NOW.plus_seconds(59)).expect("fine");
    assert_eq!(in_time.wake_at, Some(NOW.plus_seconds(60)));
}

#[test]
fn passing_failures_are_tried_again_with_growing_waits_then_ask_a_person() {
    let mut session = begin(Session::new(Terms::original_vm(FailbackMode::Auto))).next;
    for wait in [2, 4, 8, 16] {
        let failed = Event::Failed {
            cause: "The link is down.".to_owned(),
            temporary: true,
            unreadable: false,
        };
        let next = step(&session, failed, NOW).expect("awaited");
        let again = Directive::Perform {
            effect: Effect::ProveTarget,
            not_before: Some(NOW.plus_seconds(wait)),
        };
        assert_eq!(next.directives, [again]);
        session = next.next;
    }
    let failed = Event::Failed {
        cause: "The link is down.".to_owned(),
        temporary: true,
        unreadable: false,
    };
    let asked = ask(&session, failed);
    let attention = asked.attention.clone().expect("a person is asked");
    assert_eq!(attention.step, StepName::ProveTarget);
    assert_eq!(asked.visible(), VisibleState::Synchronizing);
    assert!(asked.waits_for_operator());
    assert!(ask(&asked, Event::Retry).attention.is_none());
}

#[test]
fn records_keep_everything() {
    let session = ready(scheduled(60));
    assert_eq!(
        Session::from_record(&session.to_record()),
        Ok(session.clone())
    );
    let mut newer = session.to_record();
    newer.version = 3;
    assert!(Session::from_record(&newer).is_err());
    newer.version = 0;
    assert!(Session::from_record(&newer).is_err());
}

/// Found in review: a switchover that could not merge had no way back, with the replica off.
#[test]
fn undo_takes_back_a_switchover_that_stopped_after_its_changes_began_to_merge() {
    let mut session = ask(&ready(FailbackMode::Manual), Event::SwitchNow);
    while !matches!(session.effect(), Some(Effect::MergeWorkingLayer { .. })) {
        let done = session.effect().map_or(Done::Plain, result_of);
        session = step(&session, Event::Done(done), NOW)
            .expect("awaited")
            .next;
    }
    assert!(session.why_not(Operation::Undo).is_some(), "it is at work");
    let failed = Event::Failed {
        cause: "no space left".to_owned(),
        temporary: false,
        unreadable: false,
    };
    session = step(&session, failed, NOW).expect("awaited").next;
    let (pass, old) = (session.pass, session.settled_pass.expect("phase 1"));
    let mut undone = ask(&session, Event::Undo);
    let mut effects = Vec::new();
    while let Some(effect) = undone.effect() {
        effects.push(effect);
        undone = step(&undone, Event::Done(result_of(effect)), NOW)
            .expect("awaited")
            .next;
    }
    assert_eq!(
        effects,
        [
            Effect::HoldProduction,
            Effect::PowerOffProduction,
            Effect::DropWorkingLayer { pass },
            Effect::DropPreFailbackLayer,
            Effect::RevertReplica { pass },
            Effect::DropProtectivePoint { pass },
            Effect::DropProtectivePoint { pass: old },
            Effect::ReleaseReplication,
            Effect::PowerOnReplica,
            Effect::ReleaseProduction,
        ]
    );
    assert_eq!(undone.visible(), VisibleState::Failover);
}

#[test]
fn what_cannot_be_read_is_left_only_when_somebody_says_so() {
    let mut session = begin(Session::new(Terms::original_vm(FailbackMode::Auto))).next;
    assert!(session.why_not(Operation::LeaveUnreadable).is_some());
    while !matches!(session.effect(), Some(Effect::Transfer { .. })) {
        let done = session.effect().map_or(Done::Plain, result_of);
        session = step(&session, Event::Done(done), NOW)
            .expect("awaited")
            .next;
    }
    let failed = |unreadable| Event::Failed {
        cause: "Sectors cannot be read.".to_owned(),
        temporary: false,
        unreadable,
    };
    let other = step(&session, failed(false), NOW).expect("awaited").next;
    assert!(other.why_not(Operation::LeaveUnreadable).is_some());
    assert!(step(&other, Event::LeaveUnreadable, NOW).is_err());

    let asked = step(&session, failed(true), NOW).expect("awaited").next;
    let again = ask(&asked, Event::Retry);
    let unreadable = |session: &Session| match session.effect() {
        Some(Effect::Transfer { unreadable, .. }) => Some(unreadable),
        _ => None,
    };
    assert_eq!(unreadable(&again), Some(Unreadable::Stop));
    let left = ask(&asked, Event::LeaveUnreadable);
    assert_eq!(unreadable(&left), Some(Unreadable::Leave));
    assert_eq!(Session::from_record(&left.to_record()), Ok(left));
}

/// Found in review: consent to leave something out held for every later pass and disk.
#[test]
fn consent_to_leave_something_out_ends_with_the_activity_and_a_pass_over_all_makes_it_good() {
    let mut session = begin(Session::new(Terms::original_vm(FailbackMode::Manual))).next;
    let fail_at_transfer = |mut session: Session| {
        while !matches!(session.effect(), Some(Effect::Transfer { .. })) {
            let done = session.effect().map_or(Done::Plain, result_of);
            session = step(&session, Event::Done(done), NOW)
                .expect("awaited")
                .next;
        }
        let failed = Event::Failed {
            cause: "Sectors cannot be read.".to_owned(),
            temporary: false,
            unreadable: true,
        };
        step(&session, failed, NOW).expect("awaited").next
    };
    let finish = |mut session: Session| {
        while let Some(effect) = session.effect() {
            session = step(&session, Event::Done(result_of(effect)), NOW)
                .expect("awaited")
                .next;
        }
        session
    };
    session = finish(ask(&fail_at_transfer(session), Event::LeaveUnreadable));
    assert!(session.left_out, "phase 1 left something");

    // The switchover looks at what was written since, and asks again for what it cannot read.
    let switching = fail_at_transfer(ask(&session, Event::SwitchNow));
    assert!(!switching.leave_unreadable && switching.left_out);
    assert!(switching.why_not(Operation::LeaveUnreadable).is_none());

    // A catch-up pass reads everything; if it can, nothing is left out any more.
    let pass = ask(&session, Event::CatchUp);
    let whole = |session: &Session| {
        crate::program::of(session, crate::Activity::CatchUp)
            .iter()
            .any(|effect| {
                matches!(
                    effect,
                    Effect::Transfer {
                        scope: crate::Scope::Whole,
                        ..
                    }
                )
            })
    };
    assert!(whole(&pass));
    let caught_up = finish(pass);
    assert!(!caught_up.left_out && !whole(&caught_up));

    // Only then do both sides have a moment in common that quick rollback may start from.
    let common = |session: &Session| {
        let commit = crate::program::of(session, crate::Activity::Commit);
        commit.into_iter().find_map(|effect| {
            if let Effect::KeepRestorePoint { common, .. } = effect {
                Some(common)
            } else {
                None
            }
        })
    };
    assert_eq!(
        (common(&session), common(&caught_up)),
        (Some(false), Some(true))
    );
}

/// Found in review: a timer committed what nobody had looked at.
#[test]
fn no_timer_commits_while_something_is_left_out() {
    let mut session = ask(&ready(FailbackMode::Manual), Event::SwitchNow);
    session.left_out = true;
    session.timer = model::CommitTimer::CommitAfter { seconds: 1 };
    while let Some(effect) = session.effect() {
        session = step(&session, Event::Done(result_of(effect)), NOW)
            .expect("awaited")
            .next;
    }
    let green = Event::Gates {
        failing: None,
        after_gap: false,
    };
    let asked = step(&session, green, NOW.plus_seconds(2))
        .expect("fine")
        .next;
    assert_eq!(asked.visible(), VisibleState::Failback);
    assert!(
        asked
            .timer_stopped
            .is_some_and(|why| why.contains("left out"))
    );
}
