//! SIGKILL at every effect in turn: afterwards the disks are equal, or the undo is complete.

use model::{Outcome, PowerState, VisibleState};

use crate::{
    case::{Case, LIMIT, Way, is_failback},
    console::{Console, until},
    created,
};

/// Effects from Finish to Failback without a power-on: nine of phase 1, eleven of the switchover, and
/// one more: the original's storage policy, or the pointer where another VM takes its place. Making a
/// VM takes the place of the pre-failback snapshot, and its firmware gets what the replica's keeps.
const fn to_failback(way: Way) -> u32 {
    match way {
        Way::Original | Way::Recovered => 21,
        Way::Specified => 22,
    }
}

/// Effects of undo after the switchover; one gives the original its policy again, or records it again
/// where another VM took its place.
const fn of_undo(way: Way) -> u32 {
    match way {
        Way::Specified => 8,
        Way::Original | Way::Recovered => 9,
    }
}

/// Effects of commit; one repoints jobs.
const fn of_commit(way: Way) -> u32 {
    match way {
        Way::Original | Way::Specified => 3,
        Way::Recovered => 4,
    }
}

/// Kills the program at one effect on the way to Failback, and lets another finish the work.
fn killed_on_the_way(way: Way, vm: &'static str, kill_at: &str) {
    let case = Case::by(way, vm);
    let console = case.start(Some(kill_at));
    case.finish(&console, "auto");
    console.until_killed();
    let console = case.start(None);
    let session = case.session(&console, "Failback", is_failback);
    case.verify();
    if way == Way::Specified {
        assert_eq!(
            case.firmware_of_new_vm(),
            Some(created::FIRMWARE.to_owned())
        );
    }
    let steps: Vec<_> = session
        .steps
        .iter()
        .filter(|step| step.done_at.is_some())
        .map(|step| (step.activity.clone(), step.step))
        .collect();
    assert_eq!(
        steps.len(),
        to_failback(way) as usize,
        "a step was done twice: {steps:?}"
    );
}

#[test]
fn killed_before_any_effect_on_the_way_it_ends_equal() {
    for number in 1..=to_failback(Way::Original) {
        killed_on_the_way(Way::Original, "tiny-a", &format!("begun:{number}"));
    }
}

#[test]
fn killed_after_any_effect_on_the_way_it_ends_equal() {
    for number in 1..=to_failback(Way::Original) {
        killed_on_the_way(Way::Original, "tiny-b", &format!("performed:{number}"));
    }
}

#[test]
fn killed_before_any_effect_on_the_way_to_a_recovered_vm_it_ends_equal() {
    for number in 1..=to_failback(Way::Recovered) {
        killed_on_the_way(Way::Recovered, "tiny-b", &format!("begun:{number}"));
    }
}

#[test]
fn killed_after_any_effect_on_the_way_to_a_recovered_vm_it_ends_equal() {
    for number in 1..=to_failback(Way::Recovered) {
        killed_on_the_way(Way::Recovered, "tiny-a", &format!("performed:{number}"));
    }
}

#[test]
fn killed_before_any_effect_on_the_way_to_a_new_vm_it_ends_equal() {
    for number in 1..=to_failback(Way::Specified) {
        killed_on_the_way(Way::Specified, "tiny-a", &format!("begun:{number}"));
    }
}

#[test]
fn killed_after_any_effect_on_the_way_to_a_new_vm_it_ends_equal() {
    for number in 1..=to_failback(Way::Specified) {
        killed_on_the_way(Way::Specified, "tiny-b", &format!("performed:{number}"));
    }
}

/// Both sides' content, disk by disk.
struct Before {
    production: Vec<Vec<u8>>,
    original: Vec<Vec<u8>>,
    jobs: Vec<Vec<String>>,
    /// As it was at the switchover.
    replica: Vec<Vec<u8>>,
}

/// Reaches Failback, and then is killed at one effect of what ends the session.
fn killed_at_the_end(
    way: Way,
    vm: &'static str,
    operation: &str,
    kill_at: &str,
) -> (Case, Console, Before) {
    let case = Case::by(way, vm);
    let console = case.start(None);
    until("the estate", LIMIT, || case.replica(&console));
    let production = case.production_content();
    let (original, jobs) = (case.original_content(), case.jobs());
    case.finish(&console, "auto");
    case.session(&console, "Failback", is_failback);
    console.kill();
    let before = Before {
        production,
        original,
        jobs,
        replica: case.replica_content(1),
    };
    let console = case.start(Some(kill_at));
    let session = case.session(&console, "Failback", is_failback);
    console.act(&session, operation);
    console.until_killed();
    let console = case.start(None);
    (case, console, before)
}

