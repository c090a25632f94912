//! The packages of `end2end/`, exactly as its lock file says.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{stamp::Stamp, task, workspace};

/// Whether npm can be run.
pub(super) fn is_there() -> bool {
    workspace::on_path("npm")
}

/// Installs the packages unless they are there.
pub(super) fn ensure() -> Result<()> {
    let folder = workspace::end2end();
    let lock = folder.join("package-lock.json");
    let locked = fs::read(&lock).with_context(|| format!("read {}", lock.display()))?;
    let stamp = Stamp::new(folder.join("node_modules/.landfall-stamp"), locked);
    if stamp.is_current() {
        return Ok(());
    }
    if !is_there() {
        bail!("npm is missing: install Node.js 20 or newer with npm");
    }
    let mut install = Command::new("npm");
    install
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        // The tests drive the system's Chromium.
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    task::run("npm packages", &mut install)?;
    stamp.write()
}
