//! SIGKILL at every effect in turn: afterwards the disks are equal, or the undo is complete.

use model::{Outcome, PowerState, VisibleState};

use crate::{
    case::{Case, LIMIT, is_failback},
    console::{Console, until},
};

/// Effects from Finish to Failback without a power-on: nine of phase 1, ten of the switchover.
const TO_FAILBACK: u32 = 19;
const OF_UNDO: u32 = 8;
const OF_COMMIT: u32 = 3;

/// Kills the program at one effect on the way to Failback, and lets another finish the work.
fn killed_on_the_way(vm: &'static str, kill_at: &str) {
    let case = Case::new(vm);
    let console = case.start(Some(kill_at));
    case.finish(&console, "auto");
    Case::until_killed(console);
    let console = case.start(None);
    let session = case.session(&console, "Failback", is_failback);
    case.verify();
    let steps: Vec<_> = session
        .steps
        .iter()
        .filter(|step| step.done_at.is_some())
        .map(|step| (step.activity.clone(), step.step))
        .collect();
    assert_eq!(
        steps.len(),
        TO_FAILBACK as usize,
        "a step was done twice: {steps:?}"
    );
}

#[test]
fn killed_before_any_effect_on_the_way_it_ends_equal() {
    for number in 1..=TO_FAILBACK {
        killed_on_the_way("tiny-a", &format!("begun:{number}"));
    }
}

#[test]
fn killed_after_any_effect_on_the_way_it_ends_equal() {
    for number in 1..=TO_FAILBACK {
        killed_on_the_way("tiny-b", &format!("performed:{number}"));
    }
}

/// Both sides' content, disk by disk.
struct Before {
    production: Vec<Vec<u8>>,
    /// As it was at the switchover.
    replica: Vec<Vec<u8>>,
}

/// Reaches Failback, and then is killed at one effect of what ends the session.
fn killed_at_the_end(vm: &'static str, operation: &str, kill_at: &str) -> (Case, Console, Before) {
    let case = Case::new(vm);
    let console = case.start(None);
    until("the estate", LIMIT, || case.replica(&console));
    let production = case.production_content();
    case.finish(&console, "auto");
    case.session(&console, "Failback", is_failback);
    console.kill();
    let before = Before {
        production,
        replica: case.replica_content(1),
    };
    let console = case.start(Some(kill_at));
    let session = case.session(&console, "Failback", is_failback);
    Case::act(&console, &session, operation);
    Case::until_killed(console);
    let console = case.start(None);
    (case, console, before)
}

#[test]
fn killed_at_any_effect_of_undo_both_sides_are_as_before() {
    for number in 1..=OF_UNDO {
        for moment in ["begun", "performed"] {
            let kill_at = format!("{moment}:{number}");
            let (case, console, before) = killed_at_the_end("tiny-a", "undo", &kill_at);
            case.session(&console, "the end", |session| {
                session.summary.outcome == Some(Outcome::Undone)
            });
            assert!(
                case.production_content() == before.production,
                "production differs after {kill_at}"
            );
            let replica = until("the replica", LIMIT, || {
                case.replica(&console)
                    .filter(|replica| replica.power == PowerState::On)
            });
            assert_eq!(replica.state, VisibleState::Failover);
            assert_eq!(replica.production_power, Some(PowerState::Off));
            console.kill();
            let changed = changed_blocks(&before.replica, &case.replica_content(0));
            assert!(changed <= GUEST_WROTE, "{changed} blocks after {kill_at}");
        }
    }
}

/// Blocks of 4 KiB that a replica's guest may have written since it was powered on again: records
/// and the state of its file system.
const GUEST_WROTE: usize = 24;

fn changed_blocks(before: &[Vec<u8>], after: &[Vec<u8>]) -> usize {
    assert_eq!(before.len(), after.len());
    let of_disk = |(before, after): (&Vec<u8>, &Vec<u8>)| {
        assert_eq!(before.len(), after.len());
        let blocks = before.chunks(4096).zip(after.chunks(4096));
        blocks.filter(|(old, new)| old != new).count()
    };
    before.iter().zip(after).map(of_disk).sum()
}

#[test]
fn killed_at_any_effect_of_commit_production_keeps_what_was_proved() {
    for number in 1..=OF_COMMIT {
        for moment in ["begun", "performed"] {
            let kill_at = format!("{moment}:{number}");
            let (case, console, _) = killed_at_the_end("tiny-b", "commit", &kill_at);
            case.session(&console, "the end", |session| {
                session.summary.outcome == Some(Outcome::Committed)
            });
            case.verify();
            until("Ready", LIMIT, || {
                case.replica(&console)
                    .filter(|replica| replica.state == VisibleState::Ready)
            });
        }
    }
}
