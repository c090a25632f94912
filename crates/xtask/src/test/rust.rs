//! The tests of Rust, by nextest where it is installed, and the examples in the documentation.

use std::process::Command;

use anyhow::Result;

use super::{Count, native_packages};
use crate::{
    setup, task,
    workspace::{self, Metadata},
};

/// Runs them all; what the machine lacks is a failure of its own.
pub(super) fn run(metadata: &Metadata) -> Count {
    if let Err(error) = setup::for_unit_tests() {
        return Count::of(Err(error));
    }
    let mut count = Count::default();
    count += counted("unit and integration tests", &mut tests(metadata));
    count += counted("examples in documentation", &mut examples(metadata));
    count
}

fn tests(metadata: &Metadata) -> Command {
    let mut command = workspace::cargo();
    if workspace::on_path("cargo-nextest") {
        command
            .args(["nextest", "run", "--no-fail-fast", "--no-tests=pass"])
            .args(["--status-level=fail", "--final-status-level=fail"])
            .args(native_packages(metadata));
    } else {
        command
            .args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"])
            .args(native_packages(metadata));
    }
    command
}

fn examples(metadata: &Metadata) -> Command {
    let mut command = workspace::cargo();
    command.args(["test", "--doc", "--no-fail-fast"]);
    for package in &metadata.packages {
        if package.has_native_lib() {
            command.args(["-p", &package.name]);
        }
    }
    command
}

fn counted(title: &str, command: &mut Command) -> Count {
    let run: Result<Count> =
        task::watch(title, command).map(|outcome| Count::of_run(&outcome.lines, outcome.success));
    run.unwrap_or_else(|error| Count::of(Err(error)))
}
