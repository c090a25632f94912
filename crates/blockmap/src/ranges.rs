//! A set of bytes as sorted, disjoint ranges.

use model::{ByteCount, ByteRange};

use crate::BlockSize;

/// A set of bytes. Its ranges are sorted, never empty, and neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<ByteRange>,
}

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// The union of any ranges, in any order.
    pub fn from_ranges(ranges: impl IntoIterator<Item = ByteRange>) -> Self {
        let mut sorted: Vec<ByteRange> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut set = Self::new();
        for range in sorted {
            set.push(range.start, range.end());
        }
        set
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges in order.
    pub fn iter(&self) -> impl Iterator<Item = ByteRange> + '_ {
        self.ranges.iter().copied()
    }

    /// The number of bytes in it.
    #[must_use]
    pub fn total(&self) -> ByteCount {
        self.iter().map(|range| ByteCount(range.len)).sum()
    }

    /// Whether every byte of `range` is in it.
    #[must_use]
    pub fn contains(&self, range: ByteRange) -> bool {
        if range.len == 0 {
            return true;
        }
        let after = self.ranges.partition_point(|own| own.start <= range.start);
        after > 0 && self.ranges[after - 1].end() >= range.end()
    }

    /// Adds a range, joined with those that it overlaps or touches.
    pub fn insert(&mut self, range: ByteRange) {
        if range.len == 0 {
            return;
        }
        let (mut start, mut end) = (range.start, range.end());
        let from = self.ranges.partition_point(|own| own.end() < start);
        let to = self.ranges.partition_point(|own| own.start <= end);
        if let (true, Some(first)) = (from < to, self.ranges.get(from)) {
            start = start.min(first.start);
            end = end.max(self.ranges[to - 1].end());
        }
        self.ranges.splice(from..to, [span(start, end)]);
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: ByteRange) {
        if range.len == 0 {
            return;
        }
        let (start, end) = (range.start, range.end());
        let from = self.ranges.partition_point(|own| own.end() <= start);
        let to = self.ranges.partition_point(|own| own.start < end);
        if from >= to {
            return;
        }
        let left = span(self.ranges[from].start, start);
        let right = span(end, self.ranges[to - 1].end());
        let rest = [left, right].into_iter().filter(|part| part.len > 0);
        self.ranges.splice(from..to, rest);
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::from_ranges(self.iter().chain(other.iter()))
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut both = Self::new();
        let (mut mine, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        while let (Some(a), Some(b)) = (mine.peek().copied(), theirs.peek().copied()) {
            both.push(a.start.max(b.start), a.end().min(b.end()));
            if a.end() <= b.end() {
                mine.next();
            } else {
                theirs.next();
            }
        }
        both
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut rest = Self::new();
        let mut cuts = other.iter().peekable();
        for own in self.iter() {
            let mut from = own.start;
            while let Some(cut) = cuts.peek().copied().filter(|cut| cut.start < own.end()) {
                rest.push(from, cut.start);
                from = from.max(cut.end());
                if cut.end() > own.end() {
                    break;
                }
                cuts.next();
            }
            rest.push(from, own.end());
        }
        rest
    }

    /// The part of it inside `range`.
    #[must_use]
    pub fn within(&self, range: ByteRange) -> Self {
        let from = self.ranges.partition_point(|own| own.end() <= range.start);
        let mut part = Self::new();
        for own in self.ranges.iter().skip(from) {
            if own.start >= range.end() {
                break;
            }
            part.push(own.start.max(range.start), own.end().min(range.end()));
        }
        part
    }

    /// Every block of a disk of `size` that holds a byte of it; what lies past the end is dropped.
    #[must_use]
    pub fn aligned_out(&self, block: BlockSize, size: ByteCount) -> Self {
        Self::from_ranges(self.iter().map(|range| block.align_out(range, size)))
    }

    /// Adds `start..end`, which starts nowhere before the last range does.
    fn push(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.end() >= start => *last = span(last.start, last.end().max(end)),
            _ => self.ranges.push(span(start, end)),
        }
    }
}

impl FromIterator<ByteRange> for RangeSet {
    fn from_iter<I: IntoIterator<Item = ByteRange>>(ranges: I) -> Self {
        Self::from_ranges(ranges)
    }
}

/// `start..end`, empty when they are the wrong way round.
const fn span(start: u64, end: u64) -> ByteRange {
    ByteRange::new(start, end.saturating_sub(start))
}
