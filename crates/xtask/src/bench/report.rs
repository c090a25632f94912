//! The suite's result as a document: the machine, and a table of ratios with their goals.

use std::{fmt::Write as _, fs, process::Command, thread};

use super::{
    cases::State,
    run::{Measured, Row, Took},
};

/// The document.
pub(super) fn text(rows: &[Row], rounds: usize) -> String {
    let mut text = String::new();
    let mut line = |what: &str| {
        let _never_fails = writeln!(text, "{what}");
    };
    line("# Benchmarks");
    line("");
    line(&format!(
        "Written by `cargo xtask bench --write`. Whole processes in turn, {rounds} rounds; seconds, \
         CPU seconds and peak memory are medians, a ratio is the median of each round's ratio of \
         Landfall's time to the peer's: below 1, Landfall is faster. Images have 4 GiB, of which \
         31 % are holes. Warm: all of it in the page cache, nothing flushed. Cold: nothing in it, \
         and the target durable within the time. Each first round is checked byte by byte."
    ));
    line("");
    line(&format!("Machine: {}.", machine()));
    line("");
    line("| case | what | state | tool | s | CPU s | peak MiB | ratio | goal | |");
    line("|---|---|---|---|---:|---:|---:|---:|---:|---|");
    for row in rows {
        for (index, tool) in row.tools.iter().enumerate() {
            line(&table_row(row, index, tool));
        }
    }
    text
}

fn table_row(row: &Row, index: usize, tool: &Measured) -> String {
    let (id, what, state) = if index == 0 {
        let state = match row.case.state {
            State::Warm => "warm",
            State::Cold => "cold",
        };
        (row.case.id, row.case.what, state)
    } else {
        ("", "", "")
    };
    let figures = if tool.rounds.is_empty() {
        "| | | |".to_owned()
    } else {
        let of = |field: fn(&Took) -> f64| median(tool.rounds.iter().map(field));
        format!(
            "| {:.2} | {:.2} | {:.0} |",
            of(|took| took.seconds),
            of(|took| took.cpu_seconds),
            of(|took| took.peak_kib) / 1024.0
        )
    };
    let Some(goal) = tool.goal else {
        return format!(
            "| {id} | {what} | {state} | **{}** {figures} | | |",
            tool.name
        );
    };
    let Some(ratio) = ratio(row, tool) else {
        return format!(
            "| {id} | {what} | {state} | {} {figures} | {goal:.2} | not judged: not installed |",
            tool.name
        );
    };
    let verdict = if ratio <= goal { "met" } else { "**not met**" };
    format!(
        "| {id} | {what} | {state} | {} {figures} {ratio:.2} | {goal:.2} | {verdict} |",
        tool.name
    )
}

fn ratio(row: &Row, tool: &Measured) -> Option<f64> {
    let ours = row.tools.first()?;
    let rounds = ours.rounds.iter().zip(&tool.rounds);
    (!tool.rounds.is_empty()).then(|| median(rounds.map(|(o, t)| o.seconds / t.seconds)))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor, cores, memory, kernel and the tools' versions.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map_or_else(
                || "unknown".to_owned(),
                |(_, value)| value.trim().to_owned(),
            )
    };
    let first_line = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).output().ok();
        let text = out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
        text.and_then(|text| text.lines().next().map(str::to_owned))
            .unwrap_or_else(|| format!("no {program}"))
    };
    format!(
        "{}, {} cores, {} memory, Linux {}, {}, {}",
        field("/proc/cpuinfo", "model name"),
        thread::available_parallelism().map_or(1, usize::from),
        field("/proc/meminfo", "MemTotal"),
        first_line("uname", &["-r"]),
        first_line("qemu-img", &["--version"]),
        first_line("rsync", &["--version"]),
    )
}
