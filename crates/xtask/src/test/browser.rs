//! The tests in a browser: the site as it is served, a server of the dev build, and Playwright.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Count;
use crate::{
    console, libvirt, setup,
    site::{self, Kind},
    sizes, task,
    workspace::{self, Metadata},
};

/// Builds what the tests need and runs them. Failing to build is one failure.
pub(super) fn run(metadata: &Metadata) -> Count {
    if let Err(error) = prepare(metadata) {
        return Count::of(Err(error));
    }
    let mut count = Count::of(task::step("size of the WASM", || sizes::wasm(metadata)));
    count += playwright(metadata).unwrap_or_else(|error| Count::of(Err(error)));
    count
}

fn prepare(metadata: &Metadata) -> Result<()> {
    setup::for_browser_tests()?;
    site::build(metadata, Kind::Release)?;
    let mut build = workspace::cargo();
    build.args(["build", "-p", "server"]);
    task::run("server, dev build", &mut build)
}

fn playwright(metadata: &Metadata) -> Result<Count> {
    let program = setup::tool("playwright").context("Playwright is not installed")?;
    let report = metadata.target_directory.join("playwright.json");
    if report.exists() {
        fs::remove_file(&report).context("remove the last report")?;
    }
    let hosts = libvirt::for_tests();
    let mut command = Command::new(program);
    match &hosts {
        Ok(hosts) => {
            command.env(libvirt::VARIABLE, &hosts.line);
        }
        Err(reason) => console::say(format_args!(
            "SKIPPED, the browser test on real hosts: {reason}"
        )),
    }
    command
        .args(["test", "--reporter=list,json"])
        .current_dir(workspace::end2end())
        .env("PLAYWRIGHT_JSON_OUTPUT_FILE", &report)
        .env(
            "LANDFALL_BIN",
            metadata.target_directory.join("debug/landfall"),
        )
        .env("LANDFALL_SITE", site::folder(metadata, Kind::Release));
    let outcome = task::watch("browser tests", &mut command)?;
    let mut count = read_report(&report)?;
    if !outcome.success && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// The end of Playwright's report.
#[derive(Debug, Deserialize)]
struct Report {
    stats: Stats,
}

#[derive(Debug, Deserialize)]
struct Stats {
    expected: u64,
    unexpected: u64,
    flaky: u64,
}

fn read_report(path: &Path) -> Result<Count> {
    ensure!(
        path.exists(),
        "Playwright wrote no report: it did not start"
    );
    let text = fs::read_to_string(path).context("read Playwright's report")?;
    let report: Report = serde_json::from_str(&text).context("understand Playwright's report")?;
    Ok(Count {
        passed: report.stats.expected,
        failed: report.stats.unexpected + report.stats.flaky,
    })
}
