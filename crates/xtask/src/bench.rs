//! `cargo xtask bench`: Landfall's difference and apply beside other tools on the same disks.
//!
//! One pair of raw images of 2 GiB with 1 % of their 64 KiB blocks changed, read from the page
//! cache. Every tool runs as a whole process, in turn, several times; the target is put back before
//! each applying run. The result is each tool's median beside Landfall's, as a ratio.

mod images;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    console, setup, task,
    workspace::{self, Metadata},
};

const RUNS: usize = 5;

/// One tool doing one thing.
struct Case {
    what: &'static str,
    tool: &'static str,
    /// It writes to the target.
    applies: bool,
    /// Exit statuses that mean that it did its work: comparing tools say 1 for "different".
    accepted: &'static [i32],
    command: fn(&Stage) -> Command,
}

/// Where the images and Landfall's program are.
struct Stage {
    landfall: PathBuf,
    source: PathBuf,
    target: PathBuf,
    pristine: PathBuf,
}

const CASES: [Case; 5] = [
    Case {
        what: "difference",
        tool: "landfall",
        applies: false,
        accepted: &[0],
        command: |stage| with(&stage.landfall, &["--dry-run"], stage),
    },
    Case {
        what: "difference and apply, verified",
        tool: "landfall",
        applies: true,
        accepted: &[0],
        command: |stage| with(&stage.landfall, &[], stage),
    },
    Case {
        what: "up to the first difference",
        tool: "qemu-img compare",
        applies: false,
        accepted: &[0, 1],
        command: |stage| with("qemu-img", &["compare", "-f", "raw", "-F", "raw"], stage),
    },
    Case {
        what: "difference and apply",
        tool: "rsync",
        applies: true,
        accepted: &[0],
        command: |stage| {
            with(
                "rsync",
                &["--inplace", "--no-whole-file", "--ignore-times"],
                stage,
            )
        },
    },
    Case {
        what: "up to the first difference",
        tool: "cmp",
        applies: false,
        accepted: &[0, 1],
        command: |stage| with("cmp", &["-s"], stage),
    },
];

/// Runs the benchmark.
pub(crate) fn run() -> Result<()> {
    setup::for_benchmark()?;
    let metadata = Metadata::read()?;
    task::run(
        "landfall's data path, release build",
        workspace::cargo().args(["build", "--release", "-p", "mover", "--example", "apply"]),
    )?;
    let directory = metadata.target_directory.join("bench");
    let stage = Stage {
        landfall: metadata.target_directory.join("release/examples/apply"),
        source: directory.join("source.raw"),
        target: directory.join("target.raw"),
        pristine: directory.join("target-before.raw"),
    };
    task::step(
        "a pair of 2 GiB images, 1 % of their blocks changed",
        || {
            images::make_pair(&directory, &stage.source, &stage.pristine)?;
            images::copy_sparse(&stage.pristine, &stage.target)
        },
    )?;
    let equal = compare_equal(&stage)?;
    let mut times = vec![Vec::new(); CASES.len()];
    for round in 0..=RUNS {
        for (case, times) in CASES.iter().zip(&mut times) {
            let elapsed = time(case, &stage)?;
            // The first round warms the caches and is not counted.
            if round > 0 {
                times.push(elapsed);
            }
        }
    }
    report(&times, &equal);
    std::fs::remove_dir_all(&directory).context("remove the images")
}

/// A comparing tool on equal images, where it has to read everything.
struct Full {
    tool: &'static str,
    median: Duration,
}

/// The comparing tools on equal images, in turn.
fn compare_equal(stage: &Stage) -> Result<Vec<Full>> {
    let copy = stage.pristine.with_extension("copy");
    images::copy_sparse(&stage.pristine, &copy)?;
    let same = Stage {
        landfall: stage.landfall.clone(),
        source: stage.pristine.clone(),
        target: copy,
        pristine: stage.pristine.clone(),
    };
    let comparing: Vec<&Case> = CASES.iter().filter(|case| !case.applies).collect();
    let mut times = vec![Vec::new(); comparing.len()];
    for round in 0..=RUNS {
        for (case, times) in comparing.iter().zip(&mut times) {
            let elapsed = time(case, &same)?;
            if round > 0 {
                times.push(elapsed);
            }
        }
    }
    let medians = comparing.iter().zip(&times).map(|(case, times)| Full {
        tool: case.tool,
        median: median(times),
    });
    Ok(medians.collect())
}

fn time(case: &Case, stage: &Stage) -> Result<Duration> {
    if case.applies {
        images::copy_sparse(&stage.pristine, &stage.target)?;
    }
    let mut command = (case.command)(stage);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("start {}", case.tool))?;
    let elapsed = begun.elapsed();
    let accepted = status
        .code()
        .is_some_and(|code| case.accepted.contains(&code));
    ensure!(accepted, "{} ended with {status}", case.tool);
    if case.applies {
        ensure!(
            images::equal(&stage.source, &stage.target)?,
            "{} left a difference",
            case.tool
        );
        images::copy_sparse(&stage.pristine, &stage.target)?;
    }
    Ok(elapsed)
}

fn report(times: &[Vec<Duration>], equal: &[Full]) {
    let medians: Vec<f64> = times
        .iter()
        .map(|times| median(times).as_secs_f64())
        .collect();
    console::say(format_args!(
        "\n2 GiB raw pair, 1 % of 64 KiB blocks changed, warm, median of {RUNS} whole processes in turn"
    ));
    console::say(format_args!(
        "{:<18} {:<32} {:>8} {:>22}",
        "tool", "what it does", "seconds", "time / landfall's"
    ));
    for (case, seconds) in CASES.iter().zip(&medians) {
        // Applying tools are held against the applying run, the others against the difference.
        let ours = if case.applies { medians[1] } else { medians[0] };
        console::say(format_args!(
            "{:<18} {:<32} {seconds:>8.2} {:>22.2}",
            case.tool,
            case.what,
            seconds / ours
        ));
    }
    console::say("\nequal images, so that each tool reads them in full");
    let ours = equal
        .first()
        .map_or(f64::NAN, |full| full.median.as_secs_f64());
    for full in equal {
        let seconds = full.median.as_secs_f64();
        console::say(format_args!(
            "{:<18} {:<32} {seconds:>8.2} {:>22.2}",
            full.tool,
            "finds no difference",
            seconds / ours
        ));
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn with(program: impl AsRef<std::ffi::OsStr>, args: &[&str], stage: &Stage) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .arg(path(&stage.source))
        .arg(path(&stage.target));
    command
}

fn path(path: &Path) -> &std::ffi::OsStr {
    path.as_os_str()
}
