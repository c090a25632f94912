//! What the page of a batch says.

use model::SessionId;

use super::*;

fn of(operation: Operation, count: usize) -> BatchAction {
    BatchAction {
        operation,
        count,
        names: (0..count.min(12))
            .map(|number| format!("vm-{number}"))
            .collect(),
        asked: Vec::new(),
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
fn only_what_is_possible_and_was_asked_about_has_a_confirmation() {
    let asked = BatchAction {
        asked: vec![SessionId::new("s0")],
        ..of(Operation::Retry, 1)
    };
    let shown = [of(Operation::Undo, 1), asked];
    assert_eq!(action(&shown, "retry"), shown.last());
    for other in ["undo", "cancel", "what"] {
        assert_eq!(action(&shown, other), None, "{other}");
    }
}
