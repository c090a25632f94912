//! Health gates: tried again and again while a timer may act on what they say. Owns when they are
//! tried next and what they said last; what follows from it is the machine's.

mod probe;

use std::time::Duration;

use model::{GateAnswer, HealthGate, LogLevel, Timestamp};
use store::NewLogLine;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::clock;

/// A gate, and why it is not green where it is not.
pub(crate) type Said = (HealthGate, Option<String>);

/// When the gates are tried next, and what they said last.
#[derive(Debug)]
pub(crate) struct Watch {
    next: Instant,
    last: Vec<GateAnswer>,
    /// When something was heard last, or the watch began, by both clocks.
    seen: (Instant, Timestamp),
}

/// So far apart may the machine's two clocks drift between two tries, and so late may a try be.
const SLACK: Duration = Duration::from_secs(10);

impl Watch {
    /// A watch that tries at once and has heard nothing.
    pub(crate) fn new() -> Self {
        Self {
            next: Instant::now(),
            last: Vec::new(),
            seen: (Instant::now(), clock::now()),
        }
    }

    /// Whether nobody watched for a while until now: the wall clock jumped or the host stood still.
    pub(crate) fn after_gap(&self, now: Timestamp, every: Duration) -> bool {
        let (instant, wall) = self.seen;
        // The first try comes whenever the switchover is done.
        let usual = (!self.last.is_empty()).then_some(every + probe::PATIENCE);
        is_gap(now.0.saturating_sub(wall.0), instant.elapsed(), usual)
    }

    /// Forgets what was said; the next watch tries at once.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    /// Waits until it is time and tries all gates at once. Dropped in between, it tries again.
    pub(crate) async fn tried(&self, gates: &[HealthGate]) -> Vec<Said> {
        sleep_until(self.next).await;
        let mut tries = JoinSet::new();
        for (index, gate) in gates.iter().cloned().enumerate() {
            tries.spawn(async move {
                let failing = probe::attempt(&gate).await.err();
                (index, gate, failing.map(|error| error.sentence()))
            });
        }
        let mut said = tries.join_all().await;
        said.sort_by_key(|(index, ..)| *index);
        said.into_iter()
            .map(|(_, gate, failing)| (gate, failing))
            .collect()
    }

    /// Keeps the answers and tells of those that are not what they were.
    pub(crate) fn heard(
        &mut self,
        said: Vec<Said>,
        at: Timestamp,
        every: Duration,
    ) -> (Vec<GateAnswer>, Vec<NewLogLine>) {
        self.next = Instant::now() + every;
        self.seen = (Instant::now(), at);
        let answers: Vec<_> = said
            .into_iter()
            .map(|(gate, failing)| GateAnswer { gate, failing, at })
            .collect();
        let lines = answers
            .iter()
            .filter(|new| !self.said_before(new))
            .map(|new| line(new, at))
            .collect();
        self.last.clone_from(&answers);
        (answers, lines)
    }

    /// Whether a gate was as green, or as red, before. Another reason is no other answer.
    fn said_before(&self, new: &GateAnswer) -> bool {
        self.last
            .iter()
            .any(|old| old.gate == new.gate && old.failing.is_some() == new.failing.is_some())
    }
}

/// Whether two clocks disagree on how long it was, or it was longer than usual.
fn is_gap(wall_micros: i64, monotonic: Duration, usual: Option<Duration>) -> bool {
    let monotonic_micros = i64::try_from(monotonic.as_micros()).unwrap_or(i64::MAX);
    let apart = wall_micros.abs_diff(monotonic_micros);
    let late = usual.is_some_and(|usual| monotonic > usual + SLACK);
    late || u128::from(apart) > SLACK.as_micros()
}

/// The first gate that fails, as a sentence; none when all are green.
pub(crate) fn failing(answers: &[GateAnswer]) -> Option<String> {
    answers.iter().find_map(|answer| {
        let why = answer.failing.as_ref()?;
        Some(format!("The health gate {} fails: {why}.", answer.gate))
    })
}

fn line(answer: &GateAnswer, at: Timestamp) -> NewLogLine {
    let gate = &answer.gate;
    let (level, text) = match &answer.failing {
        None => (LogLevel::Info, format!("The health gate {gate} is green.")),
        Some(why) => (
            LogLevel::Warning,
            format!("The health gate {gate} fails: {why}."),
        ),
    };
    NewLogLine { at, level, text }
}

#[cfg(test)]
mod tests;
