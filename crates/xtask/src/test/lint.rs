//! Checks of the source itself. Each counts as one.

use std::process::Command;

use super::{Count, Group, native_groups};
use crate::{
    fuzz, setup, task, tidy,
    workspace::{self, Metadata, WASM_TARGET},
};

/// Runs them all.
pub(super) fn run(metadata: &Metadata) -> Count {
    let groups = native_groups(metadata);
    let mut count = Count::default();
    count += check(
        "format",
        workspace::cargo().args(["fmt", "--all", "--check"]),
    );
    count += check(
        "format, fuzz targets",
        workspace::cargo()
            .arg("fmt")
            .args(fuzz::MANIFEST)
            .arg("--check"),
    );
    count += Count::of(task::step("tidy", tidy::run));
    for group in &groups {
        count += check(&format!("clippy, {}", group.title), &mut clippy(group));
    }
    count += check("clippy, fuzz targets", &mut clippy_fuzz());
    count += for_wasm(metadata);
    for group in &groups {
        count += check(&format!("documentation, {}", group.title), &mut doc(group));
    }
    count
}

/// A fresh machine lacks the target: without it, there is nothing to check against.
fn for_wasm(metadata: &Metadata) -> Count {
    if let Err(error) = setup::for_lint() {
        return Count::of(Err(error));
    }
    let mut count = check("clippy, WebAssembly", &mut clippy_wasm());
    count += check("pure crates, WebAssembly", &mut pure(metadata));
    count
}

fn clippy(group: &Group) -> Command {
    let mut command = workspace::cargo();
    command
        .arg("clippy")
        .args(&group.packages)
        .args(["--all-targets", "--", "-D", "warnings"]);
    command
}

/// The fuzz targets are no member of the workspace: they are asked for by their manifest, and built
/// where the members are.
fn clippy_fuzz() -> Command {
    let mut command = workspace::cargo();
    command
        .arg("clippy")
        .args(fuzz::MANIFEST)
        .args(["--target-dir", "target", "--all-targets"])
        .args(["--", "-D", "warnings"]);
    command
}

fn clippy_wasm() -> Command {
    let mut command = workspace::cargo();
    command
        .args([
            "clippy",
            "-p",
            "frontend",
            "-p",
            "app",
            "--target",
            WASM_TARGET,
        ])
        .args(["--", "-D", "warnings"]);
    command
}

fn doc(group: &Group) -> Command {
    let mut command = workspace::cargo();
    command
        .env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--no-deps"])
        .args(&group.packages);
    command
}

/// The crates without input or output must build for WebAssembly too.
fn pure(metadata: &Metadata) -> Command {
    let mut command = workspace::cargo();
    command.args(["check", "--target", WASM_TARGET]);
    for package in &metadata.packages {
        if tidy::PURE.contains(&package.name.as_str()) {
            command.args(["-p", &package.name]);
        }
    }
    command
}

fn check(title: &str, command: &mut Command) -> Count {
    Count::of(task::run(title, command))
}
