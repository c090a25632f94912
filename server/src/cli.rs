//! The command line, and the one place that writes to the terminal.

use std::{
    io::{self, IsTerminal as _, Write},
    net::SocketAddr,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    certificate_cli::{self, CertificateCommand},
    config::RawConfig,
    disk_cli::{self, DiskCommand},
    lab_cli::{self, LabCommand},
    serve::Server,
    signals,
    site_cli::{self, SiteCommand},
};

/// Landfall brings failed-over virtual machines home.
#[derive(Debug, Parser)]
#[command(name = "landfall", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Everything the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the console
    Serve(RawConfig),
    /// Connect libvirt hosts as sites
    #[command(subcommand)]
    Site(SiteCommand),
    /// The embedded lab
    #[command(subcommand)]
    Lab(LabCommand),
    /// Compare, synchronize, map or export disks, without a console
    #[command(subcommand)]
    Disk(DiskCommand),
    /// Check certificates of failbacks, and keep the keys that sign them
    #[command(subcommand)]
    Certificate(CertificateCommand),
}

/// Does what the command line says, to the end.
///
/// # Errors
/// With the cause and the next step.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let raw = match cli.command {
        Command::Serve(raw) => raw,
        Command::Site(command) => return site_cli::run(command),
        Command::Lab(command) => return lab_cli::run(command),
        Command::Disk(command) => return Ok(disk_cli::run(command)),
        Command::Certificate(command) => return Ok(certificate_cli::run(command)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    runtime.block_on(serve(raw)).map(|()| ExitCode::SUCCESS)
}

/// Prints an error with its chain of causes, once, at the edge.
pub fn print_error(error: &anyhow::Error) {
    // Nobody is left to tell when standard error itself is gone.
    drop(writeln!(io::stderr(), "landfall: {error:#}"));
}

async fn serve(raw: RawConfig) -> anyhow::Result<()> {
    log_to_stderr();
    let config = raw.check()?;
    let open_to_network = config.open_to_network();
    let server = Server::bind(config).await?;
    print_address(server.address(), open_to_network);

    let shutdown = CancellationToken::new();
    signals::cancel_on_signal(shutdown.clone())?;
    server.run(shutdown).await?;
    Ok(())
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("LANDFALL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

/// Tells where the console is. The first line is what scripts and tests wait for.
fn print_address(address: SocketAddr, open_to_network: bool) {
    let port = address.port();
    let mut text = format!("Landfall is at http://{address}\n");
    if open_to_network {
        text.push_str("Nobody signs in: whoever reaches this port may do everything.\n");
    } else {
        text.push_str("From another machine, where user@host is an account on this one:\n");
        text.push_str(&format!("  ssh -L {port}:{address} user@host\n"));
        text.push_str(&format!("  and then open http://127.0.0.1:{port}\n"));
    }
    text.push_str("Ctrl-C stops it.\n");
    let mut out = io::stdout().lock();
    // A closed standard output is no reason to stop serving.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
