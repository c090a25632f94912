//! Ctrl-C in the middle of a transfer: the session is parked, and goes on from what is proved.

use std::{thread, time::Duration};

use model::{ByteCount, DiskCounters, view::SessionView};

use crate::case::{Case, is_failback};

/// The counters of the only disk of web-01.
fn counters(session: &SessionView) -> DiskCounters {
    session
        .disks
        .first()
        .map(|disk| disk.counters)
        .unwrap_or_default()
}

#[test]
fn interrupted_in_the_middle_of_a_transfer_it_goes_on_from_what_is_proved() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    case.finish(&console, "auto");
    let session = case.session(&console, "the session", |_| true);
    console.ask(&session, &[("operation", "set_limit"), ("limit_mib", "1")]);
    let before = case.session(&console, "something proved, not all", |session| {
        let counters = counters(session);
        counters.verified.0 > 0 && counters.scanned < counters.to_scan
    });
    // What is proved is counted a moment before it is noted.
    thread::sleep(Duration::from_secs(2));
    let status = console.interrupt();
    assert!(status.success(), "stopped with {status}");

    let console = case.start(None);
    let after = case.session(&console, "work taken up", |session| {
        counters(session).resumed.0 > 0
    });
    let (old, new) = (counters(&before), counters(&after));
    assert!(new.resumed >= old.verified, "{old:?} then {new:?}");
    assert_eq!(before.summary.id, after.summary.id);
    console.ask(&after, &[("operation", "set_limit"), ("limit_mib", "0")]);
    let ended = case.session(&console, "Failback", is_failback);
    case.verify();
    for disk in &ended.disks {
        adds_up(&disk.counters);
    }
}

fn adds_up(counters: &DiskCounters) {
    let looked_at: ByteCount = [counters.skipped, counters.equal, counters.different]
        .into_iter()
        .sum();
    assert_eq!(counters.scanned, counters.to_scan, "{counters:?}");
    assert_eq!(looked_at, counters.scanned, "{counters:?}");
    assert_eq!(
        counters.sent.saturating_add(counters.zeroed),
        counters.written,
        "{counters:?}"
    );
    assert_eq!(counters.written, counters.different, "{counters:?}");
    assert_eq!(counters.verified, counters.written, "{counters:?}");
}
