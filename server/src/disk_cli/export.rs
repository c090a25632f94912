//! `landfall disk export`: a disk over NBD, for whoever speaks it.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use disk::{Access, Bitmap, Export, Limits, NbdAddress, NbdServer};
use tokio_util::sync::CancellationToken;

use super::{Format, open, ranges};
use crate::signals;

/// Arguments of `disk export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The disk: a path or an NBD URI
    disk: String,
    /// Its format; otherwise qcow2 by its first bytes, else raw
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Listen on a unix socket, which is made and removed
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with = "listen",
        required_unless_present = "listen"
    )]
    socket: Option<PathBuf>,
    /// Listen on TCP; port 0 takes one that is free
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// The export's name; a client that names none gets it, too
    #[arg(long, default_value = "")]
    name: String,
    /// Refuse writes
    #[arg(long)]
    read_only: bool,
    /// Offer the ranges of a file, one `START LENGTH` in bytes per line, as the dirty bitmap
    /// `qemu:dirty-bitmap:NAME`
    #[arg(long, value_name = "NAME=FILE", value_parser = bitmap)]
    bitmap: Option<(String, PathBuf)>,
    /// Speak TLS only, and only with clients that show a certificate which `ca-cert.pem` of this
    /// directory knows; the own ones are `server-cert.pem` and `server-key.pem`
    #[arg(long, value_name = "DIR")]
    tls_certificates: Option<PathBuf>,
}

fn bitmap(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("give NAME=FILE".to_owned()),
    }
}

/// Serves until Ctrl-C or SIGTERM; the first line printed is the export's URI.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let access = if args.read_only {
        Access::Read
    } else {
        Access::Write
    };
    let disk = open(&args.disk, args.format, access)?;
    let export = Export {
        name: args.name.clone(),
        disk: Arc::clone(&disk),
        read_only: args.read_only,
        bitmap: args.bitmap.as_ref().map(marked).transpose()?,
    };
    let pki = args.tls_certificates.as_deref();
    let server = NbdServer::start(&address(args)?, vec![export], Limits::default(), pki)?;
    print_uri(&server, args);
    wait_for_signal()?;
    server.stop();
    if !args.read_only {
        disk.flush().context("make the disk durable")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn marked((name, file): &(String, PathBuf)) -> anyhow::Result<Bitmap> {
    let ranges = ranges(Path::new(file))?.iter().collect();
    Ok(Bitmap::new(name.clone(), ranges))
}

fn address(args: &ExportArgs) -> anyhow::Result<NbdAddress> {
    if let Some(path) = &args.socket {
        // What is printed is used from anywhere.
        let path = std::path::absolute(path).context("find the socket's directory")?;
        return Ok(NbdAddress::Unix { path });
    }
    let text = args.listen.as_deref().unwrap_or_default();
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), port.parse().ok()?))
    });
    let (host, port) = parts.with_context(|| format!("{text:?} is no ADDR:PORT"))?;
    Ok(NbdAddress::Tcp { host, port })
}

fn print_uri(server: &NbdServer, args: &ExportArgs) {
    let uri = server.uri(&args.name);
    let mut text = format!("{uri}\n");
    let local = match &uri.address {
        NbdAddress::Unix { .. } => true,
        NbdAddress::Tcp { host, .. } => host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback()),
    };
    if !local && uri.tls.is_none() {
        text.push_str("Nobody is asked who they are: whoever reaches this port has the disk.\n");
    }
    text.push_str("Ctrl-C stops it.\n");
    let mut out = std::io::stdout().lock();
    // A closed standard output is no reason to stop serving.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn wait_for_signal() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("start the async runtime")?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        signals::cancel_on_signal(stop.clone())?;
        stop.cancelled().await;
        Ok(())
    })
}
