//! The `landfall` program: reads the command line and starts what it asks for.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use server::cli::{self, Cli};

/// Pages are made of many small pieces: with the system's allocator a quarter of the time of the console went
/// to it and to the pages that it gave back and asked for again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(status) => status,
        Err(error) => {
            cli::print_error(&error);
            ExitCode::FAILURE
        }
    }
}
