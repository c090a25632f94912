//! What the page of a batch says.

use model::{Actor, BatchId, SessionId, Timestamp};

use super::*;

fn of(operation: Operation, count: usize) -> BatchAction {
    BatchAction {
        operation,
        sessions: (0..count)
            .map(|number| (SessionId::new(format!("s{number}")), format!("vm-{number}")))
            .collect(),
        consequence: "It is so.".to_owned(),
    }
}

#[test]
fn a_button_counts_and_a_confirmation_names() {
    assert_eq!(verb(&of(Operation::Cancel, 1)), "Cancel: 1 session");
    assert_eq!(
        question(&of(Operation::SwitchNow, 3)),
        "Switch over now: 3 sessions?"
    );
    assert_eq!(names(&of(Operation::Undo, 2)), "vm-0, vm-1");
    assert!(names(&of(Operation::Undo, 12)).ends_with(", vm-11"));
    assert!(names(&of(Operation::Undo, 14)).ends_with("vm-11 and 2 more"));
}

#[test]
fn only_what_is_possible_now_has_a_confirmation() {
    let view = BatchView {
        id: BatchId::new("b"),
        now: Timestamp(0),
        headline: String::new(),
        started_by: Actor::new("local operator"),
        started_at: Timestamp(0),
        reason: String::new(),
        at_once: "2".to_owned(),
        sessions: Vec::new(),
        actions: vec![of(Operation::Retry, 1)],
    };
    assert_eq!(action(&view, "retry"), view.actions.first());
    assert_eq!(action(&view, "cancel"), None);
    assert_eq!(action(&view, "what"), None);
}
