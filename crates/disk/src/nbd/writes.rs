//! What was written over connections and is not yet durable: when one of them is lost, so may be
//! what any of them wrote, for the server may have gone with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts acknowledged writes, flushes and losses of one disk.
#[derive(Debug, Default)]
pub(super) struct Writes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Connections lost so far.
    connections: u64,
    /// Writes that were acknowledged.
    acknowledged: u64,
    /// So many of them are durable.
    durable: u64,
    /// Losses that may have taken acknowledged writes with them.
    lost: u64,
    /// So many of them a flush has told.
    told: u64,
}

/// What was so when a request was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    connections: u64,
    acknowledged: u64,
}

impl Writes {
    /// What is so before a write or a flush is sent.
    pub(super) fn before(&self) -> Before {
        let state = self.lock();
        Before {
            connections: state.connections,
            acknowledged: state.acknowledged,
        }
    }

    /// A write was acknowledged. One during which a connection was lost counts as lost with it:
    /// nobody knows which was first.
    pub(super) fn acknowledged(&self, before: Before) {
        let mut state = self.lock();
        if state.connections == before.connections {
            state.acknowledged += 1;
        } else {
            state.lost += 1;
        }
    }

    /// A flush was acknowledged: whether it covers all that was acknowledged before it. Of what is
    /// lost it tells once.
    pub(super) fn flushed(&self, before: Before) -> bool {
        let mut state = self.lock();
        let covers = state.connections == before.connections && state.told == state.lost;
        state.told = state.lost;
        if state.connections == before.connections {
            state.durable = before.acknowledged;
        }
        covers
    }

    /// A connection was lost.
    pub(super) fn lost(&self) {
        let mut state = self.lock();
        state.connections += 1;
        if state.acknowledged > state.durable {
            state.lost += 1;
            state.durable = state.acknowledged;
        }
    }

    /// Connections lost, and losses that may have taken writes with them.
    pub(super) fn losses(&self) -> (u64, u64) {
        let state = self.lock();
        (state.connections, state.lost)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_takes_what_was_acknowledged_and_not_flushed_and_is_told_once() {
        let writes = Writes::default();
        writes.lost();
        assert_eq!(writes.losses(), (1, 0));
        writes.acknowledged(writes.before());
        assert!(writes.flushed(writes.before()));
        writes.lost();
        assert_eq!(writes.losses(), (2, 0), "all was durable");
        writes.acknowledged(writes.before());
        writes.lost();
        assert_eq!(writes.losses(), (3, 1));
        assert!(!writes.flushed(writes.before()));
        assert!(writes.flushed(writes.before()));
    }

    #[test]
    fn what_is_lost_while_a_request_is_on_its_way_is_not_believed() {
        let writes = Writes::default();
        let before = writes.before();
        writes.lost();
        writes.acknowledged(before);
        assert_eq!(writes.losses(), (1, 1));
        let writes = Writes::default();
        let before = writes.before();
        writes.acknowledged(writes.before());
        assert!(writes.flushed(before));
        // Acknowledged after that flush was sent, so it does not cover it.
        writes.lost();
        assert_eq!(writes.losses(), (1, 1));
        let before = writes.before();
        writes.lost();
        assert!(!writes.flushed(before));
    }
}
