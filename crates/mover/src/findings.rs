//! What a task has to tell an operator, in bounded memory: a disk that is broken all over must not
//! take the host's with it.

use blockmap::RangeSet;
use model::ByteRange;

use crate::Note;

/// Repairs that are named one by one.
const REPAIRS: usize = 1024;
/// Unreadable ranges that are named one by one.
const UNREAD: usize = 1 << 16;
/// What more of them are widened to first.
const UNIT: u64 = 1 << 16;

/// Notes, of which repairs are cut short.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: Vec<Note>,
    repairs: usize,
    more: u64,
}

impl Notes {
    pub(crate) fn push(&mut self, note: Note) {
        if matches!(note, Note::Repaired { .. }) {
            if self.repairs >= REPAIRS {
                self.more += 1;
                return;
            }
            self.repairs += 1;
        }
        self.notes.push(note);
    }

    pub(crate) fn into_vec(mut self) -> Vec<Note> {
        let ranges = self.more;
        let more = (ranges > 0).then_some(Note::MoreRepaired { ranges });
        self.notes.extend(more);
        self.notes
    }
}

impl Extend<Note> for Notes {
    fn extend<T: IntoIterator<Item = Note>>(&mut self, notes: T) {
        for note in notes {
            self.push(note);
        }
    }
}

/// What could not be read. Of very many ranges, what is between them counts as well: more is then
/// called unknown than is, and never less.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    ranges: RangeSet,
    count: usize,
    /// Ranges are widened to multiples of this; not at all at first.
    unit: Option<u64>,
}

impl Unread {
    /// Takes a range of a disk of `size` in.
    pub(crate) fn insert(&mut self, range: ByteRange, size: u64) {
        self.ranges.insert(self.widened(range, size));
        self.count += 1;
        if self.count <= UNREAD {
            return;
        }
        self.count = self.ranges.iter().count();
        while self.count > UNREAD {
            self.unit = Some(self.unit.map_or(UNIT, |unit| unit * 2));
            let wide = self.ranges.iter().map(|range| self.widened(range, size));
            self.ranges = RangeSet::from_ranges(wide);
            self.count = self.ranges.iter().count();
        }
    }

    /// Takes in what another pass over the same disk could not read.
    pub(crate) fn join(&mut self, other: &Self, size: u64) {
        self.unit = self.unit.max(other.unit);
        for range in other.ranges.iter() {
            self.insert(range, size);
        }
    }

    fn widened(&self, range: ByteRange, size: u64) -> ByteRange {
        let Some(unit) = self.unit else { return range };
        let start = range.start - range.start % unit;
        let end = range.end().next_multiple_of(unit).min(size);
        ByteRange::new(start, end - start)
    }

    /// The ranges, and what is to be said of them.
    pub(crate) fn finish(self) -> (RangeSet, Option<Note>) {
        (self.ranges, self.unit.map(|_| Note::UnreadWidened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_past_the_first_thousand_are_counted() {
        let mut notes = Notes::default();
        let repaired = |number: u64| Note::Repaired {
            range: ByteRange::new(number * 4096, 4096),
        };
        notes.extend((0..5000).map(repaired));
        notes.push(Note::ComparedAgain);
        let all = notes.into_vec();
        assert_eq!(all.len(), REPAIRS + 2);
        assert_eq!(all[REPAIRS], Note::ComparedAgain);
        assert_eq!(all[REPAIRS + 1], Note::MoreRepaired { ranges: 3976 });
    }

    #[test]
    fn unread_ranges_are_exact_until_there_are_too_many_and_then_cover_all() {
        let size = 1 << 40;
        let sector = |number: u64| ByteRange::new(number * 1_048_576 + 512, 512);
        let mut few = Unread::default();
        for number in 0..UNREAD as u64 {
            few.insert(sector(number), size);
        }
        let (ranges, note) = few.finish();
        assert_eq!(ranges.total().0, UNREAD as u64 * 512);
        assert_eq!(note, None);
        let mut many = Unread::default();
        for number in (0..300_000).rev() {
            many.insert(sector(number), size);
            assert!(many.count <= UNREAD);
        }
        let (ranges, note) = many.finish();
        assert_eq!(note, Some(Note::UnreadWidened));
        assert!(ranges.iter().count() <= UNREAD);
        assert!((0..300_000).all(|number| ranges.contains(sector(number))));
    }
}
