//! The map of a disk: which of its bytes are equal, sent, proved and so on, in bounded memory.
//!
//! A map is a picture for people, and never a belief: nothing is skipped or proved because of it. It
//! holds runs of bytes in one state, exact to the byte while there are at most so many. Beyond that
//! it becomes coarser: its grain doubles until there are half as many, and a grain that has bytes in
//! several states remembers how many are in each, and forgets which. What is painted later into
//! such a grain moves its counts on: bytes become sent that were different, verified that were
//! sent. Of what is painted in the order in which a transfer happens, every count stays right.
//!
//! Memory, whatever the disk's size: some 120 bytes for each of the at most [`RUNS`] runs.

mod cells;
mod code;
mod mix;

use std::collections::BTreeMap;

use model::{ByteCount, ByteRange, MapState};

pub use cells::{Cells, MapRows};
pub use mix::Mix;

/// Runs of a map at most.
pub const RUNS: usize = 1 << 15;
/// The first grain of a map that becomes coarser: a sector.
const SECTOR: u64 = 512;

/// The map of one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskMap {
    size: u64,
    /// Runs begin at multiples of it. One byte while nothing is forgotten, then a power of two.
    grain: u64,
    most: usize,
    /// By first byte; each reaches to the next. Neighbours in one state are one run.
    runs: BTreeMap<u64, Run>,
    totals: Mix,
}

/// What a run of bytes is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Run {
    /// All in this state.
    One(MapState),
    /// A single grain, with bytes in several states.
    Several(Box<Mix>),
}

impl DiskMap {
    /// The map of a disk of which nothing is known.
    #[must_use]
    pub fn new(size: ByteCount) -> Self {
        Self::with_most(size, RUNS)
    }

    /// A map of at most so many runs.
    pub(crate) fn with_most(size: ByteCount, most: usize) -> Self {
        let mut map = Self {
            size: size.0,
            grain: 1,
            most,
            runs: BTreeMap::new(),
            totals: Mix::one(MapState::Unread, size.0),
        };
        if size.0 > 0 {
            map.runs.insert(0, Run::One(MapState::Unread));
        }
        map
    }

    /// The disk's size.
    #[must_use]
    pub const fn size(&self) -> ByteCount {
        ByteCount(self.size)
    }

    /// The smallest range that it tells apart: one byte while it has forgotten nothing.
    #[must_use]
    pub const fn grain(&self) -> ByteCount {
        ByteCount(self.grain)
    }

    /// Bytes of the whole disk by state.
    #[must_use]
    pub const fn totals(&self) -> Mix {
        self.totals
    }

    /// Runs that it holds now, which is what its memory depends on.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Says what became of a range; what lies past the disk's end is dropped.
    pub fn paint(&mut self, range: ByteRange, state: MapState) {
        let (start, end) = (range.start, range.end().min(self.size));
        if start >= end {
            return;
        }
        let first = self.grain_of(start);
        let last = self.grain_of(end - 1);
        if first.start == last.start {
            self.paint_in(first, end - start, state);
        } else {
            let (mut from, mut to) = (start, end);
            if start > first.start {
                from = first.end();
                self.paint_in(first, from - start, state);
            }
            if end < last.end() {
                to = last.start;
                self.paint_in(last, end - to, state);
            }
            self.put(from, to, state);
        }
        if self.runs.len() > self.most {
            self.coarsen();
        }
    }

    /// Says of everything in one state that it is now in another.
    pub fn turn(&mut self, from: MapState, to: MapState) {
        let mut runs = Runs::default();
        for (start, run) in std::mem::take(&mut self.runs) {
            runs.push(
                start,
                match run {
                    Run::One(state) if state == from => Run::One(to),
                    Run::One(state) => Run::One(state),
                    Run::Several(mut mix) => {
                        mix.turn(from, to);
                        Run::of(*mix)
                    }
                },
            );
        }
        self.runs = runs.0.into_iter().collect();
        self.totals.turn(from, to);
    }

    /// The grain that holds a byte; the disk's last may be short.
    fn grain_of(&self, offset: u64) -> ByteRange {
        let start = offset - offset % self.grain;
        ByteRange::new(start, self.grain.min(self.size - start))
    }

    /// Paints so many bytes of one grain.
    fn paint_in(&mut self, grain: ByteRange, bytes: u64, state: MapState) {
        if bytes == grain.len {
            self.put(grain.start, grain.end(), state);
            return;
        }
        let before = match self.run_at(grain.start) {
            Run::One(same) if *same == state => return,
            Run::One(other) => Mix::one(*other, grain.len),
            Run::Several(mix) => **mix,
        };
        let mut mix = before;
        mix.paint(bytes, state);
        self.cut(grain.start);
        self.cut(grain.end());
        self.totals.replace(before, mix);
        self.runs.insert(grain.start, Run::of(mix));
        self.join(grain.start);
        self.join(grain.end());
    }

