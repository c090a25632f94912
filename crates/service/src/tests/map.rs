//! The map of a session's disk.

use std::time::{Duration, Instant};

use blockmap::DiskMap;
use model::{
    ByteCount, ByteRange, DiskCounters, DiskKey, ErrorKind, MapShare, MapState, SessionId,
    view::{DiskMapView, MapStanding, MapWanted},
};
use store::DiskPassRow;

use super::fixture::{Fixture, GIB, NOW};
use crate::{LiveDisk, LiveMap, LiveSession};

const SIZE: u64 = 2 * GIB;

fn system() -> DiskKey {
    DiskKey::new("system")
}

fn all() -> MapWanted {
    MapWanted {
        cells: 1024,
        ..MapWanted::default()
    }
}

fn put(fixture: &Fixture, pass: u32, map: DiskMap, moves: bool) {
    let found = LiveMap {
        map,
        as_of: NOW,
        moves,
    };
    let mut maps = fixture.live.maps.lock().unwrap();
    maps.insert((system(), pass), found);
}

async fn save_pass(fixture: &Fixture, id: &SessionId, pass: u32) {
    let row = DiskPassRow {
        disk: system(),
        pass,
        scope: format!("scope of {pass}"),
        counters: DiskCounters::default(),
        proxies: None,
    };
    fixture.store.disk_counters_put(id, &row).await.unwrap();
}

fn at_work(fixture: &Fixture) {
    let disk = LiveDisk {
        key: system(),
        scope: "written since".to_owned(),
        counters: DiskCounters::default(),
        proxies: None,
        waiting: None,
    };
    *fixture.live.session.lock().unwrap() = Some(LiveSession {
        disks: vec![disk],
        limiter: None,
    });
}

async fn view(fixture: &Fixture, id: &SessionId, wanted: MapWanted) -> DiskMapView {
    let found = fixture.service.disk_map(id, &system(), wanted).await;
    found.unwrap()
}

#[tokio::test]
async fn before_the_first_pass_nothing_has_been_looked_at() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let view = view(&fixture, &id, all()).await;
    assert_eq!((view.standing, view.pass), (MapStanding::NotBegun, None));
    assert_eq!(
        (view.vm_name.as_str(), view.disk_name.as_str()),
        ("web-01", "system")
    );
    let picture = view.picture.unwrap();
    let unread = MapShare {
        state: MapState::Unread,
        bytes: ByteCount(SIZE),
    };
    assert_eq!(picture.shares, [unread]);
    assert_eq!(
        (picture.cell, picture.cells.len()),
        (ByteCount(SIZE / 1024), 1)
    );
    assert_eq!(picture.cells[0].count, 1024);
}

#[tokio::test]
async fn the_newest_pass_is_shown_live_and_older_ones_as_they_were_kept() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    save_pass(&fixture, &id, 1).await;
    let mut kept = DiskMap::new(ByteCount(SIZE));
    kept.paint(ByteRange::new(0, SIZE), MapState::Equal);
    kept.paint(ByteRange::new(GIB, 65_536), MapState::Verified);
    put(&fixture, 1, kept, false);
    let first = view(&fixture, &id, all()).await;
    assert_eq!((first.standing, first.pass), (MapStanding::Kept, Some(1)));
    assert_eq!(first.scope, "scope of 1");
    let picture = first.picture.unwrap();
    assert_eq!(
        picture.cells.iter().map(|it| it.count).collect::<Vec<_>>(),
        [512, 1, 511]
    );
    let ranges: Vec<_> = picture.rows.iter().map(|row| row.range).collect();
    assert_eq!(ranges.len(), 3);
    assert_eq!(ranges[1], ByteRange::new(GIB, 65_536));
    assert!(picture.rows_exact);

    // The next pass waits for proxies, then moves. It is not in the store before its first second.
    fixture.advance(&id, |machine| machine.pass = 2).await;
    at_work(&fixture);
    let second = view(&fixture, &id, all()).await;
    assert_eq!(
        (second.standing, second.pass),
        (MapStanding::NotBegun, Some(2))
    );
    put(&fixture, 2, DiskMap::new(ByteCount(SIZE)), true);
    let second = view(&fixture, &id, all()).await;
    assert_eq!(
        (second.standing, second.passes),
        (MapStanding::Live, vec![1, 2])
    );
    assert_eq!(second.scope, "written since");
    let pass = Some(1);
    let older = view(&fixture, &id, MapWanted { pass, ..all() }).await;
    assert_eq!(
        (older.standing, older.scope.as_str()),
        (MapStanding::Kept, "scope of 1")
    );
}

