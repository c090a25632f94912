//! What a fresh machine lacks: each command asks for what it needs and gets only that.
//!
//! What cannot be had here is named with the command that gets it. Nothing is done twice.

mod apt;
mod debian_std;
mod nightly;
mod npm;
mod wasm_target;

use std::path::PathBuf;

use anyhow::Result;

use crate::{console, workspace};

/// Where the standard library for WebAssembly comes from and goes to.
#[derive(Debug, clap::Args)]
pub(crate) struct WasmStdOptions {
    /// Build it from Debian's source package instead of asking rustup
    #[arg(long)]
    from_debian: bool,
    /// Install into this sysroot instead of the compiler's own
    #[arg(long, value_name = "DIR", requires = "from_debian")]
    sysroot: Option<PathBuf>,
}

/// `cargo xtask wasm-std`.
pub(crate) fn wasm_std(options: &WasmStdOptions) -> Result<()> {
    if !options.from_debian {
        return wasm_target::ensure();
    }
    let sysroot = match &options.sysroot {
        Some(sysroot) => sysroot.clone(),
        None => wasm_target::sysroot()?,
    };
    wasm_target::ensure_from_debian(&sysroot)
}

/// For building the site: the WebAssembly target; npm's `wasm-opt` where there is npm.
pub(crate) fn for_site() -> Result<()> {
    wasm_target::ensure()?;
    if !npm::is_there() {
        console::say("No npm here: going on without wasm-opt.");
    } else if let Err(error) = npm::ensure() {
        console::say(format_args!("Going on without wasm-opt: {error:#}"));
    }
    Ok(())
}

/// For the checks of the source: the WebAssembly target.
pub(crate) fn for_lint() -> Result<()> {
    wasm_target::ensure()
}

/// For the browser tests: what the site needs, Playwright, and the programs of Debian.
pub(crate) fn for_browser_tests() -> Result<()> {
    wasm_target::ensure()?;
    apt::ensure(&[
        apt::Need::program("chromium", "chromium"),
        apt::Need::file(
            "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
            "fonts-dejavu-core",
        ),
        apt::Need::program("qemu-img", "qemu-utils"),
        apt::Need::program("npm", "npm"),
    ])?;
    npm::ensure()
}

/// For the tests of Rust: the tools that check disks independently of us.
pub(crate) fn for_unit_tests() -> Result<()> {
    apt::ensure(&[
        apt::Need::program("qemu-img", "qemu-utils"),
        apt::Need::program("nbdcopy", "libnbd-bin"),
        apt::Need::program("nbdkit", "nbdkit"),
    ])
}

/// For fuzzing: nightly, which is asked for, and cargo-fuzz.
pub(crate) fn for_fuzzing() -> Result<()> {
    nightly::ensure()
}

/// A command under the nightly compiler.
pub(crate) fn nightly() -> std::process::Command {
    nightly::nightly()
}

/// For the benchmark: the tools that Landfall is measured beside.
pub(crate) fn for_benchmark() -> Result<()> {
    apt::ensure(&[
        apt::Need::program("qemu-img", "qemu-utils"),
        apt::Need::program("rsync", "rsync"),
        apt::Need::program("cmp", "diffutils"),
        apt::Need::program("python3", "python3-minimal"),
        apt::Need::program("time", "time"),
        apt::Need::program("nbdcopy", "libnbd-bin"),
        apt::Need::program("zstd", "zstd"),
    ])
}

/// A program that npm installed here.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let program = workspace::end2end().join("node_modules/.bin").join(name);
    program.is_file().then_some(program)
}