    /// Puts whole grains into one state.
    fn put(&mut self, start: u64, end: u64, state: MapState) {
        if start >= end {
            return;
        }
        self.cut(start);
        self.cut(end);
        let mut before = Mix::default();
        while let Some((&at, _)) = self.runs.range(start..end).next() {
            let until = self.end_of(at);
            match self.runs.remove(&at) {
                Some(Run::One(state)) => before.add(state, until - at),
                Some(Run::Several(mix)) => before.add_all(*mix),
                None => break,
            }
        }
        self.totals.replace(before, Mix::one(state, end - start));
        self.runs.insert(start, Run::One(state));
        self.join(start);
        self.join(end);
    }

    fn run_at(&self, offset: u64) -> &Run {
        let found = self.runs.range(..=offset).next_back();
        found.map_or(&Run::One(MapState::Unread), |(_, run)| run)
    }

    /// Where the run that begins at `start` ends.
    fn end_of(&self, start: u64) -> u64 {
        let next = self.runs.range(start + 1..).next();
        next.map_or(self.size, |(next, _)| *next)
    }

    /// Lets a run begin here.
    fn cut(&mut self, at: u64) {
        if at < self.size && !self.runs.contains_key(&at) {
            let run = self.run_at(at).clone();
            self.runs.insert(at, run);
        }
    }

    /// Makes the run that begins here one with the run before, where they are in one state.
    fn join(&mut self, at: u64) {
        let before = self.runs.range(..at).next_back().map(|(_, run)| run);
        let same = matches!(
            (before, self.runs.get(&at)),
            (Some(Run::One(before)), Some(Run::One(here))) if before == here
        );
        if same {
            self.runs.remove(&at);
        }
    }

    /// Doubles the grain until half the room is free.
    fn coarsen(&mut self) {
        while self.runs.len() > self.most / 2 && self.grain < self.size {
            self.grain = self.grain.saturating_mul(2).max(SECTOR);
            self.runs = self.regrained();
        }
    }

    /// The runs for the grain that is now.
    fn regrained(&self) -> BTreeMap<u64, Run> {
        let mut runs = Runs::default();
        let mut gathered = Mix::default();
        for (range, run) in self.pieces(ByteRange::new(0, self.size)) {
            let mut from = range.start;
            while from < range.end() {
                let grain = self.grain_of(from);
                let whole = match run {
                    Run::One(state) if from == grain.start => {
                        let end = self.last_boundary(range.end());
                        (end > from).then_some((end, *state))
                    }
                    Run::One(_) | Run::Several(_) => None,
                };
                if let Some((end, state)) = whole {
                    runs.push(from, Run::One(state));
                    from = end;
                    continue;
                }
                let to = range.end().min(grain.end());
                match run {
                    Run::One(state) => gathered.add(*state, to - from),
                    // The grains before were parts of this one.
                    Run::Several(mix) => gathered.add_all(**mix),
                }
                if to == grain.end() {
                    runs.push(grain.start, Run::of(std::mem::take(&mut gathered)));
                }
                from = to;
            }
        }
        runs.0.into_iter().collect()
    }

    /// The last boundary of grains up to here; the disk's end is one.
    const fn last_boundary(&self, at: u64) -> u64 {
        if at == self.size {
            at
        } else {
            at - at % self.grain
        }
    }

    /// The runs that touch a range within the disk, cut to it.
    fn pieces(&self, range: ByteRange) -> impl Iterator<Item = (ByteRange, &Run)> {
        let first = self.runs.range(..=range.start).next_back();
        let from = first.map_or(range.start, |(start, _)| *start);
        let mut runs = self.runs.range(from..range.end()).peekable();
        std::iter::from_fn(move || {
            let (start, run) = runs.next()?;
            let end = runs.peek().map_or(range.end(), |(next, _)| **next);
            let start = (*start).max(range.start);
            Some((ByteRange::new(start, end - start), run))
        })
        .filter(|(piece, _)| piece.len > 0)
    }
}

impl Run {
    fn of(mix: Mix) -> Self {
        mix.only()
            .map_or_else(|| Self::Several(Box::new(mix)), Self::One)
    }

    /// What `len` bytes of it hold.
    fn part(&self, len: u64) -> Mix {
        match self {
            Self::One(state) => Mix::one(*state, len),
            Self::Several(mix) => mix.part(len),
        }
    }
}

/// Runs in order, where neighbours in one state become one.
#[derive(Default)]
struct Runs(Vec<(u64, Run)>);

impl Runs {
    fn push(&mut self, start: u64, run: Run) {
        if let (Some((_, Run::One(last))), Run::One(next)) = (self.0.last(), &run)
            && last == next
        {
            return;
        }
        self.0.push((start, run));
    }
}