#[test]
fn killed_at_any_effect_of_undo_both_sides_are_as_before() {
    undone_whatever_happens(Way::Original, "tiny-a");
}

#[test]
fn killed_at_any_effect_of_undo_the_recovered_vm_and_the_original_are_as_before() {
    undone_whatever_happens(Way::Recovered, "tiny-a");
}

#[test]
fn killed_at_any_effect_of_undo_the_new_vm_is_gone_and_the_original_as_before() {
    undone_whatever_happens(Way::Specified, "tiny-b");
}

fn undone_whatever_happens(way: Way, vm: &'static str) {
    for number in 1..=of_undo(way) {
        for moment in ["begun", "performed"] {
            let kill_at = format!("{moment}:{number}");
            let (case, console, before) = killed_at_the_end(way, vm, "undo", &kill_at);
            case.session(&console, "the end", |session| {
                session.summary.outcome == Some(Outcome::Undone)
            });
            assert!(
                case.production_content() == before.production,
                "production differs after {kill_at}"
            );
            assert!(
                case.original_content() == before.original,
                "the original differs after {kill_at}"
            );
            assert_eq!(case.jobs(), before.jobs);
            let replica = until("the replica", LIMIT, || {
                case.replica(&console)
                    .filter(|replica| replica.power == PowerState::On)
            });
            assert_eq!(replica.state, VisibleState::Failover);
            assert_eq!(replica.production_power, Some(PowerState::Off));
            assert_eq!(replica.production_name, vm, "after {kill_at}");
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
    committed_whatever_happens(Way::Original, "tiny-b");
}

#[test]
fn killed_at_any_effect_of_commit_the_recovered_vm_has_the_originals_place_and_jobs() {
    committed_whatever_happens(Way::Recovered, "tiny-b");
}

#[test]
fn killed_at_any_effect_of_commit_the_new_vm_has_the_originals_place_and_jobs() {
    committed_whatever_happens(Way::Specified, "tiny-a");
}

#[test]
fn a_lab_that_is_made_anew_forgets_what_took_an_originals_place() {
    let case = Case::by(Way::Recovered, "tiny-a");
    let console = case.start(None);
    case.finish(&console, "auto");
    let session = case.session(&console, "Failback", is_failback);
    console.act(&session, "commit");
    let named = |console: &Console, name: String| {
        until("the name", LIMIT, || {
            case.replica(console)
                .filter(|replica| replica.production_name == name)
        });
    };
    case.session(&console, "the end", |it| it.summary.outcome.is_some());
    named(&console, case.production_name());
    drop(console.post("/api/console/lab/reset", &[]));
    named(&console, "tiny-a".to_owned());
    // The same from the command line, without a console.
    case.finish(&console, "auto");
    let session = case.session(&console, "Failback", is_failback);
    console.act(&session, "commit");
    case.session(&console, "the end", |it| it.summary.outcome.is_some());
    console.kill();
    case.reset();
    named(&case.start(None), "tiny-a".to_owned());
}

fn committed_whatever_happens(way: Way, vm: &'static str) {
    for number in 1..=of_commit(way) {
        for moment in ["begun", "performed"] {
            let kill_at = format!("{moment}:{number}");
            let (case, console, before) = killed_at_the_end(way, vm, "commit", &kill_at);
            case.session(&console, "the end", |session| {
                session.summary.outcome == Some(Outcome::Committed)
            });
            case.verify();
            let replica = until("Ready", LIMIT, || {
                case.replica(&console)
                    .filter(|replica| replica.state == VisibleState::Ready)
            });
            assert_eq!(replica.production_name, case.production_name());
            if way == Way::Specified {
                let (size, taken) = case.production_space();
                assert!(
                    taken * 2 < size,
                    "thin disks: {taken} of {size} bytes are taken"
                );
            }
            let follows = |name: &String| {
                if name == vm {
                    case.production()
                } else {
                    name.clone()
                }
            };
            let expected: Vec<Vec<String>> = before
                .jobs
                .iter()
                .map(|names| names.iter().map(follows).collect())
                .collect();
            assert_eq!(case.jobs(), expected, "after {kill_at}");
        }
    }
}
