//! The maps of a session's disks: what the counters say, after a kill and when the session is over.

use model::{
    ByteCount, MapState, VisibleState,
    view::{DiskMapView, MapStanding, SessionView},
};

use crate::{
    case::{Case, Way, is_failback},
    console::Console,
};

fn address(session: &SessionView, disk: usize) -> String {
    let (id, key) = (&session.summary.id, &session.disks[disk].key);
    format!("/sessions/{id}/disks/{key}/map")
}

fn map(console: &Console, session: &SessionView, disk: usize, query: &str) -> DiskMapView {
    let (id, key) = (&session.summary.id, &session.disks[disk].key);
    let path = format!("/api/console/session/map?id={id}&disk={key}{query}");
    let answer = console.get(&path).expect("an answer");
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no map: {}", answer.body))
}

/// The newest pass of each disk, kept, says what the disk's counters say.
fn assert_maps(console: &Console, session: &SessionView) {
    for (number, disk) in session.disks.iter().enumerate() {
        let view = map(console, session, number, "");
        assert_eq!(view.standing, MapStanding::Kept);
        let picture = view.picture.expect("kept");
        let of = |state| {
            let found = picture.shares.iter().find(|share| share.state == state);
            found.map_or(ByteCount::ZERO, |share| share.bytes)
        };
        let counters = disk.counters;
        assert_eq!(of(MapState::Equal), counters.equal);
        assert_eq!(of(MapState::Verified), counters.verified);
        assert_eq!(of(MapState::Hole), counters.skipped);
        assert_eq!(of(MapState::Outside), counters.outside);
        let all: ByteCount = picture.shares.iter().map(|share| share.bytes).sum();
        assert_eq!(all, disk.size);
    }
}

#[test]
fn maps_say_what_the_counters_say_through_a_kill_and_past_the_end() {
    let case = Case::by(Way::Original, "tiny-b");
    // After the transfer, before its result is logged: the pass goes on from its journal.
    let console = case.start(Some("performed:8"));
    case.finish(&console, "manual");
    console.until_killed();
    let console = case.start(None);
    let ready = case.session(&console, "Ready to switch", |session| {
        session.summary.state == VisibleState::ReadyToSwitch
    });
    assert_maps(&console, &ready);
    let page = console.get(&address(&ready, 0)).expect("a page");
    assert_eq!(page.status, 200);
    for part in [
        "class=\"map-drawn\"",
        "url(#map-verified)",
        "Zoom in",
        "<tbody>",
    ] {
        assert!(page.body.contains(part), "{part} is not on the page");
    }

    console.act(&ready, "switch_now");
    let switched = case.session(&console, "Failback", is_failback);
    assert_maps(&console, &switched);
    let first = map(&console, &switched, 0, "&pass=1");
    assert_eq!((first.pass, first.standing), (Some(1), MapStanding::Kept));
    assert!(first.passes.len() > 1, "{:?}", first.passes);

    console.act(&switched, "undo");
    let over = case.session(&console, "the end", |session| {
        session.summary.outcome.is_some()
    });
    assert!(console.interrupt().success());
    let console = case.start(None);
    let after = map(&console, &over, 0, "&pass=1");
    assert!(after.over);
    assert_eq!(after.picture, first.picture);
    let journals = case.data().join("journals").join(over.summary.id.as_str());
    assert!(!journals.exists(), "a session that is over has no journals");
}

#[test]
fn an_address_that_is_none_is_refused_with_its_status() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    case.finish(&console, "manual");
    let session = case.session(&console, "the session", |_| true);
    let page = address(&session, 0);
    for (path, status) in [
        (format!("{page}?from=9&to=4"), 422),
        (format!("{page}?from=much"), 422),
        (format!("{page}?pass=99"), 404),
        (
            format!("/sessions/{}/disks/none/map", session.summary.id),
            404,
        ),
        (
            format!("/sessions/{}/disks/..%2Fnone/map", session.summary.id),
            404,
        ),
    ] {
        let answer = console.get(&path).expect("an answer");
        assert_eq!(answer.status, status, "{path}");
    }
}
