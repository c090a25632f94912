//! The tests of Rust, by nextest where it is installed, and the examples in the documentation.

use std::process::Command;

use anyhow::Result;

use super::{Count, Group, native_groups};
use crate::{
    console, libvirt, setup, task,
    workspace::{self, Metadata},
};

/// Runs them all; what the machine lacks is a failure of its own.
pub(super) fn run(metadata: &Metadata) -> Count {
    if let Err(error) = setup::for_unit_tests() {
        return Count::of(Err(error));
    }
    let hosts = libvirt::for_tests();
    if let Err(reason) = &hosts {
        console::say(format_args!("SKIPPED, the tests on real hosts: {reason}"));
    }
    let mut count = Count::default();
    for group in native_groups(metadata) {
        let mut tests = tests(&group);
        if let Ok(hosts) = &hosts {
            tests.env(libvirt::VARIABLE, &hosts.line);
        }
        count += counted(&format!("tests, {}", group.title), &mut tests);
        if !group.libraries.is_empty() {
            let title = format!("examples in documentation, {}", group.title);
            count += counted(&title, &mut examples(&group));
        }
    }
    count
}

fn tests(group: &Group) -> Command {
    let mut command = workspace::cargo();
    if workspace::on_path("cargo-nextest") {
        command
            .args(["nextest", "run", "--no-fail-fast", "--no-tests=pass"])
            .args(["--status-level=fail", "--final-status-level=fail"]);
    } else {
        command.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    }
    command.args(&group.packages);
    command
}

fn examples(group: &Group) -> Command {
    let mut command = workspace::cargo();
    command
        .args(["test", "--doc", "--no-fail-fast"])
        .args(&group.libraries);
    command
}

fn counted(title: &str, command: &mut Command) -> Count {
    let run: Result<Count> =
        task::watch(title, command).map(|outcome| Count::of_run(&outcome.lines, outcome.success));
    run.unwrap_or_else(|error| Count::of(Err(error)))
}
