//! Maps against a list with the state of every byte.

use model::{ByteCount, ByteRange, MapState};
use proptest::prelude::*;

use crate::{DiskMap, Mix, RUNS};

const SIZE: u64 = 60_000;

fn range() -> impl Strategy<Value = ByteRange> {
    (0..SIZE + 5000, 0..9000_u64).prop_map(|(start, len)| ByteRange::new(start, len))
}

fn state() -> impl Strategy<Value = MapState> {
    proptest::sample::select(MapState::ALL.to_vec())
}

fn span(range: ByteRange) -> std::ops::Range<usize> {
    let at = |offset: u64| usize::try_from(offset.min(SIZE)).unwrap();
    at(range.start)..at(range.end())
}

fn counted(bytes: &[MapState]) -> Mix {
    let mut mix = Mix::default();
    for state in bytes {
        mix.add(*state, 1);
    }
    mix
}

/// Runs of a list, in order.
fn runs_of(bytes: &[MapState]) -> Vec<(ByteRange, Mix)> {
    let mut at = 0;
    let runs = bytes.chunk_by(|left, right| left == right);
    runs.map(|run| {
        let range = ByteRange::new(at, run.len() as u64);
        at = range.end();
        (range, counted(run))
    })
    .collect()
}

/// From which state alone bytes come into another in a transfer.
fn legal(to: MapState) -> MapState {
    match to {
        MapState::Verified => MapState::Sent,
        MapState::Sent => MapState::Different,
        MapState::Unread => MapState::Outside,
        MapState::Unreadable
        | MapState::Different
        | MapState::Equal
        | MapState::Hole
        | MapState::Outside => MapState::Unread,
    }
}

