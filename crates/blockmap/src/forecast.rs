//! What a failback is expected to cost, before anything is read: bytes, time and downtime, each as
//! a band whose ends say what would have to be so.
//!
//! Plain arithmetic over what the platforms already told. Whoever shows the figures also shows the
//! [`Facts`] that they rest on.

use model::{ByteCount, BytesPerSecond, view::Band};

use crate::Estimate;

/// Seconds of the steps around a transfer: snapshots, checks, power. Not measured: a margin.
const STEPS: u64 = 5;
/// Seconds in which a guest that answers usually shuts down. Not measured: a convention.
const USUAL_SHUTDOWN: u64 = 30;
/// Blocks are written again and again: where little is expected, one write in so many changes a block
/// that no other write changes. Not measured: a convention.
const REWRITTEN: u64 = 4;

/// Where a difference looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At whole disks.
    Whole,
    /// At so many bytes of each side, which change tracking names.
    Named(ByteCount),
    /// At the source only: the target is made anew.
    Anew,
}

/// What is known of how much differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It was compared.
    Measured {
        /// So much differed.
        different: ByteCount,
        /// Of that, so much was not zero at the source.
        to_send: ByteCount,
        /// So many seconds ago.
        seconds_ago: u64,
    },
    /// Change tracking: since both sides were equal, so much was written at either of them.
    Tracked(ByteCount),
    /// Nothing but what is allocated.
    Unknown,
}

/// Since when what the replica writes is still to be sent at the switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Since phase 1 began: the switchover follows it at once.
    Phase1,
    /// The same, and the switchover comes so many seconds from now, unless phase 1 takes longer.
    Seconds(u64),
    /// Since the last catch-up pass: they come every so many seconds.
    Passes(u64),
}

/// What a replica wrote since it was failed over, each block counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// Blocks that it wrote at all.
    pub blocks: ByteCount,
    /// Since so many seconds.
    pub seconds: u64,
}

impl Writes {
    /// Blocks that it writes for the first time, on average.
    #[must_use]
    pub fn rate(self) -> BytesPerSecond {
        BytesPerSecond(self.blocks.0 / self.seconds.max(1))
    }
}

/// What a forecast rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of all disks.
    pub size: ByteCount,
    /// What a difference of the whole disks would read.
    pub allocated: Estimate,
    /// Where the difference looks.
    pub look: Look,
    /// What is known of it.
    pub difference: Difference,
    /// What the replica writes; none where that is not known, and then nothing is added for it.
    pub writes: Option<Writes>,
    /// How fast one task compares, both sides at a time.
    pub rate: BytesPerSecond,
    /// How many of the disks may move at once, at least one.
    pub at_once: u64,
    /// Since when what the replica writes is still to be sent at the switchover.
    pub wait: Wait,
    /// The longest that the guest may take to shut down, in seconds.
    pub shutdown: u64,
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// What phase 1 reads to compare.
    pub read: Estimate,
    /// Bytes that differ.
    pub different: Band<ByteCount>,
    /// Of those, not zero at the source: what travels, before it is packed.
    pub wire: Band<ByteCount>,
    /// Seconds of phase 1.
    pub phase_1: Band<u64>,
    /// Seconds from the replica's shutdown to the end of the switchover.
    pub downtime: Band<u64>,
}

/// Says what is expected of facts.
///
/// - Reading: what the look names, on each side; [`Difference`] does not change it.
/// - Difference: at most what is allocated at either side. Measured, it has grown since by what the
///   replica wrote: at the least by nothing, likely by a fourth of it. Tracked, it is at most what was written, and
///   half of it at least, since a block that is written seldom gets the content that it had.
/// - Phase 1: the reading at the rate, then the writing of what differs; from all disks at once to
///   one after the other at half the rate.
/// - Downtime: the guest's shutdown, what was written since the last pass, read and written once each,
///   and the steps. Likely as much is written as on average; at the most every block again that was
///   written so far, and what is new: a guest that writes the same blocks over and over looks idle in
///   the average.
#[must_use]
pub fn forecast(facts: &Facts) -> Forecast {
    let read = reading(facts);
    let (different, wire) = differing(facts);
    let one_side = read.source.max(read.target);
    let work = |differs: ByteCount| one_side.saturating_add(differs);
    let phase_1 = Band {
        low: seconds(work(different.low), facts.rate, facts.at_once),
        likely: seconds(work(different.likely), facts.rate, 1),
        high: seconds(work(different.high), halved(facts.rate), 1),
    }
    .map(|transfer| transfer.saturating_add(STEPS));
    Forecast {
        read,
        different,
        wire,
        phase_1,
        downtime: downtime(facts, phase_1),
    }
}

