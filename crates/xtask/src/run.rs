//! `cargo xtask run`: from a fresh checkout to a served console.

use std::{
    ffi::OsString, os::unix::process::CommandExt as _, process::Command, thread, time::Instant,
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    console, setup,
    site::{self, Kind},
    task,
    workspace::{self, Metadata},
};

/// What `run` passes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Arguments of `landfall serve`, such as `--listen 127.0.0.1:3001` or `--data-dir DIR`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    serve: Vec<OsString>,
}

/// Builds both halves and becomes the server.
pub(crate) fn run(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let metadata = Metadata::read()?;
    setup::for_site()?;
    build(&metadata)?;
    console::say(format_args!(
        "Ready in {}.",
        console::duration(begun.elapsed())
    ));

    // The server takes our place, so Ctrl-C and exit status are its own.
    let error = Command::new(metadata.target_directory.join("release/landfall"))
        .arg("serve")
        .arg("--site-dir")
        .arg(site::folder(&metadata, Kind::Release))
        .args(&options.serve)
        .exec();
    Err(anyhow!(error)).context("start the built server")
}

/// Builds a release of both halves at once: one of them alone leaves a core idle for most of its last
/// minute.
pub(crate) fn build(metadata: &Metadata) -> Result<()> {
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut build = workspace::cargo();
            build.args(["build", "--release", "-p", "server"]);
            task::run("server, release build", &mut build)
        });
        let site = site::build(metadata, Kind::Release);
        let server = server
            .join()
            .map_err(|_| anyhow!("the server's build panicked"))?;
        site.and(server)
    })
}
