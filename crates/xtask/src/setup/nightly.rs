//! The nightly compiler and cargo-fuzz, which only `cargo xtask fuzz` needs.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{task, workspace};

const CARGO_FUZZ: &str = "0.13.2";

/// Installs cargo-fuzz; a compiler is for a person to install.
pub(super) fn ensure() -> Result<()> {
    if !workspace::on_path("rustup") || workspace::output(nightly().arg("rustc").arg("-V")).is_err()
    {
        bail!(
            "fuzzing needs the nightly compiler, for its sanitizers: \
             `rustup toolchain install nightly --profile minimal`"
        );
    }
    let version = workspace::output(nightly().args(["cargo", "fuzz", "--version"]));
    if version.is_ok_and(|version| version.trim().ends_with(CARGO_FUZZ)) {
        return Ok(());
    }
    let mut install = workspace::cargo();
    install.args(["install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked"]);
    task::run("cargo-fuzz", &mut install)
}

/// A command under the nightly compiler, whatever compiler we run under.
pub(super) fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}
