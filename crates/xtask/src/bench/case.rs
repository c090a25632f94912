//! What a case of the suite is: tools, the stage they run on, and goals that can fail.

use serde::{Deserialize, Serialize};

use super::took::{Measure, Took};

/// What a run finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Everything in the page cache.
    Warm,
    /// Nothing in it; the target is made durable within the time.
    Cold,
}

/// What `X` is before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Nothing is written.
    None,
    /// A copy of this image, to which the blocks that the run changed were given back.
    CopyOf(&'static str),
    /// Not there.
    Missing,
    /// A raw image of the source's size that is one hole.
    Empty,
}

/// One tool's command, in the words of [`super::cases`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// The program that must be on the PATH.
    pub(super) program: &'static str,
    pub(super) command: &'static str,
}

/// Which value of several rounds is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Of times: the machine is shared.
    Median,
    /// Of bytes: the largest.
    Worst,
}

/// Something that can fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    /// What `value` is, in the document's words.
    pub(super) what: &'static str,
    /// Computed from one round of all tools; not a number where a tool is not there.
    pub(super) value: fn(&Round<'_>) -> f64,
    pub(super) of: Of,
    pub(super) most: f64,
}

/// One round: what each tool took in it, in the case's order.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) took: Vec<Option<&'a Took>>,
    pub(super) facts: &'a Facts,
}

impl Round<'_> {
    pub(super) fn of(&self, tool: usize, measure: Measure) -> f64 {
        let took = self.took.get(tool).copied().flatten();
        took.map_or(f64::NAN, |took| took.of(measure))
    }

    /// The first tool's time as a share of another's.
    pub(super) fn share(&self, of: usize) -> f64 {
        self.of(0, Measure::Seconds) / self.of(of, Measure::Seconds)
    }
}

/// What is known of the images without measuring, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) logical: f64,
    /// Of the source, and of a quarter of it.
    pub(super) allocated: f64,
    pub(super) allocated_quarter: f64,
    /// The source's content without zeroes.
    pub(super) data: f64,
    /// The source's content of blocks that differ in `T1`, without zeroes; packed with lz4 where
    /// that makes a block smaller.
    pub(super) changed_1p: f64,
    pub(super) packed_1p: f64,
    pub(super) changed_10p: f64,
    pub(super) packed_10p: f64,
    /// Of changed pieces of 4 KiB, in `T4K`.
    pub(super) changed_4k: f64,
}

/// One row of the suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// One word.
    pub(super) id: &'static str,
    /// The numbers in the suite's list.
    pub(super) numbers: &'static str,
    pub(super) what: &'static str,
    pub(super) state: State,
    pub(super) target: Target,
    /// Images that are read before a warm run.
    pub(super) reads: &'static [&'static str],
    /// Runs before the clock does, and its counterpart after it. Servers leave their process ids
    /// in files `*.pid`.
    pub(super) around: Option<(&'static str, &'static str)>,
    /// Landfall first.
    pub(super) tools: &'static [Tool],
    pub(super) goals: &'static [Goal],
}

/// A tool that is always there.
pub(super) const fn ours(name: &'static str, command: &'static str) -> Tool {
    peer(name, "sh", command)
}

pub(super) const fn peer(name: &'static str, program: &'static str, command: &'static str) -> Tool {
    Tool {
        name,
        program,
        command,
    }
}

/// A goal for the median of rounds.
pub(super) const fn median(what: &'static str, most: f64, value: fn(&Round<'_>) -> f64) -> Goal {
    Goal {
        what,
        value,
        of: Of::Median,
        most,
    }
}

/// A goal for the worst round.
pub(super) const fn always(what: &'static str, most: f64, value: fn(&Round<'_>) -> f64) -> Goal {
    Goal {
        what,
        value,
        of: Of::Worst,
        most,
    }
}

/// Landfall's time beside that of the case's second, third and fourth tool.
pub(super) const fn share_of_1(what: &'static str, most: f64) -> Goal {
    median(what, most, |round| round.share(1))
}

pub(super) const fn share_of_2(what: &'static str, most: f64) -> Goal {
    median(what, most, |round| round.share(2))
}

pub(super) const fn share_of_3(what: &'static str, most: f64) -> Goal {
    median(what, most, |round| round.share(3))
}

/// No process of Landfall's may have more memory, whatever the disk's size.
pub(super) const MEMORY: Goal = always("peak MiB of a process", 64.0, |round| {
    round.of(0, Measure::PeakKib) / 1024.0
});

/// A cold run leaves little behind.
pub(super) const RESIDUE: Goal = always("MiB left in the page cache", 64.0, |round| {
    round.of(0, Measure::Residue) / f64::from(1 << 20)
});

/// Landfall's own count of bytes on the wire is the link's.
pub(super) const COUNTS_AGREE: Goal = always("bytes the two counts differ by", 0.0, |round| {
    (round.of(0, Measure::LinkBytes) - round.of(0, Measure::OwnWire)).abs()
});
