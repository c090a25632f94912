//! What a session keeps of production, and until when.

use std::path::PathBuf;

use model::{
    DiskPhase, VisibleState,
    view::{DraftView, DryRunView, SessionView},
};

use crate::{
    case::{Case, LIMIT, is_failback},
    console::{Console, until},
};

/// Every digest store in the data directory.
fn stores(case: &Case) -> Vec<PathBuf> {
    let mut folders = vec![case.data().join("digests")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Waits for the dry run of a draft; what it says of each VM.
fn dry_run(console: &Console, draft: &str) -> DryRunView {
    until("the dry run", LIMIT, || {
        let answer = console.get(&format!("/api/console/draft?id={draft}&step=summary"))?;
        let view: DraftView = serde_json::from_str(&answer.body).ok()?;
        view.dry_run.filter(|run| run.done_at.is_some())
    })
}

fn is_ready(session: &SessionView) -> bool {
    session.summary.state == VisibleState::ReadyToSwitch
}

fn says(session: &SessionView, text: &str) -> bool {
    session.log.iter().any(|line| line.text.contains(text))
}

#[test]
fn phase_1_keeps_what_production_holds_and_the_switchover_believes_it() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    case.finish(&console, "manual");
    let ready = case.session(&console, "Ready to switch", is_ready);
    // Of each disk at production and at the replica.
    assert_eq!(stores(&case).len(), 2 * ready.disks.len());
    assert!(!says(&ready, "known by kept digests"));
    console.act(&ready, "switch_now");
    let ended = case.session(&console, "Failback", is_failback);
    assert!(says(&ended, "known by kept digests"), "{:?}", ended.log);
    for disk in &ended.disks {
        let counters = disk.counters;
        assert_eq!(counters.phase, DiskPhase::Done);
        assert_eq!(counters.read_target.0, 0, "{counters:?}");
    }
    case.verify();
    // Production may be anything after an undo.
    console.act(&ended, "undo");
    case.session(&console, "Failover", |session| {
        session.summary.ended_at.is_some()
    });
    until("the stores to go", LIMIT, || {
        stores(&case).is_empty().then_some(())
    });
}

#[test]
fn what_a_dry_run_read_of_production_phase_1_does_not_read_again() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    let draft = case.draft(&console, "manual");
    Case::press(&console, &draft, "dry_run");
    let run = dry_run(&console, &draft);
    let [vm] = &run.vms[..] else {
        panic!("one VM: {run:?}");
    };
    assert_eq!(vm.error, None);
    Case::press(&console, &draft, "finish");
    let ready = case.session(&console, "Ready to switch", is_ready);
    assert!(says(&ready, "known by kept digests"), "{:?}", ready.log);
    for disk in &ready.disks {
        let counters = disk.counters;
        assert_eq!(counters.read_target.0, 0, "{counters:?}");
        assert!(counters.target_known.0 > 0, "{counters:?}");
        assert_eq!(counters.different, counters.verified);
    }
    console.act(&ready, "switch_now");
    case.session(&console, "Failback", is_failback);
    case.verify();
}
