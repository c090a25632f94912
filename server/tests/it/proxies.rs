//! A proxy is lost in the middle of a disk: another one goes on from the last acknowledged range.

use std::{thread, time::Duration};

use model::{
    ByteCount, Carrier, CarrierEnded, DiskCounters, VisibleState,
    view::{ProxiesView, SessionView},
};

use crate::{
    case::{Case, LIMIT, is_failback},
    console::{Console, until},
};

/// What the mover compares.
const BLOCK: usize = 64 * 1024;

fn act(console: &Console, proxy: &str, action: &str) {
    let form = [("id", proxy), ("action", action)];
    let answer = console.post("/api/console/proxies/act", &form);
    assert_eq!(answer.expect("an answer").status, 302, "{action} {proxy}");
}

fn limit(console: &Console, session: &SessionView, mib: &str) {
    let fields = [("operation", "set_limit"), ("limit_mib", mib)];
    console.ask(session, &fields);
}

fn counters(session: &SessionView) -> DiskCounters {
    session
        .disks
        .first()
        .map(|it| it.counters)
        .unwrap_or_default()
}

/// What carried the only disk in the first pass.
fn carriers(session: &SessionView) -> Vec<Carrier> {
    let first = session.carriers.iter().filter(|it| it.carrier.pass == 1);
    first.map(|it| it.carrier.clone()).collect()
}

/// A session of web-01 in phase 1, slow, with a part of its disk proved.
fn in_the_middle(case: &Case, console: &Console) -> SessionView {
    case.finish(console, "manual");
    let session = case.session(console, "the session", |_| true);
    limit(console, &session, "1");
    let session = case.session(console, "something proved, not all", |session| {
        let counters = counters(session);
        counters.verified.0 > 0 && counters.scanned < counters.to_scan
    });
    // What is proved is counted a moment before it is noted.
    thread::sleep(Duration::from_secs(2));
    session
}

/// Bytes of blocks that differ and are not zero in the newer content.
fn to_send(before: &[Vec<u8>], after: &[Vec<u8>]) -> ByteCount {
    let disks = before.iter().zip(after);
    let blocks = disks.flat_map(|(old, new)| old.chunks(BLOCK).zip(new.chunks(BLOCK)));
    let differs = blocks.filter(|(old, new)| old != new && new.iter().any(|byte| *byte != 0));
    let bytes: usize = differs.map(|(_, new)| new.len()).sum();
    ByteCount(bytes.try_into().expect("it fits"))
}

fn logged(session: &SessionView, words: &str) -> bool {
    session.log.iter().any(|line| line.text.contains(words))
}

#[test]
fn disabled_in_the_middle_of_a_disk_it_is_replaced_and_nothing_acknowledged_is_sent_again() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    let before = case.production_content();
    let session = in_the_middle(&case, &console);
    let first = carriers(&session).remove(0);
    let proved = counters(&session).verified;
    act(&console, first.target.proxy.as_str(), "disable");

    let after = case.session(&console, "others at work", |session| {
        carriers(session).len() == 2 && counters(session).resumed.0 > 0
    });
    limit(&console, &after, "0");
    let ready = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    let [one, two] = <[Carrier; 2]>::try_from(carriers(&ready)).expect("two in turn");
    let why = format!("{} was disabled.", first.target.name);
    assert_eq!(
        one.ended,
        Some(CarrierEnded::HandedOver { why: why.clone() })
    );
    assert_eq!(two.ended, Some(CarrierEnded::Done));
    assert_ne!(one.target.proxy, two.target.proxy);
    assert!(two.resumed >= proved, "{two:?} after {proved}");
    assert!(two.sent.0 > 0, "nothing was left to send: {two:?}");
    // What both sent is what differed, to the byte: so none of it was sent twice.
    let sent = one.sent.saturating_add(two.sent);
    assert_eq!(sent, to_send(&before, &case.production_content()));
    assert!(logged(
        &ready,
        &format!("is handed over to other proxies: {why}")
    ));
    assert!(logged(&ready, "goes on from its last acknowledged range."));

    console.act(&ready, "switch_now");
    let ended = case.session(&console, "Failback", is_failback);
    let of_disabled = |it: &model::view::CarrierView| {
        it.carrier.pass > 1 && it.carrier.target.proxy == first.target.proxy
    };
    assert!(
        !ended.carriers.iter().any(of_disabled),
        "{:?}",
        ended.carriers
    );
    case.verify();
}

#[test]
fn without_a_stand_in_the_disk_waits_with_the_reason_and_goes_on_when_there_is_one() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    act(&console, "dr-proxy-2", "disable");
    let session = in_the_middle(&case, &console);
    act(&console, "dr-proxy-1", "cut_off");
    let waits = case.session(&console, "the wait", |session| {
        session.progress.waiting.is_some()
    });
    let why = waits.progress.waiting.clone().unwrap_or_default();
    for words in [
        "can read the source disk now",
        "dr-proxy-1: it does not answer",
        "dr-proxy-2: it is disabled",
    ] {
        assert!(why.contains(words), "{why}");
    }
    let page: ProxiesView = until("the proxies page", LIMIT, || {
        let answer = console.get("/api/console/proxies")?;
        serde_json::from_str(&answer.body).ok()
    });
    assert_eq!(page.waiting.len(), 1, "{page:?}");
    assert_eq!(page.waiting[0].why, why);
    assert!(page.proxies.iter().all(|proxy| proxy.tasks.is_empty()));

    act(&console, "dr-proxy-2", "enable");
    let after = case.session(&console, "the stand-in at work", |session| {
        carriers(session).len() == 2 && counters(session).resumed.0 > 0
    });
    assert!(counters(&after).resumed >= counters(&session).verified);
    assert_eq!(carriers(&after)[1].source.proxy.as_str(), "dr-proxy-2");
    limit(&console, &after, "0");
    let ready = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    console.act(&ready, "switch_now");
    case.session(&console, "Failback", is_failback);
    case.verify();
}

#[test]
fn a_draining_proxy_ends_its_disk_and_gets_no_other() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    let session = in_the_middle(&case, &console);
    let first = carriers(&session).remove(0);
    act(&console, first.source.proxy.as_str(), "drain");
    limit(&console, &session, "0");
    let ready = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    let carried = carriers(&ready);
    assert_eq!(carried.len(), 1, "{carried:?}");
    assert_eq!(carried[0].ended, Some(CarrierEnded::Done));
    console.act(&ready, "switch_now");
    let ended = case.session(&console, "Failback", is_failback);
    let last = ended.carriers.last().map(|it| &it.carrier);
    let last = last.filter(|it| it.pass > 1).expect("a pass more");
    assert_ne!(last.source.proxy, first.source.proxy);
    assert!(
        last.reasons
            .iter()
            .any(|why| why.contains("it is draining")),
        "{last:?}"
    );
    case.verify();
}
