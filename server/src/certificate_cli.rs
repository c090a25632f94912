//! `landfall certificate check|keys|export|rotate`: certificates without a console.

mod check;
mod keys;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

/// Status of a certificate, or a disk, that is refused.
const REFUSED: u8 = 1;
/// Status of a command that could not do its work.
const FAILED: u8 = 2;

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Prove a certificate offline, and disks against it; status 0 when it is proved, 1 when it or
    /// a disk is refused, 2 when that could not be found out
    Check(check::CheckArgs),
    /// List the keys of a data directory that sign, or signed, certificates
    Keys(DataArgs),
    /// Print public keys of a data directory in PEM form, for `check --key`
    Export(keys::ExportArgs),
    /// Make a new signing key; certificates signed with an older one stay valid
    Rotate(keys::RotateArgs),
}

/// Where keys are.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Directory of everything that Landfall keeps
    #[arg(long, default_value = ".landfall", value_name = "DIR")]
    data_dir: PathBuf,
}

/// Does what was asked.
#[must_use]
pub fn run(command: CertificateCommand) -> ExitCode {
    let done = match command {
        CertificateCommand::Check(args) => check::run(&args),
        CertificateCommand::Keys(args) => keys::list(&args),
        CertificateCommand::Export(args) => keys::export(&args),
        CertificateCommand::Rotate(args) => keys::rotate(&args),
    };
    done.unwrap_or_else(|error| {
        crate::cli::print_error(&error);
        ExitCode::from(FAILED)
    })
}

fn say(text: &str) {
    // A closed standard output is no failure of what was done.
    drop(writeln!(std::io::stdout().lock(), "{}", text.trim_end()));
}
