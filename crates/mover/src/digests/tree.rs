//! Where the rows of a tree lie in their file, and which of them changed.

use blockmap::{RowAt, TreeShape};

use super::header::HEADER;

/// Bytes of a row in the file.
pub(super) const ROW: usize = 256 * 32;

/// Where things are in a file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Rows before each level.
    before: Vec<u64>,
    /// The first row.
    rows: u64,
    /// Of the whole file.
    pub(super) length: u64,
    /// The checksum of a row of zeroes.
    zero: u32,
}

impl Layout {
    pub(super) fn of(shape: TreeShape) -> Self {
        let mut before = vec![0];
        let mut total = 0;
        for level in 0..shape.levels() {
            // A disk of no bytes has a top all the same.
            total += shape.rows(level).max(1);
            before.push(total);
        }
        let rows = (HEADER as u64 + total * 4).next_multiple_of(4096);
        Self {
            before,
            rows,
            length: rows + total * ROW as u64,
            zero: crc32c::crc32c(&[0; ROW]),
        }
    }

    /// Where a row lies.
    pub(super) fn row(&self, at: RowAt) -> u64 {
        self.rows + self.number(at) * ROW as u64
    }

    /// Where its checksum lies.
    pub(super) fn sum_of(&self, at: RowAt) -> u64 {
        HEADER as u64 + self.number(at) * 4
    }

    /// The checksum of a row: 0 of a row of zeroes, so that holes are right.
    pub(super) fn sum(&self, row: &[u8]) -> u32 {
        crc32c::crc32c(row) ^ self.zero
    }

    fn number(&self, at: RowAt) -> u64 {
        let before = self.before.get(at.level as usize).copied();
        before.unwrap_or_default() + at.row
    }
}

/// A bit per row.
#[derive(Debug)]
pub(super) struct Changed(Vec<u64>);

impl Changed {
    pub(super) fn new(rows: u64) -> Self {
        let words = usize::try_from(rows.div_ceil(64)).expect("a bit per row fits the memory");
        Self(vec![0; words])
    }

    /// With every row marked.
    pub(super) fn all(rows: u64) -> Self {
        let mut all = Self::new(rows);
        (0..rows).for_each(|row| all.mark(row));
        all
    }

    pub(super) fn mark(&mut self, row: u64) {
        if let Some(word) = self.0.get_mut(index(row)) {
            *word |= 1 << (row % 64);
        }
    }

    pub(super) fn is_marked(&self, row: u64) -> bool {
        let word = self.0.get(index(row)).copied().unwrap_or_default();
        word >> (row % 64) & 1 == 1
    }

    /// The marked rows in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let words = (0..).zip(&self.0).filter(|(_, word)| **word != 0);
        words.flat_map(|(number, word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| number * 64 + bit)
        })
    }
}

fn index(row: u64) -> usize {
    usize::try_from(row / 64).unwrap_or(usize::MAX)
}
