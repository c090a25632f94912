//! The `landfall` program: reads the command line and starts what it asks for.

use std::process::ExitCode;

use clap::Parser;
use server::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(status) => status,
        Err(error) => {
            cli::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
