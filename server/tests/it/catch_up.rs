//! Catch-up passes while the replica's guest writes on: the last pass is small.

use model::{StepName, VisibleState, view::SessionView};

use crate::case::{Case, Way, is_failback};

/// Catch-up passes that have ended.
fn passes(session: &SessionView) -> usize {
    session
        .steps
        .iter()
        .filter(|step| step.activity == "Catch-up pass" && step.done_at.is_some())
        .filter(|step| step.step == StepName::DropProtectivePoint)
        .count()
}

#[test]
fn passes_follow_each_other_predict_the_downtime_and_leave_little_for_the_last() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    case.finish_with(&console, &[("mode", "manual"), ("catch_up", "10 s")]);
    let first = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    let whole = first.disks[0].counters;
    let said = first.after.downtime.expect("said");
    assert!(said.starts_with("Not predicted yet"), "{said}");
    assert!(first.after.catch_up.contains("10 s after the last one"));

    let caught_up = case.session(&console, "two passes", |session| {
        passes(session) >= 2 && session.progress.waiting.is_none()
    });
    let said = caught_up.after.downtime.as_deref().expect("predicted");
    assert!(said.starts_with("About "), "{said}");
    assert!(said.contains("to send the last changes"), "{said}");
    assert!(case.replica_runs(&console), "it serves on");

    // Faster, then off: no pass begins any more.
    console.ask(
        &caught_up,
        &[("operation", "set_catch_up"), ("catch_up", "0")],
    );
    let off = case.session(&console, "passes that are off", |session| {
        session.after.catch_up.starts_with("No catch-up passes.")
    });
    let before = passes(&off);
    console.act(&off, "switch_now");
    let ended = case.session(&console, "Failback", is_failback);
    assert!(passes(&ended) <= before + 1, "only one that was at work");
    let last = ended.disks[0].counters;
    assert!(last.sent.0 > 0, "the guest wrote until it was shut down");
    assert!(
        last.scanned.0 * 4 <= whole.scanned.0,
        "{last:?} after {whole:?}"
    );
    case.verify();
}
