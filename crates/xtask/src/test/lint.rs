//! Checks of the source itself. Each counts as one.

use std::process::Command;

use super::{Count, native_packages};
use crate::{
    task, tidy,
    workspace::{self, Metadata, WASM_TARGET},
};

/// The crates without input or output: they must build for WebAssembly too.
const PURE: [&str; 4] = ["blockmap", "failback", "sched", "access"];

/// Runs them all.
pub(super) fn run(metadata: &Metadata) -> Count {
    let native = native_packages(metadata);
    let mut count = Count::default();
    count += check(
        "format",
        workspace::cargo().args(["fmt", "--all", "--check"]),
    );
    count += Count::of(task::step("tidy", tidy::run));
    count += check(
        "clippy, native",
        workspace::cargo().arg("clippy").args(&native).args([
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    );
    count += check(
        "clippy, WebAssembly",
        workspace::cargo()
            .args([
                "clippy",
                "-p",
                "frontend",
                "-p",
                "app",
                "--target",
                WASM_TARGET,
            ])
            .args(["--", "-D", "warnings"]),
    );
    count += check("pure crates, WebAssembly", &mut pure(metadata));
    count += check(
        "documentation",
        workspace::cargo()
            .env("RUSTDOCFLAGS", "-D warnings")
            .args(["doc", "--no-deps"])
            .args(&native),
    );
    count
}

fn pure(metadata: &Metadata) -> Command {
    let mut command = workspace::cargo();
    command.args(["check", "--target", WASM_TARGET]);
    for package in &metadata.packages {
        if PURE.contains(&package.name.as_str()) {
            command.args(["-p", &package.name]);
        }
    }
    command
}

fn check(title: &str, command: &mut Command) -> Count {
    Count::of(task::run(title, command))
}