#[tokio::test]
async fn a_map_that_was_not_kept_is_missing_and_not_blank() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    save_pass(&fixture, &id, 1).await;
    let view = view(&fixture, &id, all()).await;
    assert_eq!((view.standing, view.picture), (MapStanding::Missing, None));
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_a_next_step() {
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    let refused = async |disk: &str, wanted: MapWanted| {
        let answer = fixture
            .service
            .disk_map(&id, &DiskKey::new(disk), wanted)
            .await;
        let error = answer.unwrap_err();
        assert!(!error.hint.is_empty());
        error.kind
    };
    let part = |from, to| MapWanted {
        from: Some(from),
        to: Some(to),
        ..all()
    };
    assert_eq!(refused("../system", all()).await, ErrorKind::NotFound);
    let pass = Some(9);
    assert_eq!(
        refused("system", MapWanted { pass, ..all() }).await,
        ErrorKind::NotFound
    );
    for cells in [0, 4097] {
        assert_eq!(
            refused("system", MapWanted { cells, ..all() }).await,
            ErrorKind::Invalid
        );
    }
    for (from, to) in [
        (0, 0),
        (5, 4),
        (0, SIZE + 1),
        (SIZE, SIZE),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(
            refused("system", part(from, to)).await,
            ErrorKind::Invalid,
            "{from} {to}"
        );
    }
    let none = SessionId::new("none");
    let error = fixture
        .service
        .disk_map(&none, &system(), all())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_part_is_shown_in_whole_cells_and_no_answer_grows_with_the_disk() {
    const TIB: u64 = 1 << 40;
    let fixture = Fixture::new().await;
    let id = fixture.session().await;
    save_pass(&fixture, &id, 1).await;
    // The map of a far larger disk than the layout says: what answers cost depends on the map.
    let size = 64 * TIB;
    let mut map = DiskMap::new(ByteCount(size));
    for number in 0..200_000_u64 {
        let start = number * (size / 200_000) / 65_536 * 65_536;
        let state = if number % 3 == 0 {
            MapState::Verified
        } else {
            MapState::Equal
        };
        map.paint(ByteRange::new(start, 65_536), state);
    }
    put(&fixture, 1, map, true);
    let begun = Instant::now();
    let (mut from, mut to) = (0, SIZE);
    while to - from > 65_536 {
        let part = MapWanted {
            from: Some(from),
            to: Some(to),
            cells: 4096,
            ..MapWanted::default()
        };
        let picture = view(&fixture, &id, part).await.picture.unwrap();
        let cells: u32 = picture.cells.iter().map(|it| it.count).sum();
        assert!(cells <= 4096);
        assert!(picture.range.start <= from && to <= picture.range.end());
        assert_eq!(picture.range.start % picture.cell.0, 0);
        assert!(picture.rows.len() <= 100, "{} rows", picture.rows.len());
        let sum: ByteCount = picture.shares.iter().map(|share| share.bytes).sum();
        assert_eq!(sum.0, picture.range.len);
        let text = serde_json::to_string(&picture).unwrap();
        assert!(text.len() < 1 << 20, "{} bytes", text.len());
        (from, to) = (from + (to - from) / 4, to - (to - from) / 4);
    }
    // Generous: each answer takes some milliseconds.
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}
