//! Debian packages: installed where we are root and have apt, named where not.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{console, task, workspace};

/// Something that a Debian package brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    proof: Proof,
    package: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Proof {
    Program(&'static str),
    File(&'static str),
}

impl Need {
    /// A program on the path.
    pub(super) const fn program(name: &'static str, package: &'static str) -> Self {
        Self {
            proof: Proof::Program(name),
            package,
        }
    }

    /// A file.
    pub(super) const fn file(path: &'static str, package: &'static str) -> Self {
        Self {
            proof: Proof::File(path),
            package,
        }
    }

    fn is_met(self) -> bool {
        match self.proof {
            Proof::Program(name) => workspace::on_path(name),
            Proof::File(path) => Path::new(path).exists(),
        }
    }
}

/// Installs the packages of the needs that are not met.
pub(super) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = needs
        .iter()
        .filter(|need| !need.is_met())
        .map(|need| need.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !workspace::on_path("apt-get") || !is_root() {
        bail!(
            "these programs are missing: {names}. On Debian: \
             `sudo apt-get install --no-install-recommends {names}`"
        );
    }
    let title = format!("Debian packages {names}");
    if task::watch(&title, &mut install(&missing))?.success {
        return Ok(());
    }
    console::say("apt's lists may be old or missing; reading them anew.");
    let mut update = apt_get();
    update.arg("update");
    task::run("apt-get update", &mut update)?;
    task::run(&title, &mut install(&missing))
}

fn install(packages: &[&str]) -> Command {
    let mut command = apt_get();
    command
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages);
    command
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    workspace::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
