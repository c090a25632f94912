//! apt with lists, cache and settings of its own below `target/`: the system's are left alone.
//!
//! The mirror is always the one that this machine is configured with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{stamp, task, workspace};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The Debian mirror that this machine uses.
pub(crate) fn mirror() -> Result<String> {
    sources()?
        .into_iter()
        .map(|source| source.uri)
        .find(|uri| !uri.contains("security"))
        .context("apt names no mirror: run `apt-get update` as root and start again")
}

/// A part of an archive, as a line of `sources.list` names it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) uri: String,
    pub(crate) suite: String,
    pub(crate) component: String,
}

/// What this machine's own apt reads.
pub(crate) fn sources() -> Result<Vec<Source>> {
    let listed = workspace::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    ]))?;
    Ok(listed
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            Some(Source {
                uri: words.next()?,
                suite: words.next()?,
                component: words.next()?,
            })
        })
        .collect())
}

/// A private apt.
#[derive(Debug)]
pub(crate) struct PrivateApt {
    config: PathBuf,
}

impl PrivateApt {
    /// Keeps its state in `folder`; `settings` are further lines of its configuration.
    pub(crate) fn new(folder: &Path, sources: &[Source], settings: &str) -> Result<Self> {
        for inner in ["lists/partial", "cache/archives/partial"] {
            let inner = folder.join(inner);
            fs::create_dir_all(&inner).with_context(|| format!("make {}", inner.display()))?;
        }
        let lines: String = sources
            .iter()
            .map(|source| {
                let Source {
                    uri,
                    suite,
                    component,
                } = source;
                format!("deb [signed-by={KEYRING}] {uri} {suite} {component}\n")
            })
            .collect();
        stamp::write(&folder.join("sources.list"), lines.as_bytes())?;
        let config = format!(
            "Dir::Etc::SourceList \"{0}/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n\
             Dir::State::Lists \"{0}/lists\";\nDir::Cache \"{0}/cache\";\n\
             APT::Sandbox::User \"root\";\nAcquire::Check-Valid-Until \"false\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n{settings}",
            folder.display()
        );
        let path = folder.join("apt.conf");
        stamp::write(&path, config.as_bytes())?;
        Ok(Self { config: path })
    }

    /// Reads the lists. A suite that the mirror lacks makes apt fail although the others were read, so
    /// whether a package is there is for the caller to see.
    pub(crate) fn update(&self, title: &str) -> Result<()> {
        let mut update = self.command("apt-get");
        update.arg("update");
        task::watch(title, &mut update)?;
        Ok(())
    }

    /// One of apt's programs with these settings.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", &self.config)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}
