//! What a finished command says of itself, as lines or as one JSON object.

use std::io::Write as _;

use model::{ByteCount, ByteRange, DiskCounters};
use mover::{Report, Sampled};
use serde::Serialize;

/// The result of `diff`, `sync` or `verify`.
pub(super) struct Summary<'a> {
    pub(super) command: &'static str,
    /// How what was written was proved.
    pub(super) verify: Option<&'static str>,
    pub(super) equal: bool,
    pub(super) report: &'a Report,
    /// Bytes over the link, in both directions.
    pub(super) wire: Option<ByteCount>,
    pub(super) seconds: f64,
}

#[derive(Serialize)]
struct Json<'a> {
    command: &'static str,
    equal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    verify: Option<&'static str>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<ByteCount>,
    to_send: ByteCount,
    counters: &'a DiskCounters,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<JsonSample>,
    /// What could not be read at the source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<ByteRange>,
    notes: Vec<String>,
}

/// The sampled check of change tracking.
#[derive(Serialize)]
struct JsonSample {
    seed: u64,
    confidence: f64,
    tolerated: f64,
    population: u64,
    compared: u64,
    widened: Option<ByteRange>,
}

impl From<&Sampled> for JsonSample {
    fn from(sampled: &Sampled) -> Self {
        Self {
            seed: sampled.sample.seed,
            confidence: sampled.sample.wanted.confidence,
            tolerated: sampled.sample.wanted.tolerated,
            population: sampled.population,
            compared: sampled.compared,
            widened: sampled.widened,
        }
    }
}

impl Summary<'_> {
    pub(super) fn print(&self, json: bool) {
        let text = if json { self.json() } else { self.lines() };
        // A closed standard output is no failure of what was done.
        drop(writeln!(std::io::stdout().lock(), "{text}"));
    }

    fn json(&self) -> String {
        let object = Json {
            command: self.command,
            equal: self.equal,
            verify: self.verify,
            seconds: self.seconds,
            wire: self.wire,
            to_send: self.report.to_send,
            counters: &self.report.counters,
            sample: self.report.sampled.as_ref().map(JsonSample::from),
            unread: self.report.unread.iter().collect(),
            notes: self.report.notes.iter().map(ToString::to_string).collect(),
        };
        // Maps have text for keys, and numbers are finite: the two things that JSON asks for.
        serde_json::to_string(&object).expect("a summary that is JSON")
    }

    fn lines(&self) -> String {
        let counters = &self.report.counters;
        let compared = format!(
            "{} compared, of which {} known to be zero on both sides were not read",
            counters.scanned, counters.skipped
        );
        let outcome = match self.verify {
            Some("none") => format!(
                "{} different: {} sent, {} made zero, NOTHING VERIFIED: do not trust this copy",
                counters.different, counters.sent, counters.zeroed
            ),
            Some(verify) => format!(
                "{} different: {} sent, {} made zero, {} verified from the {verify}",
                counters.different, counters.sent, counters.zeroed, counters.verified
            ),
            None if self.equal => "The disks are equal.".to_owned(),
            None if counters.different == ByteCount::ZERO => "No difference was found.".to_owned(),
            None => format!(
                "The disks differ in {}; {} would be sent.",
                counters.different, self.report.to_send
            ),
        };
        let mut lines = vec![compared, outcome];
        lines.extend(self.report.sampled.as_ref().map(sample));
        lines.extend(self.report.notes.iter().map(ToString::to_string));
        lines.extend(self.unread());
        lines.extend(self.wire.map(|wire| format!("{wire} over the link")));
        lines.push(format!("{:.2} s", self.seconds));
        lines.join("\n")
    }

    /// What could not be read, range by range: too important to be cut short.
    fn unread(&self) -> Vec<String> {
        let unread = &self.report.unread;
        if unread.is_empty() {
            return Vec::new();
        }
        let each = unread
            .iter()
            .map(|range| format!("The source cannot be read at {range}; left as it was."));
        let all = unread.total().0;
        let sum = format!("NOT EQUAL: {all} bytes could not be read.");
        each.chain([sum]).collect()
    }
}

fn sample(sampled: &Sampled) -> String {
    let wanted = sampled.sample.wanted;
    let size = format!(
        "{} of {} blocks outside the ranges were compared as a sample (seed {})",
        sampled.compared, sampled.population, sampled.sample.seed
    );
    match sampled.widened {
        Some(_) => format!("{size}; the ranges are not all that changed."),
        None => format!(
            "{size}: {} % sure that no more than {} % of them differ.",
            wanted.confidence * 100.0,
            wanted.tolerated * 100.0
        ),
    }
}
