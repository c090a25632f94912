//! The page of a map in words, addresses and bands.

use model::{DiskKey, SessionId, Timestamp};

use super::*;

const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn share(state: MapState, bytes: u64) -> MapShare {
    let bytes = ByteCount(bytes);
    MapShare { state, bytes }
}

/// Of 64 GiB: a mixed cell, then equal ones and holes.
fn picture() -> MapPicture {
    let mixed = vec![
        share(MapState::Unreadable, 512),
        share(MapState::Verified, GIB / 32),
        share(MapState::Equal, GIB / 32 - 512),
    ];
    let cells = |count, shares| MapCells { count, shares };
    MapPicture {
        as_of: Timestamp(0),
        range: ByteRange::new(0, 64 * GIB),
        cell: ByteCount(GIB / 16),
        cells: vec![
            cells(1, mixed.clone()),
            cells(255, vec![share(MapState::Equal, GIB / 16)]),
            cells(768, vec![share(MapState::Hole, GIB / 16)]),
        ],
        shares: vec![
            share(MapState::Unreadable, 512),
            share(MapState::Equal, 16 * GIB),
            share(MapState::Hole, 48 * GIB),
        ],
        rows: Vec::new(),
        rows_exact: true,
        grain: ByteCount(1),
    }
}

fn view() -> DiskMapView {
    DiskMapView {
        session: SessionId::new("s1"),
        over: false,
        vm_name: "web-01".to_owned(),
        disk: DiskKey::new("data 2/x"),
        disk_name: "data2".to_owned(),
        size: ByteCount(64 * GIB),
        passes: vec![1, 2],
        pass: Some(2),
        scope: "whole disk".to_owned(),
        now: Timestamp(0),
        standing: MapStanding::Live,
        picture: Some(picture()),
    }
}

#[test]
fn an_address_says_what_is_wanted_or_why_not() {
    let all = wanted("", "", "").unwrap();
    assert_eq!(
        (all.pass, all.from, all.to, all.cells),
        (None, None, None, CELLS)
    );
    let part = wanted("3", "0", "18446744073709551615").unwrap();
    assert_eq!(
        (part.pass, part.from, part.to),
        (Some(3), Some(0), Some(u64::MAX))
    );
    for (pass, from) in [("x", ""), ("", "-1"), ("", "1.5"), ("4294967296", "")] {
        let refused = wanted(pass, from, "").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid);
        assert!(
            refused.message.contains("no whole number"),
            "{}",
            refused.message
        );
    }
}

#[test]
fn addresses_name_only_what_is_not_as_usual() {
    let mut view = view();
    let path = "/sessions/s1/disks/data%202%2Fx/map";
    assert_eq!(part_address(&view, ByteRange::new(0, 64 * GIB)), path);
    let part = ByteRange::new(GIB, GIB);
    let wanted = format!("{path}?from={GIB}&to={}", 2 * GIB);
    assert_eq!(part_address(&view, part), wanted);
    view.pass = Some(1);
    let wanted = format!("{path}?pass=1&from={GIB}&to={}", 2 * GIB);
    assert_eq!(part_address(&view, part), wanted);
    assert_eq!(pass_address(&view, 2), format!("{path}?pass=2"));
}

#[test]
fn zooming_in_to_a_sector_and_out_again_stays_on_the_disk() {
    for size in [700_000, 64 * GIB, 64 * TIB, 3 * TIB + 512] {
        let mut shown = ByteRange::new(0, size);
        assert_eq!(moved(size, shown, Move::Out), None);
        assert_eq!(moved(size, shown, Move::Whole), None);
        assert_eq!(moved(size, shown, Move::Back), None);
        let mut steps = 0;
        while let Some(next) = moved(size, shown, Move::In) {
            assert!(next.len < shown.len && next.end() <= size, "{next}");
            shown = next;
            steps += 1;
            assert!(steps < 20);
        }
        assert!(shown.len <= SMALLEST.max(size / 4), "{shown}");
        let on = moved(size, shown, Move::On).unwrap();
        assert!(on.start > shown.start && on.end() <= size);
        let back = moved(size, on, Move::Back).unwrap();
        assert!(back.start < on.start);
        while let Some(next) = moved(size, shown, Move::Out) {
            assert!(next.len > shown.len && next.end() <= size, "{next}");
            shown = next;
        }
        assert_eq!(shown, ByteRange::new(0, size));
    }
}

#[test]
fn zooming_in_at_a_byte_keeps_it_in_sight() {
    let whole = ByteRange::new(0, 64 * TIB);
    for byte in [0, 5 * TIB + 77, 64 * TIB - 1] {
        let mut shown = whole;
        while let Some(next) = moved(64 * TIB, shown, Move::InAt(byte)) {
            assert!(next.start <= byte && byte < next.end(), "{byte} in {next}");
            shown = next;
        }
        assert!(shown.len <= SMALLEST);
    }
}

