//! All automation of this repository: `cargo xtask COMMAND`. One thin module per command.

#![forbid(unsafe_code)]

mod bench;
mod console;
mod files;
mod fuzz;
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
    /// Put a modelled link before a command's input and output, as the benchmark does
    #[command(hide = true)]
    Link(bench::link::Options),
    /// Build the browser's half: script, WASM, style sheet and icons
    Site(site::Options),
    /// Get the standard library for WebAssembly
    WasmStd(setup::WasmStdOptions),
}

/// Its standard output is the far end's: an error goes elsewhere.
fn link(options: &bench::link::Options) -> ExitCode {
    match bench::link::run(options) {
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
        Command::Link(options) => return link(&options),
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