fn invariants(map: &DiskMap) {
    assert_eq!(map.totals().total(), map.size());
    assert_eq!(map.shares(ByteRange::new(0, u64::MAX)), map.totals());
    assert_eq!(
        DiskMap::from_bytes(&map.to_bytes())
            .as_ref()
            .map(DiskMap::runs),
        Some(map.runs())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_map_with_room_knows_every_byte(
        painted in proptest::collection::vec((range(), state()), 0..60),
        asked in range(),
        count in 1..90_u32,
    ) {
        let mut bytes = vec![MapState::Unread; usize::try_from(SIZE).unwrap()];
        let mut map = DiskMap::new(ByteCount(SIZE));
        for (range, state) in painted {
            bytes[span(range)].fill(state);
            map.paint(range, state);
        }
        invariants(&map);
        prop_assert_eq!(map.grain(), ByteCount(1));
        prop_assert_eq!(map.totals(), counted(&bytes));
        prop_assert_eq!(map.shares(asked), counted(&bytes[span(asked)]));
        prop_assert_eq!(&DiskMap::from_bytes(&map.to_bytes()), &Some(map.clone()));

        let cut = map.cells(asked, count);
        prop_assert!(cut.cells.len() <= usize::try_from(count).unwrap());
        prop_assert!(cut.cell.0.is_power_of_two());
        let clipped = ByteRange::new(asked.start.min(SIZE), asked.end().min(SIZE) - asked.start.min(SIZE));
        prop_assert!(cut.range.start <= clipped.start && clipped.end() <= cut.range.end());
        let chunks = bytes[span(cut.range)].chunks(usize::try_from(cut.cell.0).unwrap());
        prop_assert_eq!(cut.cells, chunks.map(counted).collect::<Vec<_>>());

        let rows = map.rows(ByteRange::new(0, SIZE), u32::MAX);
        prop_assert!(rows.exact);
        prop_assert_eq!(rows.rows, runs_of(&bytes));
    }

    #[test]
    fn a_map_that_became_coarse_keeps_every_count_of_a_transfer(
        painted in proptest::collection::vec((range(), state()), 0..120),
        most in 4..24_usize,
    ) {
        let mut bytes = vec![MapState::Unread; usize::try_from(SIZE).unwrap()];
        let mut map = DiskMap::with_most(ByteCount(SIZE), most);
        for (range, state) in painted {
            let span = span(range);
            let mut at = span.start as u64;
            let runs: Vec<(u64, u64, MapState)> = bytes[span]
                .chunk_by(|left, right| left == right)
                .map(|run| {
                    let start = at;
                    at += run.len() as u64;
                    (start, run.len() as u64, run[0])
                })
                .collect();
            for (start, len, before) in runs {
                if before == legal(state) {
                    let part = ByteRange::new(start, len);
                    bytes[self::span(part)].fill(state);
                    map.paint(part, state);
                    prop_assert!(map.runs() <= most, "{} runs", map.runs());
                }
            }
        }
        invariants(&map);
        prop_assert_eq!(map.totals(), counted(&bytes));
        let grain = usize::try_from(map.grain().0.max(512)).unwrap();
        for (number, grains) in bytes.chunks(grain).enumerate() {
            let range = ByteRange::new((number * grain) as u64, grains.len() as u64);
            prop_assert_eq!(map.shares(range), counted(grains), "{}", range);
        }
    }

    #[test]
    fn whatever_is_painted_no_byte_is_lost_and_what_is_whole_is_so(
        painted in proptest::collection::vec((range(), state()), 1..120),
        most in 4..24_usize,
        asked in range(),
        rows in 1..40_u32,
        turned in (state(), state()),
    ) {
        let mut map = DiskMap::with_most(ByteCount(SIZE), most);
        for (range, state) in &painted {
            map.paint(*range, *state);
            prop_assert!(map.runs() <= most);
        }
        invariants(&map);
        // What was painted last is there, as far as it covers whole grains.
        let (last, state) = painted.last().unwrap();
        let grain = map.grain().0;
        let from = last.start.min(SIZE).next_multiple_of(grain);
        let to = if last.end() >= SIZE { SIZE } else { last.end() / grain * grain };
        if from < to {
            let inner = ByteRange::new(from, to - from);
            prop_assert_eq!(map.shares(inner).only(), Some(*state));
        }

        let table = map.rows(asked, rows);
        prop_assert!(table.rows.len() <= usize::try_from(rows).unwrap());
        for pair in table.rows.windows(2) {
            prop_assert_eq!(pair[0].0.end(), pair[1].0.start);
        }
        for (range, mix) in &table.rows {
            prop_assert_eq!(mix.total().0, range.len);
        }

        let before = map.totals();
        let (from, to) = turned;
        map.turn(from, to);
        invariants(&map);
        let moved = if from == to { before.of(to) } else { before.of(from).saturating_add(before.of(to)) };
        prop_assert_eq!(map.totals().of(to), moved);
    }

    #[test]
    fn bytes_that_are_no_map_make_none_or_one_that_adds_up(
        painted in proptest::collection::vec((range(), state()), 0..30),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut map = DiskMap::with_most(ByteCount(SIZE), 12);
        for (range, state) in painted {
            map.paint(range, state);
        }
        let whole = map.to_bytes();
        prop_assert_eq!(DiskMap::from_bytes(&whole[..cut.index(whole.len())]), None);
        let mut damaged = whole;
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        if let Some(map) = DiskMap::from_bytes(&damaged) {
            prop_assert_eq!(map.totals().total(), map.size());
            let cut = map.cells(ByteRange::new(0, u64::MAX), 64);
            prop_assert!(cut.cells.len() <= 64);
        }
    }
}

#[test]
fn an_empty_disk_has_an_empty_map() {
    let mut map = DiskMap::new(ByteCount(0));
    map.paint(ByteRange::new(0, 10), MapState::Equal);
    assert_eq!((map.runs(), map.totals()), (0, Mix::default()));
    assert!(map.cells(ByteRange::new(0, 10), 4).cells.is_empty());
    assert_eq!(DiskMap::from_bytes(&map.to_bytes()), Some(map));
}

/// A block in each GiB of 64 TiB is unlike the rest: more runs than a map has.
#[test]
fn a_map_of_64_tib_is_bounded_and_right_at_every_zoom() {
    const TIB: u64 = 1 << 40;
    const BLOCK: u64 = 64 * 1024;
    let size = 64 * TIB;
    let mut map = DiskMap::new(ByteCount(size));
    for gib in 0..64 * 1024 {
        let block = ByteRange::new((gib << 30) + 7 * BLOCK, BLOCK);
        let rest = (1 << 30) - 8 * BLOCK;
        map.paint(ByteRange::new(gib << 30, 7 * BLOCK), MapState::Hole);
        map.paint(block, MapState::Equal);
        map.paint(ByteRange::new(block.end(), rest), MapState::Hole);
        assert!(map.runs() <= RUNS);
    }
    assert!(map.to_bytes().len() < 2 << 20);
    let equal = 64 * 1024 * BLOCK;
    assert_eq!(map.totals().of(MapState::Equal).0, equal);
    let mut range = ByteRange::new(0, size);
    while range.len > BLOCK {
        let cut = map.cells(range, 1024);
        let cells = cut.cells.len();
        assert!((128..=1024).contains(&cells), "{cells}");
        let all: ByteCount = cut.cells.iter().map(Mix::total).sum();
        assert_eq!(all.0, cut.range.len);
        assert!(map.rows(range, 100).rows.len() <= 100);
        if range.len == size {
            let each = MapState::Equal;
            assert!(cut.cells.iter().all(|cell| cell.of(each).0 == equal / 1024));
        }
        range = ByteRange::new(range.start + range.len / 4, range.len / 4);
    }
}
