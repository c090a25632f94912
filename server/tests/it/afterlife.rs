//! What follows the switchover by itself: commit with green gates, undo after red ones, and
//! questions where the console cannot know.

use std::{fs, thread, time::Duration};

use model::{Outcome, VisibleState, view::SessionView};

use crate::{
    case::{Case, Way, is_failback},
    console::Console,
    gate::{Web, port},
};

/// Long enough for gates to be tried a few times.
const A_WHILE: Duration = Duration::from_secs(3);

fn ended(outcome: Outcome) -> impl Fn(&SessionView) -> bool {
    move |session| session.summary.outcome == Some(outcome)
}

/// An automatic failback with a timer and its gates.
fn with_timer(case: &Case, console: &Console, timer: &str, after: &str, gates: &[&str]) {
    let gates = gates.join("\r\n");
    let form = [
        ("mode", "auto"),
        ("timer", timer),
        ("timer_after", after),
        ("gates", &gates),
        ("undo_consent", "true"),
    ];
    case.finish_with(console, &form);
}

/// Waits a while in which the session must stay where it is.
fn stays_in_failback(case: &Case, console: &Console) -> SessionView {
    thread::sleep(A_WHILE);
    let session = case.session(console, "the session", |_| true);
    assert!(is_failback(&session), "{:?}", session.summary);
    session
}

#[test]
fn commit_follows_its_time_when_all_gates_are_green() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    let (_listener, tcp) = port();
    let web = Web::start(true);
    with_timer(&case, &console, "commit", "4 s", &[&tcp, &web.gate()]);
    let waiting = case.session(&console, "green gates", |session| {
        is_failback(session)
            && session.after.gates.len() == 2
            && session.after.gates.iter().all(|it| it.green == Some(true))
    });
    assert!(
        waiting.undo_until.contains("the timer commits"),
        "{}",
        waiting.undo_until
    );
    let session = case.session(&console, "commit", ended(Outcome::Committed));
    let switched = waiting.steps.iter().filter_map(|step| step.done_at).max();
    let took = session.summary.ended_at.expect("over");
    let took = took.seconds_since(switched.expect("switched"));
    assert!(took >= 3, "it waited only {took} s");
    assert!(web.asked() > 1, "asked {} times", web.asked());
}

#[test]
fn a_red_gate_stops_the_commit_and_says_so_and_the_timer_can_be_set_anew() {
    let case = Case::by(Way::Original, "tiny-b");
    let console = case.start(None);
    let (_listener, tcp) = port();
    let web = Web::start(false);
    let gate = web.gate();
    with_timer(&case, &console, "commit", "2 s", &[&tcp, &gate]);
    let stopped = case.session(&console, "the question", |session| {
        session.after.timer_stopped.is_some()
    });
    let why = stopped.after.timer_stopped.clone().expect("said");
    assert!(why.contains(&gate) && why.contains("503"), "{why}");
    // Well again: nobody takes the old order up.
    web.set(true);
    let session = stays_in_failback(&case, &console);
    assert!(session.log.iter().any(|line| line.text == why), "logged");
    assert!(session.summary.waits_for_you);

    let since = stopped.log.last().expect("lines").at;
    let passed = session.now.seconds_since(since) + 10;
    let after = format!("{} s", passed + 5);
    let form = [
        ("operation", "set_timer"),
        ("timer", "commit"),
        ("timer_after", &after),
        ("gates", &gate),
    ];
    console.ask(&session, &form);
    let anew = case.session(&console, "the timer", |session| {
        session.after.timer.starts_with("Commits by itself at")
    });
    assert_eq!(anew.after.timer_stopped, None);
    case.session(&console, "commit", ended(Outcome::Committed));
}

