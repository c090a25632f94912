//! Typed times: zones, clocks that change, and what is no longer to come.

use model::{ApiError, FailbackMode, Timestamp, view::ModeInput};

use super::fixture::{NOW, scheduled};
use crate::mode::{parse, words};

fn instant(input: &ModeInput) -> i64 {
    match parse(input, NOW).unwrap() {
        FailbackMode::Scheduled { at, .. } => at.0 / 1_000_000,
        FailbackMode::Auto | FailbackMode::Manual => panic!("scheduled was asked for"),
    }
}

fn refusal(input: &ModeInput) -> (String, ApiError) {
    let error = parse(input, NOW).unwrap_err();
    (error.field.clone().unwrap(), error)
}

#[test]
fn a_local_time_becomes_an_instant_with_its_zone_and_its_limit() {
    let input = scheduled("2026-11-23T05:30", "europe/berlin");
    let mode = parse(&input, NOW).unwrap();
    let at = NOW.plus_seconds(1_800);
    let expected = FailbackMode::Scheduled {
        at,
        zone: "Europe/Berlin".to_owned(),
        not_later_than: at.plus_seconds(3_600),
    };
    assert_eq!(mode, expected);
    assert_eq!(
        words(&mode),
        "Scheduled: switches over at 2026-11-23 05:30 Europe/Berlin, by itself not later than \
         2026-11-23 06:30 Europe/Berlin"
    );
    let short = ModeInput {
        not_later_minutes: "5".to_owned(),
        ..input
    };
    let FailbackMode::Scheduled { not_later_than, .. } = parse(&short, NOW).unwrap() else {
        panic!("scheduled was asked for")
    };
    assert_eq!(not_later_than, at.plus_seconds(300));
}

#[test]
fn a_time_that_the_clocks_skip_is_refused_with_the_next_valid_one() {
    for typed in ["2027-03-28T02:30", "2027-03-28T02:00", "2027-03-28T02:59"] {
        let (field, error) = refusal(&scheduled(typed, "Europe/Berlin"));
        assert_eq!(field, "at");
        assert_eq!(
            error.hint, "The next valid time is 2027-03-28T03:00.",
            "{typed}"
        );
    }
    // The next valid time is valid, and so is the last minute before.
    let (after, before) = (
        instant(&scheduled("2027-03-28T03:00", "Europe/Berlin")),
        instant(&scheduled("2027-03-28T01:59", "Europe/Berlin")),
    );
    assert_eq!(after - before, 60);
}

#[test]
fn a_time_that_comes_twice_asks_which() {
    let mut input = scheduled("2027-10-31T02:30", "Europe/Berlin");
    let (field, error) = refusal(&input);
    assert_eq!(field, "which");
    assert!(error.message.contains("00:30 UTC") && error.message.contains("01:30 UTC"));
    input.which = "earlier".to_owned();
    let earlier = instant(&input);
    input.which = "later".to_owned();
    assert_eq!(instant(&input) - earlier, 3_600);
}

#[test]
fn bad_input_is_refused_at_its_field() {
    let late = |minutes: &str| ModeInput {
        not_later_minutes: minutes.to_owned(),
        ..scheduled("2026-11-24T00:00", "UTC")
    };
    let mode = |mode: &str| ModeInput {
        mode: mode.to_owned(),
        ..ModeInput::default()
    };
    for (input, field) in [
        (mode(""), "mode"),
        (mode("sometimes"), "mode"),
        (scheduled("", "UTC"), "at"),
        (scheduled("tomorrow", "UTC"), "at"),
        (scheduled("2026-02-30T00:00", "UTC"), "at"),
        (scheduled("9999-12-31T23:59", "Pacific/Kiritimati"), ""),
        (scheduled("2026-11-24T00:00", ""), "zone"),
        (scheduled("2026-11-24T00:00", "../../etc/passwd"), "zone"),
        (late("0"), "not_later_minutes"),
        (late("-5"), "not_later_minutes"),
        (late("soon"), "not_later_minutes"),
        (late("999999999999"), "not_later_minutes"),
    ] {
        match parse(&input, NOW) {
            Ok(_) => assert_eq!(field, "", "{input:?}"),
            Err(error) => {
                assert!(!error.message.is_empty() && !error.hint.is_empty());
                if !field.is_empty() {
                    assert_eq!(error.field.as_deref(), Some(field), "{input:?}");
                }
            }
        }
    }
}

#[test]
fn a_time_that_has_passed_is_refused() {
    let (field, _) = refusal(&scheduled("2026-11-23T04:00", "UTC"));
    assert_eq!(field, "at");
    assert_eq!(
        instant(&scheduled("2026-11-23T04:01", "UTC")),
        Timestamp(NOW.0).plus_seconds(60).0 / 1_000_000
    );
}
