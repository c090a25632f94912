//! What can be typed about catch-up passes, timers and gates, and what is refused where.

use model::{ApiError, CatchUp, CommitTimer, FailbackMode, HealthGate, view::TimerInput};

use super::{catch_up, length, timer, timer_input, timer_words};

fn input(kind: &str, after: &str, gates: &str) -> TimerInput {
    TimerInput {
        timer: kind.to_owned(),
        timer_after: after.to_owned(),
        gates: gates.to_owned(),
        undo_consent: kind == "undo",
    }
}

/// The field, the cause and the next step of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (String, String, String) {
    let error = result.expect_err("refused");
    (error.field.unwrap_or_default(), error.message, error.hint)
}

#[test]
fn empty_passes_suit_the_mode_and_a_number_is_minutes() {
    let every = |seconds| {
        Some(CatchUp {
            every_seconds: seconds,
        })
    };
    let manual = FailbackMode::Manual;
    for (typed, mode, expected) in [
        ("", &FailbackMode::Auto, None),
        ("", &manual, every(900)),
        (" 5 ", &manual, every(300)),
        ("5", &FailbackMode::Auto, every(300)),
        ("90 s", &manual, every(90)),
        ("90s", &manual, every(90)),
        ("2 h", &manual, every(7_200)),
        ("0", &manual, None),
        ("off", &manual, None),
    ] {
        assert_eq!(catch_up(typed, mode).expect(typed), expected, "{typed}");
    }
    for typed in [
        "soon",
        "-5",
        "+5",
        "1.5",
        "9 s",
        "25 h",
        "5 days",
        "99999999999",
        "5 5",
        "s",
    ] {
        let (field, cause, _) = refusal(catch_up(typed, &manual));
        assert_eq!(field, "catch_up");
        assert!(cause.contains(typed), "{cause}");
    }
}

#[test]
fn gates_are_read_line_by_line_and_count_once() {
    let typed = "tcp://10.0.0.5:443\r\n\n  tcp://[::1]:22 \nhttp://web-01.example:8080/health?a=b\ntcp://10.0.0.5:443\nhttp://[::1]";
    let none = timer(&input("", "", "not looked at")).expect("fine");
    assert_eq!(none, (CommitTimer::None, Vec::new()));
    let (commit, gates) = timer(&input("commit", "5", typed)).expect("fine");
    let tcp = |host: &str, port| HealthGate::Tcp {
        host: host.to_owned(),
        port,
    };
    let http = |url: &str| HealthGate::Http {
        url: url.to_owned(),
    };
    assert_eq!(
        gates,
        [
            tcp("10.0.0.5", 443),
            tcp("::1", 22),
            http("http://web-01.example:8080/health?a=b"),
            http("http://[::1]"),
        ]
    );
    // What is shown can be typed again.
    let again = timer(&timer_input(commit, &gates)).expect("fine");
    assert_eq!(again, (commit, gates));
}

#[test]
fn gates_that_cannot_be_are_refused_with_cause_and_next_step() {
    for (typed, cause, step) in [
        ("10.0.0.5:443", "does not say how", "tcp://"),
        ("https://web-01/x", "is https", "tcp://web-01:443"),
        ("https://web-01:8443", "is https", "tcp://web-01:8443"),
        ("https://", "is https", "tcp://"),
        ("ftp://web-01", "begins with ftp://", "one a line"),
        ("tcp://web-01", "names no port", "tcp://web-01:443"),
        ("tcp://[::1]", "names no port", "tcp://[::1]:443"),
        ("tcp://web-01:0", "from 1 to 65535", "one a line"),
        ("tcp://web-01:65536", "from 1 to 65535", "one a line"),
        ("tcp://web-01:+5", "from 1 to 65535", "one a line"),
        ("tcp://:5", "from 1 to 65535", "one a line"),
        ("tcp://::1:5", "from 1 to 65535", "one a line"),
        ("tcp://[web]:5", "from 1 to 65535", "one a line"),
        ("tcp://web-01:443/x", "from 1 to 65535", "one a line"),
        ("http:///x", "names no host", "one a line"),
        ("http://me@web-01/", "names no host", "one a line"),
        ("http://web-01/#a", "has a #", "Leave out"),
        ("http://web-01/a b", "has a blank", "one a line"),
        (
            "http://w\u{fc}rfel/",
            "character that no address has",
            "one a line",
        ),
    ] {
        let (field, message, hint) = refusal(timer(&input("commit", "5", typed)));
        assert_eq!(field, "gates", "{typed}");
        assert!(message.contains(cause), "{typed}: {message}");
        assert!(hint.contains(step), "{typed}: {hint}");
    }
    let many: Vec<_> = (1..=17).map(|port| format!("tcp://a:{port}")).collect();
    let (_, message, _) = refusal(timer(&input("commit", "5", &many.join("\n"))));
    assert!(message.contains("17 health gates"), "{message}");
}

#[test]
fn a_timer_that_undoes_needs_a_gate_and_consent() {
    let gate = "tcp://10.0.0.5:443";
    let agreed = input("undo", "5", gate);
    let (undo, _) = timer(&agreed).expect("fine");
    assert_eq!(undo, CommitTimer::UndoAfter { seconds: 300 });
    let (field, ..) = refusal(timer(&input("undo", "5", " \n")));
    assert_eq!(field, "gates");
    let (field, ..) = refusal(timer(&TimerInput {
        undo_consent: false,
        ..agreed
    }));
    assert_eq!(field, "undo_consent");
    for (kind, after, at) in [
        ("commit", "", "timer_after"),
        ("commit", "0", "timer_after"),
        ("undo", "31 days", "timer_after"),
        ("explode", "5", "timer"),
    ] {
        let (field, ..) = refusal(timer(&input(kind, after, gate)));
        assert_eq!(field, at, "{kind} {after}");
    }
    let (commit, gates) = timer(&input("commit", "2 h", "")).expect("gates are not needed");
    assert_eq!(commit, CommitTimer::CommitAfter { seconds: 7_200 });
    let words = timer_words(commit, &gates);
    assert!(
        words.contains("2 h") && words.contains("no health gate is set"),
        "{words}"
    );
}

#[test]
fn lengths_are_said_in_whole_units() {
    let said: Vec<_> = [0, 59, 60, 90, 3_600, 5_400].map(length).to_vec();
    assert_eq!(said, ["0 s", "59 s", "1 min", "90 s", "1 h", "90 min"]);
}
