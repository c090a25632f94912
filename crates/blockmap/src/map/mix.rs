//! Bytes by state.

use model::{ByteCount, MapShare, MapState};

const STATES: usize = MapState::ALL.len();

/// How many bytes of something are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix([u64; STATES]);

impl Mix {
    pub(super) fn one(state: MapState, bytes: u64) -> Self {
        let mut mix = Self::default();
        mix.add(state, bytes);
        mix
    }

    /// The bytes in a state.
    #[must_use]
    pub const fn of(&self, state: MapState) -> ByteCount {
        ByteCount(self.0[state.place()])
    }

    /// All bytes.
    #[must_use]
    pub fn total(&self) -> ByteCount {
        ByteCount(self.0.iter().sum())
    }

    /// The states that it has bytes in, in order.
    #[must_use]
    pub fn shares(&self) -> Vec<MapShare> {
        let all = MapState::ALL.into_iter().map(|state| MapShare {
            state,
            bytes: self.of(state),
        });
        all.filter(|share| share.bytes.0 > 0).collect()
    }

    /// The state that all of it is in, if there is one.
    #[must_use]
    pub fn only(&self) -> Option<MapState> {
        let total = self.total();
        let all = |state: &MapState| total.0 > 0 && self.of(*state) == total;
        MapState::ALL.into_iter().find(all)
    }

    pub(crate) const fn add(&mut self, state: MapState, bytes: u64) {
        self.0[state.place()] += bytes;
    }

    pub(super) fn add_all(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Takes a part out and puts another in.
    pub(super) fn replace(&mut self, part: Self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(part.0) {
            *mine = mine.saturating_sub(theirs);
        }
        self.add_all(other);
    }

    pub(super) const fn turn(&mut self, from: MapState, to: MapState) {
        let bytes = std::mem::replace(&mut self.0[from.place()], 0);
        self.add(to, bytes);
    }

    /// Puts so many of its bytes into a state: first those that come to it from the state before.
    pub(super) fn paint(&mut self, bytes: u64, to: MapState) {
        let rest = MapState::ALL.into_iter().filter(|state| *state != to);
        let mut left = bytes;
        for from in before(to).iter().copied().chain(rest) {
            let taken = left.min(self.0[from.place()]);
            self.0[from.place()] -= taken;
            self.add(to, taken);
            left -= taken;
        }
    }

    /// What `len` of its bytes hold, if all states are spread evenly. Adds up to `len`.
    pub(super) fn part(&self, len: u64) -> Self {
        let total = u128::from(self.total().0).max(1);
        let mut part = Self::default();
        let (mut sum, mut given) = (0_u128, 0_u64);
        for (mine, whole) in part.0.iter_mut().zip(self.0) {
            sum += u128::from(whole);
            let until = u64::try_from(sum * u128::from(len) / total).unwrap_or(len);
            *mine = until - given;
            given = until;
        }
        part
    }
}

/// From where bytes come into a state, the likeliest first.
const fn before(state: MapState) -> &'static [MapState] {
    match state {
        MapState::Verified => &[MapState::Sent, MapState::Different, MapState::Unread],
        MapState::Sent => &[MapState::Different, MapState::Unread],
        MapState::Unreadable | MapState::Different | MapState::Equal | MapState::Hole => {
            &[MapState::Unread, MapState::Outside]
        }
        MapState::Unread => &[MapState::Outside],
        MapState::Outside => &[MapState::Unread],
    }
}