fn reading(facts: &Facts) -> Estimate {
    match facts.look {
        Look::Whole => facts.allocated,
        Look::Named(bytes) => Estimate {
            source: bytes.min(facts.size),
            target: bytes.min(facts.size),
        },
        Look::Anew => Estimate {
            target: ByteCount::ZERO,
            ..facts.allocated
        },
    }
}

fn differing(facts: &Facts) -> (Band<ByteCount>, Band<ByteCount>) {
    if facts.look == Look::Anew {
        let all = Band::exactly(facts.allocated.source);
        return (all, all);
    }
    let most = facts.allocated.total().min(facts.size);
    let sent_at_most = facts.allocated.source;
    match facts.difference {
        Difference::Measured {
            different,
            to_send,
            seconds_ago,
        } => {
            let written = written(facts.writes, seconds_ago);
            let grown = |from: ByteCount| Band {
                low: from,
                likely: from.saturating_add(ByteCount(written.0 / REWRITTEN)),
                high: from.saturating_add(written),
            };
            let cap = |bytes: ByteCount| bytes.min(facts.size);
            (grown(different).map(cap), grown(to_send).map(cap))
        }
        Difference::Tracked(either) => {
            let at_most = either.min(facts.size);
            let band = Band {
                low: ByteCount(at_most.0 / 2),
                likely: at_most,
                high: at_most,
            };
            (band, band.map(|bytes| bytes.min(sent_at_most)))
        }
        Difference::Unknown => {
            let up_to = |high: ByteCount| Band {
                low: ByteCount::ZERO,
                likely: high,
                high,
            };
            (up_to(most), up_to(sent_at_most.min(most)))
        }
    }
}

fn downtime(facts: &Facts, phase_1: Band<u64>) -> Band<u64> {
    let wait = |passed: u64| match facts.wait {
        Wait::Phase1 => passed,
        Wait::Seconds(seconds) => seconds.max(passed),
        Wait::Passes(every) => every,
    };
    let last = |written: ByteCount, rate: BytesPerSecond| {
        let written = written.min(facts.size);
        // Compared, and written where it differs.
        seconds(written.saturating_add(written), rate, 1)
    };
    let usual = USUAL_SHUTDOWN.min(facts.shutdown);
    let new = |passed: u64| written(facts.writes, wait(passed));
    let again = facts.writes.map_or(ByteCount::ZERO, |it| it.blocks);
    Band {
        low: last(ByteCount(new(phase_1.low).0 / REWRITTEN), facts.rate),
        likely: usual.saturating_add(last(new(phase_1.likely), facts.rate)),
        high: facts.shutdown.saturating_add(last(
            again.saturating_add(new(phase_1.high)),
            halved(facts.rate),
        )),
    }
    .map(|transfer| transfer.saturating_add(STEPS))
}

/// Blocks that are written for the first time in so many seconds, on average.
fn written(writes: Option<Writes>, seconds: u64) -> ByteCount {
    writes.map_or(ByteCount::ZERO, |writes| {
        ByteCount(writes.rate().0.saturating_mul(seconds))
    })
}

fn halved(rate: BytesPerSecond) -> BytesPerSecond {
    BytesPerSecond(rate.0 / 2)
}

/// Whole seconds for bytes at a rate, so many at once; rounded up.
fn seconds(bytes: ByteCount, rate: BytesPerSecond, at_once: u64) -> u64 {
    let rate = rate.0.saturating_mul(at_once.max(1)).max(1);
    bytes.0.div_ceil(rate)
}

#[cfg(test)]
mod tests;
