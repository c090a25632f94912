//! `cargo xtask bench`: Landfall's data path beside other tools on the same disks.
//!
//! Each case runs whole processes in turn, in an order that rotates, and quotes the median of the
//! ratios of each round: a machine that is busy for a while is busy for both. The first round
//! warms up, and what it wrote is compared byte by byte. A peer that is not there is not judged.

mod cases;
mod images;
pub(crate) mod link;
mod report;
mod run;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use self::cases::{CASES, Case};
use crate::{
    setup, task,
    workspace::{self, Metadata},
};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only cases whose number begins so, such as 4 or 12
    #[arg(long, value_name = "NUMBER")]
    only: Option<String>,
    /// Rounds that count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Write docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// Runs the suite.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::for_benchmark()?;
    let metadata = Metadata::read()?;
    task::run(
        "landfall, release build",
        workspace::cargo().args(["build", "--release", "-p", "server"]),
    )?;
    let directory = metadata.target_directory.join("bench");
    task::step("images of 4 GiB", || images::make(&directory))?;
    let stage = run::Stage {
        landfall: metadata.target_directory.join("release/landfall"),
        directory,
        xtask: std::env::current_exe().context("find this program")?,
    };
    let wanted = |case: &&Case| {
        options
            .only
            .as_ref()
            .is_none_or(|only| case.id.starts_with(only.as_str()))
    };
    let mut rows = Vec::new();
    for case in CASES.iter().filter(wanted) {
        let title = format!("{} {}", case.id, case.what);
        rows.push(task::step(&title, || {
            run::measure(&stage, case, options.rounds)
        })?);
    }
    if rows.is_empty() {
        bail!("no case begins so: see crates/xtask/src/bench/cases.rs");
    }
    let text = report::text(&rows, options.rounds);
    crate::console::say(format_args!("\n{text}"));
    if options.write {
        let path: PathBuf = workspace::root().join("docs/benchmarks.md");
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