#[test]
fn undo_follows_gates_that_failed_for_its_time_without_a_break() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    crate::console::until("the estate", crate::case::LIMIT, || case.replica(&console));
    let before = case.production_content();
    let web = Web::start(true);
    with_timer(&case, &console, "undo", "4 s", &[&web.gate()]);
    case.session(&console, "Failback", is_failback);
    stays_in_failback(&case, &console);
    for well in [false, true, false] {
        web.set(well);
        let session = case.session(&console, "the gate's answer", |session| {
            session
                .after
                .gates
                .first()
                .is_some_and(|it| it.green == Some(well))
        });
        assert!(is_failback(&session), "a break begins the time anew");
    }
    let session = case.session(&console, "undo", ended(Outcome::Undone));
    let fired = session
        .log
        .iter()
        .any(|line| line.text.contains("the timer undoes"));
    assert!(fired, "{:?}", session.log);
    assert_eq!(case.production_content(), before);
}

#[test]
fn undo_by_itself_needs_a_consent_of_its_own() {
    let case = Case::by(Way::Original, "tiny-b");
    let console = case.start(None);
    case.finish(&console, "manual");
    let session = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    let id = session.summary.id.as_str();
    let form = [
        ("id", id),
        ("operation", "set_timer"),
        ("timer", "undo"),
        ("timer_after", "5"),
        ("gates", "tcp://127.0.0.1:1"),
    ];
    let refused = console
        .post("/api/console/session/act", &form)
        .expect("an answer");
    assert!(
        refused.body.contains("nobody agreed to it"),
        "{}",
        refused.body
    );
    let after = case.session(&console, "the session", |_| true).after;
    assert!(
        after.timer.starts_with("Nothing follows"),
        "{}",
        after.timer
    );
    let agreed = [&form[..], &[("undo_consent", "true")]].concat();
    console.ask(&session, &agreed[1..]);
    let after = case.session(&console, "the session", |_| true).after;
    assert!(
        after.timer.starts_with("Undoes by itself"),
        "{}",
        after.timer
    );
}

/// Reaches Failback with a timer, is down when its time comes, and comes back.
fn down_at_its_time(vm: &'static str, timer: &str, well: bool) {
    let case = Case::by(Way::Original, vm);
    let console = case.start(None);
    let web = Web::start(well);
    with_timer(&case, &console, timer, "6 s", &[&web.gate()]);
    case.session(&console, "the gate's answer", |session| {
        is_failback(session)
            && session
                .after
                .gates
                .first()
                .is_some_and(|it| it.green == Some(well))
    });
    console.kill();
    thread::sleep(Duration::from_secs(7));
    let console = case.start(None);
    let asks = case.session(&console, "the question", |session| {
        session.after.timer_stopped.is_some()
    });
    let why = asks.after.timer_stopped.expect("said");
    assert!(why.contains("The console was down"), "{why}");
    let session = stays_in_failback(&case, &console);
    assert!(session.summary.waits_for_you);
    console.act(&session, "commit");
    case.session(&console, "commit", ended(Outcome::Committed));
}

#[test]
fn a_commit_whose_time_passed_while_the_console_was_down_asks() {
    down_at_its_time("tiny-a", "commit", true);
}

#[test]
fn an_undo_whose_time_passed_while_the_console_was_down_asks() {
    down_at_its_time("tiny-b", "undo", false);
}

#[test]
fn an_undo_that_stops_on_an_error_is_retried_to_its_end() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    crate::console::until("the estate", crate::case::LIMIT, || case.replica(&console));
    let before = case.production_content();
    case.finish(&console, "auto");
    let session = case.session(&console, "Failback", is_failback);
    let vm = case
        .data()
        .join("lab/dr")
        .join(format!("{}-replica", case.vm));
    let described = fs::read_to_string(vm.join("vm.json")).expect("described");
    let described: serde_json::Value = serde_json::from_str(&described).expect("json");
    let base = vm.join(described["disks"][0]["base"].as_str().expect("an image"));
    let aside = vm.join("aside");
    fs::rename(&base, &aside).expect("moved");
    console.act(&session, "undo");
    let stuck = case.stuck_or_not(&console, "the failure", |session| {
        session.summary.attention.is_some()
    });
    assert_eq!(stuck.summary.state, VisibleState::Undoing);
    fs::rename(&aside, &base).expect("moved back");
    console.act(&stuck, "retry");
    case.stuck_or_not(&console, "undo", ended(Outcome::Undone));
    assert_eq!(case.production_content(), before);
    assert!(case.replica_runs(&console));
}
