//! What a finished command says of itself, as lines or as one JSON object.

use std::io::Write as _;

use model::{ByteCount, DiskCounters};
use mover::Report;
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
    notes: Vec<String>,
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
            notes: self.report.notes.iter().map(ToString::to_string).collect(),
        };
        serde_json::to_string(&object).unwrap_or_default()
    }

    fn lines(&self) -> String {
        let counters = &self.report.counters;
        let compared = format!(
            "{} compared, of which {} known to be zero on both sides were not read",
            counters.scanned, counters.skipped
        );
        let outcome = match self.verify {
            Some(verify) => format!(
                "{} different: {} sent, {} made zero, {} verified from the {verify}",
                counters.different, counters.sent, counters.zeroed, counters.verified
            ),
            None if self.equal => "The disks are equal.".to_owned(),
            None => format!(
                "The disks differ in {}; {} would be sent.",
                counters.different, self.report.to_send
            ),
        };
        let mut lines = vec![compared, outcome];
        lines.extend(self.report.notes.iter().map(ToString::to_string));
        lines.extend(self.wire.map(|wire| format!("{wire} over the link")));
        lines.push(format!("{:.2} s", self.seconds));
        lines.join("\n")
    }
}
