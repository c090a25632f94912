//! Conversion to and from the stored form, by hand and versioned.

use std::fmt;

use model::{SessionRecord, SessionStateRecord};

use crate::{Session, State};

const VERSION: u32 = 2;

/// A stored session that this version cannot understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRecord {
    /// The version that it names.
    pub version: u32,
}

impl fmt::Display for UnknownRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "session record of version {}, known up to {VERSION}",
            self.version
        )
    }
}

impl std::error::Error for UnknownRecord {}

impl Session {
    /// The stored form.
    #[must_use]
    pub fn to_record(&self) -> SessionRecord {
        SessionRecord {
            version: VERSION,
            begun: self.begun,
            destination: self.destination,
            storage_policy: self.storage_policy,
            catch_up: self.catch_up,
            caught_up_at: self.caught_up_at,
            quick: self.quick,
            timer: self.timer,
            gates: self.gates.clone(),
            gates_failed_since: self.gates_failed_since,
            timer_stopped: self.timer_stopped.clone(),
            state: state_to_record(&self.state),
            mode: self.mode.clone(),
            power_on: self.power_on,
            attention: self.attention.clone(),
            attempts: self.attempts,
            pass: self.pass,
            settled_pass: self.settled_pass,
            frozen_epoch: self.frozen_epoch,
            settled_epoch: self.settled_epoch,
            write_epoch: self.write_epoch,
            production_was_on: self.production_was_on,
            leave_unreadable: self.leave_unreadable,
            left_out: self.left_out,
        }
    }

    /// A session from its stored form.
    ///
    /// # Errors
    /// [`UnknownRecord`] when a newer version wrote it.
    pub fn from_record(record: &SessionRecord) -> Result<Self, UnknownRecord> {
        if record.version == 0 || record.version > VERSION {
            return Err(UnknownRecord {
                version: record.version,
            });
        }
        Ok(Self {
            state: state_from_record(&record.state),
            begun: record.begun,
            destination: record.destination,
            storage_policy: record.storage_policy,
            catch_up: record.catch_up,
            caught_up_at: record.caught_up_at,
            quick: record.quick,
            timer: record.timer,
            gates: record.gates.clone(),
            gates_failed_since: record.gates_failed_since,
            timer_stopped: record.timer_stopped.clone(),
            mode: record.mode.clone(),
            power_on: record.power_on,
            attention: record.attention.clone(),
            attempts: record.attempts,
            pass: record.pass,
            settled_pass: record.settled_pass,
            frozen_epoch: record.frozen_epoch,
            settled_epoch: record.settled_epoch,
            write_epoch: record.write_epoch,
            production_was_on: record.production_was_on,
            leave_unreadable: record.leave_unreadable,
            left_out: record.left_out,
        })
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn state_to_record(state: &State) -> SessionStateRecord {
    match *state {
        State::Synchronizing { at, again, paused } => SessionStateRecord::Synchronizing {
            at: index(at),
            again,
            paused,
        },
        State::ReadyToSwitch { since } => SessionStateRecord::ReadyToSwitch { since },
        State::CatchingUp { at, then_switch } => SessionStateRecord::CatchingUp {
            at: index(at),
            then_switch,
        },
        State::Switching { at } => SessionStateRecord::Switching { at: index(at) },
        State::Failback { since } => SessionStateRecord::Failback { since },
        State::Committing { at } => SessionStateRecord::Committing { at: index(at) },
        State::Undoing { at, switched } => SessionStateRecord::Undoing {
            at: index(at),
            switched,
        },
        State::Cancelling { at, what } => SessionStateRecord::Cancelling {
            at: index(at),
            what,
        },
        State::Ended { outcome, at } => SessionStateRecord::Ended { outcome, at },
    }
}

fn state_from_record(record: &SessionStateRecord) -> State {
    match *record {
        SessionStateRecord::Synchronizing { at, again, paused } => State::Synchronizing {
            at: at as usize,
            again,
            paused,
        },
        SessionStateRecord::ReadyToSwitch { since } => State::ReadyToSwitch { since },
        SessionStateRecord::CatchingUp { at, then_switch } => State::CatchingUp {
            at: at as usize,
            then_switch,
        },
        SessionStateRecord::Switching { at } => State::Switching { at: at as usize },
        SessionStateRecord::Failback { since } => State::Failback { since },
        SessionStateRecord::Committing { at } => State::Committing { at: at as usize },
        SessionStateRecord::Undoing { at, switched } => State::Undoing {
            at: at as usize,
            switched,
        },
        SessionStateRecord::Cancelling { at, what } => State::Cancelling {
            at: at as usize,
            what,
        },
        SessionStateRecord::Ended { outcome, at } => State::Ended { outcome, at },
    }
}
