//! Where Landfall's time goes in a case, by `perf`.

use std::process::Command;

use anyhow::Result;

use super::{
    case::Case,
    run::{self, Stage},
};
use crate::workspace;

/// Entries that are shown.
const ENTRIES: usize = 12;

/// The functions with the largest shares, of all processes that the first tool ran; nothing where
/// there is no `perf`.
pub(super) fn of(stage: &Stage, case: &Case) -> Result<Option<String>> {
    if !workspace::on_path("perf") {
        return Ok(None);
    }
    let Some(tool) = case.tools.first() else {
        return Ok(None);
    };
    let data = stage.at("perf.data");
    let name = data.display().to_string();
    let words = ["perf", "record", "-q", "-F", "999", "-o", &name, "--"];
    run::behind(stage, case, &words, tool)?;
    let mut report = Command::new("perf");
    report.args(["report", "--stdio", "--no-children", "-q", "-i", &name]);
    report.args(["--sort", "overhead,comm,symbol"]);
    let text = workspace::output(&mut report)?;
    std::fs::remove_file(data)?;
    let mut lines = String::new();
    for line in text.lines().filter(|line| line.contains('%')).take(ENTRIES) {
        lines.push_str(line.trim());
        lines.push('\n');
    }
    Ok(Some(lines))
}
