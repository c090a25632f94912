//! A part of a map in cells, for a picture, and in rows, for a table.

use model::{ByteCount, ByteRange};

use super::{DiskMap, Mix};

/// The smallest cell.
const SMALLEST: u64 = 512;

/// A part of a map, cut into cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// The part: whole cells, up to the disk's end.
    pub range: ByteRange,
    /// Bytes of a cell, a power of two; the disk's last may be shorter.
    pub cell: ByteCount,
    /// What they hold, in order.
    pub cells: Vec<Mix>,
}

/// A part of a map as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRows {
    /// Ranges and what they hold, in order.
    pub rows: Vec<(ByteRange, Mix)>,
    /// Whether each row is a run of the map; otherwise several were put together.
    pub exact: bool,
}

impl DiskMap {
    /// What a range holds, in at most `count` cells that cover it. What lies past the disk's end
    /// is dropped. Takes as long as there are runs in the range and cells.
    #[must_use]
    pub fn cells(&self, range: ByteRange, count: u32) -> Cells {
        let (range, cell) = self.cut_evenly(range, u64::from(count.max(1)));
        let mut cells = Vec::new();
        let mut here = Mix::default();
        for (piece, run) in self.pieces(range) {
            let mut from = piece.start;
            while from < piece.end() {
                let cell_end = (from - from % cell).saturating_add(cell).min(range.end());
                let to = piece.end().min(cell_end);
                here.add_all(run.part(to - from));
                if to == cell_end {
                    cells.push(std::mem::take(&mut here));
                }
                from = to;
            }
        }
        Cells {
            range,
            cell: ByteCount(cell),
            cells,
        }
    }

    /// The runs of a range where there are at most `most`; otherwise cells, of which those that
    /// follow each other in the same one state are one row.
    #[must_use]
    pub fn rows(&self, range: ByteRange, most: u32) -> MapRows {
        let range = self.within(range);
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let runs = self.pieces(range).take(limit.saturating_add(1));
        let rows: Vec<_> = runs
            .map(|(range, run)| (range, run.part(range.len)))
            .collect();
        if rows.len() <= limit {
            return MapRows { rows, exact: true };
        }
        let cells = self.cells(range, most);
        let mut rows: Vec<(ByteRange, Mix)> = Vec::new();
        for (number, mix) in (0..).zip(cells.cells) {
            let start = cells.range.start + number * cells.cell.0;
            let here = ByteRange::new(start, cells.cell.0.min(cells.range.end() - start));
            match rows.last_mut() {
                Some((last, before)) if mix.only().is_some() && before.only() == mix.only() => {
                    last.len += here.len;
                    before.add_all(mix);
                }
                _ => rows.push((here, mix)),
            }
        }
        MapRows { rows, exact: false }
    }

    /// Bytes of a range by state.
    #[must_use]
    pub fn shares(&self, range: ByteRange) -> Mix {
        let mut mix = Mix::default();
        for (piece, run) in self.pieces(self.within(range)) {
            mix.add_all(run.part(piece.len));
        }
        mix
    }

    /// The part of a range that is on the disk.
    fn within(&self, range: ByteRange) -> ByteRange {
        let start = range.start.min(self.size);
        ByteRange::new(start, range.end().min(self.size) - start)
    }

    /// The smallest cell of which at most `count` cover a range, and the range that they cover.
    fn cut_evenly(&self, range: ByteRange, count: u64) -> (ByteRange, u64) {
        let range = self.within(range);
        let least = range.len.div_ceil(count).max(SMALLEST);
        let mut cell = least.checked_next_power_of_two().unwrap_or(1 << 63);
        loop {
            let start = range.start - range.start % cell;
            let end = range
                .end()
                .div_ceil(cell)
                .saturating_mul(cell)
                .min(self.size);
            let covered = ByteRange::new(start, end.saturating_sub(start));
            if covered.len.div_ceil(cell) <= count || cell == 1 << 63 {
                return (covered, cell);
            }
            cell *= 2;
        }
    }
}
