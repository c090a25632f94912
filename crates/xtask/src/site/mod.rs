//! `cargo xtask site`: the browser's half, from Rust and style sheets to precompressed files.
//!
//! Steps: the frontend for WebAssembly, its script by wasm-bindgen, `wasm-opt` where npm gave it, the
//! style sheets in one file, icons, and brotli and gzip beside every file. Steps whose inputs did not
//! change are not repeated. The names are those that Leptos' hydration script loads.

mod compress;
mod styles;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    console, files, setup,
    stamp::Stamp,
    task,
    workspace::{self, Metadata, WASM_TARGET},
};

/// Changes when these steps do, so that an old result is not taken for a new one.
const STEPS_VERSION: u32 = 1;

/// What `site` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Faster to build and much larger: for work on pages
    #[arg(long)]
    dev: bool,
}

/// How carefully the site is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Small: what is served to people and measured.
    Release,
    /// Quick to build: neither optimised nor compressed.
    Dev,
}

/// Builds the site.
pub(crate) fn run(options: &Options) -> Result<()> {
    let kind = if options.dev {
        Kind::Dev
    } else {
        Kind::Release
    };
    let metadata = Metadata::read()?;
    setup::for_site()?;
    build(&metadata, kind)?;
    console::say(format_args!(
        "The site is in {}.",
        folder(&metadata, kind).display()
    ));
    Ok(())
}

/// Where a site of this kind is built.
pub(crate) fn folder(metadata: &Metadata, kind: Kind) -> PathBuf {
    metadata.target_directory.join(match kind {
        Kind::Release => "site",
        Kind::Dev => "site-dev",
    })
}

/// Builds the site, or finds that it is there already.
pub(crate) fn build(metadata: &Metadata, kind: Kind) -> Result<()> {
    let wasm = compile(metadata, kind)?;
    let optimiser = (kind == Kind::Release)
        .then(|| setup::tool("wasm-opt"))
        .flatten();
    let site = folder(metadata, kind);
    let stamp = Stamp::new(
        site.join("stamp"),
        (STEPS_VERSION, &wasm, style_files()?, &optimiser),
    );
    if stamp.is_current() {
        console::say("The site is up to date.");
        return Ok(());
    }
    // Two builds at once must not write into one folder.
    let fresh = site.join(format!("pkg.new-{}", std::process::id()));
    fs::create_dir_all(&fresh).with_context(|| format!("make {}", fresh.display()))?;
    task::step("script by wasm-bindgen", || bind(wasm, &fresh))?;
    match optimiser {
        Some(program) => optimise(&program, &fresh.join("landfall_bg.wasm"))?,
        None if kind == Kind::Release => {
            console::say("No wasm-opt (it comes with npm): the WASM stays about a third larger.");
        }
        None => {}
    }
    task::step("style sheets and icons", || {
        styles::bundle(
            &workspace::root().join("style/main.css"),
            &fresh.join("landfall.css"),
        )?;
        copy_icons(&fresh)
    })?;
    if kind == Kind::Release {
        task::step("brotli and gzip", || compress::folder(&fresh))?;
    }
    replace(&site.join("pkg"), &fresh)?;
    stamp.write()
}

/// Compiles the frontend and gives its bytes; cargo finds out what is left to do.
fn compile(metadata: &Metadata, kind: Kind) -> Result<Vec<u8>> {
    let (profile, folder) = match kind {
        Kind::Release => ("wasm-release", "wasm-release"),
        Kind::Dev => ("dev", "debug"),
    };
    let mut build = workspace::cargo();
    build.args([
        "build",
        "-p",
        "frontend",
        "--target",
        WASM_TARGET,
        "--profile",
        profile,
    ]);
    task::run("frontend, WebAssembly build", &mut build)?;
    let built = metadata
        .target_directory
        .join(WASM_TARGET)
        .join(folder)
        .join("frontend.wasm");
    fs::read(&built).with_context(|| format!("read {}", built.display()))
}

fn bind(wasm: Vec<u8>, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes("landfall", wasm).web(true)?;
    bindgen
        .out_name("landfall")
        .typescript(false)
        .remove_producers_section(true)
        .generate(folder)
        .context("make the script that loads the WASM")
}

fn optimise(program: &Path, wasm: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("-Oz").arg(wasm).arg("-o").arg(wasm);
    task::run("wasm-opt", &mut command)
}

/// Every file of `style/` with its content: what the style sheet and the icons are made of.
fn style_files() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let style = workspace::root().join("style");
    files::all_below(&style)?
        .into_iter()
        .map(|name| {
            let path = style.join(&name);
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            Ok((name, content))
        })
        .collect()
}

fn copy_icons(folder: &Path) -> Result<()> {
    for (name, content) in style_files()? {
        if name.extension().is_some_and(|extension| extension == "svg") {
            let target = folder.join(name.file_name().unwrap_or(name.as_os_str()));
            fs::write(&target, content).with_context(|| format!("write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Puts the finished folder in place of the old one; a server that runs sees one or the other.
fn replace(current: &Path, fresh: &Path) -> Result<()> {
    let old = current.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old).context("remove the site before the last")?;
    }
    if current.exists() {
        fs::rename(current, &old).context("set the last site aside")?;
    }
    fs::rename(fresh, current).context("put the new site in place")?;
    if old.exists() {
        fs::remove_dir_all(&old).context("remove the last site")?;
    }
    Ok(())
}
