//! What a session keeps of production, and until when.

use std::path::PathBuf;

use model::{DiskPhase, VisibleState, view::SessionView};

use crate::case::{Case, is_failback};

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
    assert_eq!(stores(&case).len(), ready.disks.len());
    assert!(!says(&ready, "known by kept digests"));
    Case::act(&console, &ready, "switch_now");
    let ended = case.session(&console, "Failback", is_failback);
    assert!(says(&ended, "known by kept digests"), "{:?}", ended.log);
    for disk in &ended.disks {
        let counters = disk.counters;
        assert_eq!(counters.phase, DiskPhase::Done);
        assert_eq!(counters.read_target.0, 0, "{counters:?}");
    }
    case.verify();
    // Production may be anything after an undo.
    Case::act(&console, &ended, "undo");
    case.session(&console, "Failover", |session| {
        session.summary.ended_at.is_some()
    });
    crate::console::until("the stores to go", crate::case::LIMIT, || {
        stores(&case).is_empty().then_some(())
    });
}