#[test]
fn the_bands_of_a_cell_fill_it_and_a_lost_sector_is_seen() {
    let one = bands(&[share(MapState::Hole, 5)]);
    assert_eq!(
        one,
        [Band {
            state: MapState::Hole,
            top: 0,
            height: HEIGHT
        }]
    );
    let mixed = bands(&picture().cells[0].shares);
    assert_eq!(mixed.iter().map(|band| band.height).sum::<u32>(), HEIGHT);
    assert!(mixed[0].height >= SEEN, "{mixed:?}");
    // The worst: all states, nearly nothing of most.
    let all: Vec<MapShare> = MapState::ALL.iter().map(|state| share(*state, 1)).collect();
    for lots in 0..all.len() {
        let mut shares = all.clone();
        shares[lots].bytes = ByteCount(TIB);
        let bands = bands(&shares);
        assert_eq!(bands.len(), MapState::ALL.len());
        assert!(bands.iter().all(|band| band.top + band.height <= HEIGHT));
        assert!(bands[0].height >= LEAST / 2, "{bands:?}");
    }
}

#[test]
fn cells_are_drawn_one_by_one_and_coarsely_in_few_rectangles() {
    let picture = picture();
    let all = cells(&picture);
    assert_eq!(all.len(), 1024);
    assert_eq!(all[256], bands(&[share(MapState::Hole, 1)]));
    let rects = coarse(&picture);
    assert_eq!(coarse_rows(&picture), 4);
    // A mixed cell of three bands, the rest of its row, and one per row of holes.
    let width_of_row = |row| {
        let first = rects
            .iter()
            .filter(|rect| rect.row == row && rect.band.top == 0);
        first.map(|rect| rect.width).sum::<u32>()
    };
    assert_eq!(rects.len(), 3 + 1 + 3, "{rects:?}");
    for row in 0..4 {
        assert_eq!(width_of_row(row), COLUMNS);
    }
}

#[test]
fn the_picture_is_said_in_words() {
    let view = view();
    let said = picture_words(&view, view.picture.as_ref().unwrap());
    assert_eq!(
        said,
        "The whole disk of 64 GiB, in 1,024 cells of 64 MiB. Holds: less than 1 % unreadable, 25 % equal, \
         75 % hole. The table below has the ranges."
    );
    let picture = picture();
    assert_eq!(
        cell_words(&picture, 256).unwrap(),
        "16 GiB to 16.1 GiB: Hole"
    );
    let first = cell_words(&picture, 0).unwrap();
    assert!(
        first.starts_with("0 B to 64 MiB: less than 1 % unreadable, 50 % verified"),
        "{first}"
    );
    let most = percent_words(ByteCount(TIB - 1), ByteCount(TIB));
    assert_eq!(most, "more than 99 %");
    assert_eq!(cell_words(&picture, 1024), None);
    assert_eq!(cell_words(&picture, u64::MAX), None);
}

#[test]
fn where_it_comes_from_is_said() {
    let mut view = view();
    assert_eq!(standing(&view), "Pass 2, whole disk: as it is now.");
    view.standing = MapStanding::Kept;
    assert!(standing(&view).ends_with("as it was kept at 1970-01-01 00:00:00 UTC."));
    view.picture = None;
    view.standing = MapStanding::Missing;
    assert!(standing(&view).contains("no map was kept"));
    (view.pass, view.standing) = (None, MapStanding::NotBegun);
    assert_eq!(standing(&view), "No pass: nothing has been looked at yet.");
}

#[test]
fn a_table_says_how_exact_it_is() {
    let mut picture = picture();
    assert!(table_words(&picture).contains("exact to the byte"));
    picture.grain = ByteCount(4 << 20);
    assert!(table_words(&picture).contains("4 MiB"));
    picture.rows_exact = false;
    assert!(table_words(&picture).contains("put together"));
    let row = MapRow {
        range: ByteRange::new(0, 3 * GIB),
        shares: vec![
            share(MapState::Equal, 2 * GIB),
            share(MapState::Verified, GIB),
        ],
    };
    let wanted = ("3 GiB".to_owned(), "67 % equal, 33 % verified".to_owned());
    assert_eq!(row_words(&row), wanted);
}

#[test]
fn each_state_has_a_word_a_meaning_and_a_pattern_of_its_own() {
    let slugs: std::collections::BTreeSet<_> =
        MapState::ALL.iter().map(|it| state_slug(*it)).collect();
    let said: std::collections::BTreeSet<_> =
        MapState::ALL.iter().map(|it| state_word(*it)).collect();
    assert_eq!((slugs.len(), said.len()), (8, 8));
    assert!(
        MapState::ALL
            .iter()
            .all(|state| state_meaning(*state).len() > 10)
    );
}
