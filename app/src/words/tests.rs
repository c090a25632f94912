//! Words as literal tables.

use model::{Actor, Attention, BatchId, SessionId, StepName};

use super::*;

fn session(state: VisibleState) -> SessionSummary {
    SessionSummary {
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
    }
}

#[test]
fn thousands_stand_apart() {
    let words = [0, 7, 999, 1_000, 10_000, 1_234_567].map(grouped);
    assert_eq!(words, ["0", "7", "999", "1,000", "10,000", "1,234,567"]);
}

#[test]
fn durations_have_two_units_at_most() {
    for (seconds, text) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (90_061, "1 d 1 h"),
    ] {
        assert_eq!(duration(seconds), text);
    }
}

#[test]
fn times_are_relative_to_the_answer() {
    let now = Timestamp(0).plus_seconds(1_000_000);
    for (offset, text) in [
        (0, "just now"),
        (-9, "just now"),
        (5, "just now"),
        (-10, "10 s ago"),
        (-720, "12 min ago"),
        (-90_000, "25 h ago"),
        (-200_000, "2 d ago"),
        (10_800, "in 3 h"),
    ] {
        assert_eq!(relative_time(now, now.plus_seconds(offset)), text);
    }
}

#[test]
fn machines_get_iso_times() {
    let at = Timestamp(951_782_400_000_000);
    assert_eq!(machine_time(at), "2000-02-29T00:00:00Z");
    assert_eq!(clock_time(at), "00:00:00");
}

#[test]
fn a_hundred_percent_is_all_and_nothing_less() {
    for (done, all, expected) in [
        (0, 0, None),
        (0, 10, Some(0)),
        (999, 1_000, Some(99)),
        (1_000, 1_000, Some(100)),
        (2_000, 1_000, Some(100)),
        (u64::MAX, u64::MAX, Some(100)),
    ] {
        assert_eq!(percent(ByteCount(done), ByteCount(all)), expected);
    }
}

#[test]
fn remaining_time_names_what_decides_it() {
    assert_eq!(
        remaining(Some(190), Some(Limiter::Reading)),
        "about 3 min left, decided by reading the disks"
    );
    assert_eq!(remaining(None, None), "remaining time not known yet");
    assert_eq!(
        remaining(Some(0), Some(Limiter::SpeedLimit)),
        "less than 1 s left, decided by the speed limit"
    );
}

#[test]
fn states_have_one_colour_per_meaning() {
    let tone = |session: &SessionSummary| session_badge(session).tone;
    let mut ready = session(VisibleState::ReadyToSwitch);
    assert_eq!(tone(&ready), Tone::Running);
    ready.waits_for_you = true;
    assert_eq!(tone(&ready), Tone::Waiting);
    assert_eq!(tone(&session(VisibleState::Failback)), Tone::Waiting);
    assert_eq!(tone(&session(VisibleState::Synchronizing)), Tone::Running);
    let mut ended = session(VisibleState::Committing);
    ended.outcome = Some(Outcome::Committed);
    assert_eq!(tone(&ended), Tone::Done);
    assert_eq!(session_badge(&ended).words, "Committed");
}

#[test]
fn attention_stands_beside_the_state_and_never_hides_it() {
    let mut stuck = session(VisibleState::Switching);
    stuck.attention = Some(Attention {
        step: StepName::ShutDownReplica,
        cause: "The guest does not answer.".to_owned(),
        since: Timestamp(0),
        unreadable: false,
    });
    stuck.waits_for_you = true;
    stuck.paused = true;
    let words: Vec<_> = session_marks(&stuck)
        .into_iter()
        .map(|mark| mark.words)
        .collect();
    assert_eq!(words, ["Needs attention", "Paused"]);
    assert_eq!(session_badge(&stuck).words, "Switching");
    stuck.outcome = Some(Outcome::Undone);
    assert!(session_marks(&stuck).is_empty());
}

#[test]
fn a_limit_is_a_whole_number_or_nothing() {
    assert_eq!(parse_limit(" 50 "), Ok(50));
    assert_eq!(parse_limit(""), Ok(0));
    for wrong in ["-1", "5.5", "fast", "99999999999999999999999"] {
        let error = parse_limit(wrong).expect_err("no whole number");
        assert_eq!(error.field.as_deref(), Some("limit_mib"));
    }
}

#[test]
fn nouns_are_counted() {
    assert_eq!(counted(1, "replica"), "1 replica");
    assert_eq!(counted(0, "session"), "0 sessions");
}
