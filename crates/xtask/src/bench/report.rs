//! The suite's results as a document: the machine, and every goal with its figure.

use std::{collections::BTreeMap, fmt::Write as _, fs, process::Command, thread};

use super::{
    case::{Case, Facts, State},
    cases,
    judge::{Row, Verdict, judge},
    took::{Measure, Took, median, worst},
};

/// The document.
pub(super) fn text(rows: &BTreeMap<String, Row>, facts: &Facts) -> String {
    let mut text = String::new();
    let mut line = |what: &str| {
        let _never_fails = writeln!(text, "{what}");
    };
    line("# Benchmarks");
    line("");
    line(
        "Written by `cargo xtask bench --write`, from everything that it measured with the images \
         at hand. Whole processes in turn, in an order that rotates. Seconds and CPU seconds are \
         medians, peaks the largest; CPU of servers is given after a plus sign. A share is the \
         median of each round's ratio of Landfall's time to the other's: below 1, Landfall is \
         faster. Bytes are judged by the worst round. Warm: all of it in the page cache, nothing \
         flushed. Cold: nothing in it, and the target durable within the time. What a tool's \
         first run wrote is compared with the source byte by byte. Numbers are those of the \
         suite's list; the commands are in crates/xtask/src/bench/cases.",
    );
    line("");
    line(&format!(
        "Images have {:.0} MiB, of which {:.0} % hold data. Machine: {}.",
        facts.logical / f64::from(1 << 20),
        facts.data / facts.logical * 100.0,
        machine()
    ));
    line("");
    line(&counts(rows, facts));
    line("");
    line("| case | what | tool | s | CPU s | peak MiB | goals |");
    line("|---|---|---|---:|---:|---:|---|");
    for case in cases::all() {
        match rows.get(case.id) {
            Some(row) => {
                let verdicts = judge(case, row, facts);
                for index in 0..case.tools.len() {
                    line(&table_row(case, index, row, &verdicts));
                }
            }
            None => line(&format!(
                "| {} ({}) | {} | | | | | not run |",
                case.id, case.numbers, case.what
            )),
        }
    }
    where_the_time_goes(rows, facts, &mut text);
    text
}

fn counts(rows: &BTreeMap<String, Row>, facts: &Facts) -> String {
    let verdicts: Vec<Verdict> = cases::all()
        .filter_map(|case| Some(judge(case, rows.get(case.id)?, facts)))
        .flatten()
        .collect();
    let missed = verdicts.iter().filter(|it| it.is_missed()).count();
    let unjudged = verdicts
        .iter()
        .filter(|it| it.value.is_none() && it.lacks_tool)
        .count();
    let not_run = cases::all()
        .filter(|case| !rows.contains_key(case.id))
        .count();
    format!(
        "{} goals: {} met, {missed} missed, {unjudged} not judged because a tool is not there; \
         {not_run} cases not run.",
        verdicts.len(),
        verdicts.len() - missed - unjudged,
    )
}

fn table_row(case: &Case, index: usize, row: &Row, verdicts: &[Verdict]) -> String {
    let tool = &case.tools[index];
    let none = Vec::new();
    let rounds = row.tools.get(tool.name).unwrap_or(&none);
    let figures = figures(rounds);
    if index > 0 {
        return format!("| | | {} | {figures} | |", tool.name);
    }
    let state = match case.state {
        State::Warm => "warm",
        State::Cold => "cold",
    };
    let goals: Vec<String> = verdicts.iter().map(goal).collect();
    format!(
        "| {} ({}) | {}; {state}, rounds: {} | **{}** | {figures} | {} |",
        case.id,
        case.numbers,
        case.what,
        rounds.len(),
        tool.name,
        goals.join("<br>")
    )
}

fn figures(rounds: &[Took]) -> String {
    if rounds.is_empty() {
        return "not installed | | ".to_owned();
    }
    let of = |measure| median(rounds.iter().map(|took| took.of(measure)));
    let most = |measure| worst(rounds.iter().map(|took| took.of(measure)));
    let (servers, peak) = (
        of(Measure::ServerCpuSeconds),
        most(Measure::ServerPeakKib) / 1024.0,
    );
    let plus = |text: String| {
        if servers.is_nan() {
            String::new()
        } else {
            text
        }
    };
    format!(
        "{:.2} | {:.2}{} | {:.0}{}",
        of(Measure::Seconds),
        of(Measure::CpuSeconds),
        plus(format!(" + {servers:.2}")),
        most(Measure::PeakKib) / 1024.0,
        plus(format!(" + {peak:.0}")),
    )
}

