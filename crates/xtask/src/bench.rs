//! `cargo xtask bench`: Landfall's data path beside other tools on the same disks.
//!
//! Each case runs whole processes in turn, in an order that rotates, and quotes the median of the
//! ratios of each round: a machine that is busy for a while is busy for both. The first round
//! warms up, and what it wrote is compared byte by byte. A peer that is not there is not judged; a
//! goal that is missed makes the command fail. Every case's figures are kept in the target folder,
//! so that a document can be made of several runs.

mod case;
mod cases;
pub(crate) mod floor;
pub(crate) mod half;
mod images;
mod judge;
mod latency;
pub(crate) mod link;
mod profile;
mod report;
mod run;
mod servers;
mod took;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    case::Case,
    images::Images,
    judge::{Row, Verdict, judge},
    run::Stage,
};
use crate::{
    setup, task,
    workspace::{self, Metadata},
};

/// What to measure.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// Only these cases, such as 4-1p; a number stands for all cases that begin with it
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,
    /// Rounds that count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Small images and nothing judged: shows that every case still runs
    #[arg(long)]
    quick: bool,
    /// Measure nothing: make the document of what was measured
    #[arg(long)]
    report: bool,
    /// Write docs/benchmarks.md
    #[arg(long, conflicts_with = "quick")]
    write: bool,
    /// Measure this program instead of a release build
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// What is measured besides the data path.
#[derive(Debug, clap::Subcommand)]
enum Other {
    /// How long any page or server function takes on a large estate
    Latency(latency::Options),
}

impl Options {
    fn wants(&self, case: &Case) -> bool {
        let begins = |with: &String| {
            let rest = case.id.strip_prefix(with.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.only.is_empty() || self.only.iter().any(begins)
    }
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(Other::Latency(options)) = &options.other {
        return latency::run(options);
    }
    let metadata = Metadata::read()?;
    let kept = metadata.target_directory.join("bench");
    let images = Images {
        directory: kept.join(if options.quick { "quick" } else { "images" }),
        blocks: if options.quick { 4096 } else { 65_536 },
    };
    let results = kept.join(if options.quick {
        "quick-results"
    } else {
        "results"
    });
    fs::create_dir_all(&results).context("make the folder of the results")?;
    setup::for_benchmark()?;
    let stage = stage(options, &metadata, images)?;
    let mut missed = Vec::new();
    if !options.report {
        let wanted: Vec<&Case> = cases::all().filter(|case| options.wants(case)).collect();
        ensure!(
            !wanted.is_empty(),
            "no case is called so: see crates/xtask/src/bench/cases"
        );
        for case in wanted {
            let row = match measured(&stage, case, options.rounds) {
                Ok(row) => row,
                Err(error) => {
                    missed.push(format!("{error:#}"));
                    continue;
                }
            };
            keep(&results, &row)?;
            let verdicts = judge(case, &row, &stage.facts);
            let of_case = verdicts.into_iter().filter(Verdict::is_missed);
            missed.extend(of_case.map(|verdict| format!("{}: {}", case.id, verdict.what)));
        }
    }
    let text = report::text(&kept_rows(&results)?, &stage.facts);
    crate::console::say(format_args!("\n{text}"));
    if options.write {
        let path = workspace::root().join("docs/benchmarks.md");
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    if !options.quick && !missed.is_empty() {
        bail!("goals missed: {}", missed.join("; "));
    }
    Ok(())
}

fn stage(options: &Options, metadata: &Metadata, images: Images) -> Result<Stage> {
    let landfall = match &options.program {
        Some(program) => program.canonicalize().context("find the program")?,
        None => metadata.target_directory.join("release/landfall"),
    };
    if options.program.is_none() && !options.report {
        task::run(
            "landfall, release build",
            workspace::cargo().args(["build", "--release", "-p", "server"]),
        )?;
    }
    let facts = task::step("images", || images.make())?;
    Ok(Stage {
        images,
        facts,
        landfall,
        xtask: std::env::current_exe().context("find this program")?,
    })
}

fn measured(stage: &Stage, case: &'static Case, rounds: usize) -> Result<Row> {
    let title = format!("{} {}", case.id, case.what);
    let mut row = task::step(&title, || run::measure(stage, case, rounds))?;
    let verdicts = judge(case, &row, &stage.facts);
    for verdict in &verdicts {
        crate::console::say(format_args!("  {}", report::goal(verdict)));
    }
    if verdicts.iter().any(Verdict::is_missed) {
        row.profile = profile::of(stage, case)?;
    }
    Ok(row)
}

fn keep(results: &Path, row: &Row) -> Result<()> {
    let path = results.join(&row.id).with_extension("json");
    fs::write(&path, serde_json::to_string(row)?)
        .with_context(|| format!("write {}", path.display()))
}

fn kept_rows(results: &Path) -> Result<BTreeMap<String, Row>> {
    let mut rows = BTreeMap::new();
    for entry in fs::read_dir(results)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let row: Row = serde_json::from_str(&text)
            .with_context(|| format!("understand {}", path.display()))?;
        rows.insert(row.id.clone(), row);
    }
    Ok(rows)
}
