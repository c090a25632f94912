//! Before a session begins: it waits in the queue of its batch.

use model::{FailbackMode, Outcome, Stand, VisibleState};

use super::paths::{NOW, ask, run_to_rest};
use crate::{Event, Session, State, Step, Terms, begin, step};

fn queued(mode: FailbackMode) -> Session {
    Session::new(Terms::original_vm(mode))
}

#[test]
fn a_queued_session_does_nothing_until_it_begins() {
    let session = queued(FailbackMode::Auto);
    assert_eq!(session.stand(), Stand::Queued);
    assert_eq!(session.visible(), VisibleState::Synchronizing);
    let back = step(&session, Event::Restarted, NOW).expect("fine");
    assert_eq!(back, Step::unchanged(&session));
    let begun = begin(session);
    assert_eq!(begun.next.stand(), Stand::AtWork);
    assert_eq!(begun.directives.len(), 1);
    let stored = Session::from_record(&begun.next.to_record()).expect("known");
    assert!(stored.begun);
}

#[test]
fn cancel_ends_a_queued_session_without_any_step() {
    let cancelled = step(&queued(FailbackMode::Manual), Event::Cancel, NOW).expect("allowed");
    assert!(cancelled.directives.is_empty(), "nothing to take back");
    let ended = matches!(
        cancelled.next.state,
        State::Ended {
            outcome: Outcome::Cancelled,
            ..
        }
    );
    assert!(ended, "{:?}", cancelled.next.state);
}

#[test]
fn a_place_is_taken_by_what_works_and_not_by_what_rests() {
    let mut session = begin(queued(FailbackMode::Manual)).next;
    let stuck = step(
        &session,
        Event::Failed {
            cause: "The link broke.".to_owned(),
            temporary: false,
            unreadable: false,
        },
        NOW,
    );
    assert_eq!(stuck.expect("at work").next.stand(), Stand::Resting);
    run_to_rest(&mut session);
    assert_eq!(session.stand(), Stand::Resting, "ready to switch");
    let mut switching = ask(&session, Event::SwitchNow);
    assert_eq!(switching.stand(), Stand::AtWork);
    run_to_rest(&mut switching);
    assert_eq!(switching.stand(), Stand::Resting, "in Failback");
}