pub(super) fn goal(verdict: &Verdict) -> String {
    let most = number(verdict.most);
    let (value, word) = match (verdict.value, verdict.is_missed()) {
        (Some(value), false) => (number(value), "met"),
        (Some(value), true) => (number(value), "**missed**"),
        (None, false) => ("–".to_owned(), "not judged: not installed"),
        (None, true) => ("–".to_owned(), "**not measured**"),
    };
    format!("{} {value} ≤ {most}: {word}", verdict.what)
}

/// Three digits that matter, and no more of large numbers than their whole part.
fn number(value: f64) -> String {
    let rounded = match value.abs() {
        0.0 => 0,
        10.0.. => 0,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.rounded$}")
}

fn where_the_time_goes(rows: &BTreeMap<String, Row>, facts: &Facts, text: &mut String) {
    let missed = cases::all().filter_map(|case| {
        let row = rows.get(case.id)?;
        let any = judge(case, row, facts).iter().any(Verdict::is_missed);
        any.then_some((case, row, row.profile.as_deref()?))
    });
    let mut first = true;
    for (case, row, profile) in missed {
        if std::mem::take(&mut first) {
            text.push_str("\n## Where the time goes\n\nOf Landfall's run of each case that missed a goal, by `perf`.\n");
        }
        let _never_fails = write!(
            text,
            "\n### {}, {}\n\n{}\n\n```text\n{profile}```\n",
            case.id,
            case.what,
            processors(case, row)
        );
    }
}

/// How busy each tool kept the processors: what is near 100 % cannot be faster without less work.
fn processors(case: &Case, row: &Row) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let of = |name: &str| {
        let rounds = row.tools.get(name).filter(|rounds| !rounds.is_empty())?;
        let of = |measure| median(rounds.iter().map(|took| took.of(measure)));
        let servers = of(Measure::ServerCpuSeconds);
        let servers = if servers.is_nan() { 0.0 } else { servers };
        let own = of(Measure::CpuSeconds);
        let all = of(Measure::Seconds) * cores_f64(cores);
        let busy = (own + servers) / all * 100.0;
        Some(format!(
            "{name} kept {cores} cores {busy:.0} % busy: {own:.2} CPU s of its own and \
             {servers:.2} of servers."
        ))
    };
    let tools = case.tools.iter().filter_map(|tool| of(tool.name));
    tools.collect::<Vec<_>>().join(" ")
}

fn cores_f64(cores: usize) -> f64 {
    u32::try_from(cores).map_or(f64::INFINITY, f64::from)
}

/// Processor, cores, memory, kernel and the tools' versions.
pub(super) fn machine() -> String {
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
        "{}, {} cores, {} memory, Linux {}, {}, {}, {}, {}",
        field("/proc/cpuinfo", "model name"),
        thread::available_parallelism().map_or(1, usize::from),
        field("/proc/meminfo", "MemTotal"),
        first_line("uname", &["-r"]),
        first_line("qemu-img", &["--version"]),
        first_line("nbdcopy", &["--version"]),
        first_line("rsync", &["--version"]),
        first_line("zstd", &["--version"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_says_what_became_of_it() {
        let verdict = |value, lacks_tool| Verdict {
            what: "share of cmp",
            most: 0.25,
            value,
            lacks_tool,
        };
        for (value, lacks_tool, words) in [
            (Some(0.2), false, "share of cmp 0.200 ≤ 0.250: met"),
            (Some(0.3), false, "share of cmp 0.300 ≤ 0.250: **missed**"),
            (
                None,
                true,
                "share of cmp – ≤ 0.250: not judged: not installed",
            ),
            (None, false, "share of cmp – ≤ 0.250: **not measured**"),
        ] {
            assert_eq!(goal(&verdict(value, lacks_tool)), words);
        }
    }

    #[test]
    fn cases_that_were_not_run_are_said_to_be() {
        let text = text(&BTreeMap::new(), &Facts::default());
        assert!(text.contains(&format!("{} cases not run", cases::all().count())));
        assert!(text.contains("| 1 (1, 2) |"));
    }
}
