//! All automation of this repository: `cargo xtask COMMAND`. One thin module per command.

#![forbid(unsafe_code)]

mod bench;
mod console;
mod files;
mod fuzz;
mod libvirt;
mod private_apt;
mod run;
mod setup;
mod site;
mod sizes;
mod stamp;
mod task;
mod test;
mod tidy;
mod workspace;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

/// Builds, runs and checks Landfall.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build what is missing and serve the console from a release build
    Run(run::Options),
    /// Everything that CI checks; the last line counts what passed and failed
    Test(test::Options),
    /// Check the rules that no compiler checks: edges between crates, module docs, named paths
    Tidy,
    /// Print the sizes of the WASM and of the source, and fail when the WASM is too large
    Sizes,
    /// Measure Landfall's difference and apply beside other tools
    Bench(bench::Options),
    /// Fuzz what reads bytes from elsewhere, for a bounded time
    Fuzz(fuzz::Options),
    /// Show Landfall something real to work on
    #[command(subcommand)]
    Demo(libvirt::DemoOptions),
    /// Run two libvirt hosts for another program, until standard input ends
    #[command(hide = true)]
    LibvirtHosts(libvirt::Options),
    /// Put a modelled link before a command's input and output, as the benchmark does
    #[command(hide = true)]
    Link(bench::link::Options),
    /// Read two files and compare them: what the benchmark calls the floor
    #[command(hide = true)]
    Floor(bench::floor::Options),
    /// Kill a command when half is copied, as the benchmark does
    #[command(hide = true)]
    Half(bench::half::Options),
    /// Build the browser's half: script, WASM, style sheet and icons
    Site(site::Options),
    /// Get the standard library for WebAssembly
    WasmStd(setup::WasmStdOptions),
}

/// A part of the benchmark's commands: standard output is not for words, so an error goes elsewhere.
fn within_benchmark(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(status) => status,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Sizes => sizes::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Demo(options) => libvirt::demo(&options),
        Command::LibvirtHosts(options) => libvirt::run(&options),
        Command::Link(options) => return within_benchmark(bench::link::run(&options)),
        Command::Floor(options) => return within_benchmark(bench::floor::run(&options)),
        Command::Half(options) => return within_benchmark(bench::half::run(&options)),
        Command::Site(options) => site::run(&options),
        Command::WasmStd(options) => setup::wasm_std(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
