//! `cargo xtask fuzz`: each fuzz target of `crates/fuzz` for a bounded time.
//!
//! New inputs go below `target`, findings to `crates/fuzz/artifacts`; the committed inputs are only
//! read. They are also tests of their crates, so that `cargo xtask test` holds them without nightly.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{console, setup, task, workspace};

/// Where the package is.
const FOLDER: &str = "crates/fuzz";
/// How cargo is asked for it: it is no member of the workspace.
pub(crate) const MANIFEST: [&str; 2] = ["--manifest-path", "crates/fuzz/Cargo.toml"];
/// What one run may take: far more than any takes, and far less than a machine has.
///
/// What threads that have just ended keep is not looked for: it is taken for leaked.
const LIMITS: [&str; 4] = [
    "-timeout=20",
    "-rss_limit_mb=2048",
    "-malloc_limit_mb=512",
    "-detect_leaks=0",
];

/// What to fuzz.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long all targets together are run, without their build
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Only these targets
    targets: Vec<String>,
}

/// Builds the targets, runs them one after the other, and fails when one found something.
pub(crate) fn run(options: &Options) -> Result<()> {
    let all = targets()?;
    for name in &options.targets {
        ensure!(
            all.contains(name),
            "there is no target {name}: {}",
            all.join(", ")
        );
    }
    let chosen = if options.targets.is_empty() {
        &all
    } else {
        &options.targets
    };
    setup::for_fuzzing()?;
    task::run(
        "fuzz targets, build",
        cargo_fuzz("build").arg("--target-dir").arg(build_folder()),
    )?;
    let each = (options.seconds / chosen.len() as u64).max(1);
    let mut found = Vec::new();
    for name in chosen {
        let outcome = task::watch(&format!("fuzz {name}, {each} s"), &mut fuzz(name, each)?)?;
        if !outcome.success {
            found.push(name.as_str());
        }
    }
    if found.is_empty() {
        console::say(format_args!("{} targets, and nothing found.", chosen.len()));
        return Ok(());
    }
    bail!(
        "found something in {}: the inputs are in {FOLDER}/artifacts. Fix it, and add the input to \
         {FOLDER}/regressions/TARGET, named after the bug",
        found.join(", ")
    )
}

/// The targets: one file each.
fn targets() -> Result<Vec<String>> {
    let folder = workspace::root().join(FOLDER).join("fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("list the fuzz targets")?.path();
        if let (Some("rs"), Some(stem)) = (extension(&path), path.file_stem()) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "{} has no targets", folder.display());
    Ok(names)
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}

fn build_folder() -> PathBuf {
    workspace::root().join("target/fuzz")
}

/// `cargo fuzz` under nightly. What our own cargo set for us would make it use our own compiler.
fn cargo_fuzz(what: &str) -> Command {
    let mut command = setup::nightly();
    command
        .args(["cargo", "fuzz", what, "--fuzz-dir", FOLDER])
        .current_dir(workspace::root());
    command
}

fn fuzz(name: &str, seconds: u64) -> Result<Command> {
    let grown = build_folder().join("corpus").join(name);
    fs::create_dir_all(&grown).with_context(|| format!("make {}", grown.display()))?;
    let mut command = cargo_fuzz("run");
    command
        .arg("--target-dir")
        .arg(build_folder())
        .arg(name)
        .arg(&grown);
    for kind in ["corpus", "regressions"] {
        let committed = workspace::root().join(FOLDER).join(kind).join(name);
        if committed.is_dir() {
            command.arg(committed);
        }
    }
    command
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .args(["-verbosity=0", "-print_final_stats=1"])
        .args(LIMITS);
    Ok(command)
}

#[cfg(test)]
mod tests {
    //! Every target has what it needs to be held.

    use super::*;

    #[test]
    fn every_target_is_in_the_manifest_and_has_inputs() {
        let manifest = fs::read_to_string(workspace::root().join(FOLDER).join("Cargo.toml"));
        let manifest = manifest.expect("a manifest");
        for name in targets().expect("targets") {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            let inputs = workspace::root().join(FOLDER).join("corpus").join(&name);
            assert!(
                fs::read_dir(inputs).is_ok_and(|mut all| all.next().is_some()),
                "{name}"
            );
        }
    }

    #[test]
    fn the_committed_inputs_are_small() {
        let folder = workspace::root().join(FOLDER);
        let bytes: u64 = crate::files::all_below(&folder)
            .expect("files")
            .iter()
            .filter(|path| path.starts_with("corpus") || path.starts_with("regressions"))
            .map(|path| fs::metadata(folder.join(path)).map_or(0, |about| about.len()))
            .sum();
        assert!(bytes < 500_000, "{bytes} bytes");
    }
}
