//! `landfall disk map`: what is known of a disk without reading it.

use std::{
    io::{BufWriter, Write as _},
    process::ExitCode,
};

use clap::Args;
use disk::{Access, Extent, ExtentKind};
use model::ByteRange;
use serde::Serialize;

use super::{Format, bitmap, open};

/// Extents are asked for in windows of this many bytes, so that the output begins at once.
const WINDOW: u64 = 1 << 34;

/// Arguments of `disk map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    /// The disk: a path or an NBD URI
    disk: String,
    /// Its format; otherwise qcow2 by its first bytes, else raw
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show instead what this dirty bitmap of the disk names: an NBD server's context
    /// `qemu:dirty-bitmap:NAME`
    #[arg(long, value_name = "NAME")]
    bitmap: Option<String>,
    /// One JSON object per extent
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    start: u64,
    length: u64,
    zero: bool,
}

/// Prints start, length and kind of each extent, in bytes.
pub(super) fn run(args: &MapArgs) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.bitmap {
        bitmap::print(&args.disk, name, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let disk = open(&args.disk, args.format, Access::Read)?;
    let size = disk.size().0;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut last: Option<Extent> = None;
    let mut at = 0;
    while at < size {
        let window = ByteRange::new(at, WINDOW.min(size - at));
        for extent in disk.extents(window)? {
            match &mut last {
                Some(last) if last.kind == extent.kind => last.range.len += extent.range.len,
                _ => {
                    print(&mut out, last.replace(extent), args.json)?;
                }
            }
        }
        at = window.end();
    }
    print(&mut out, last, args.json)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl std::io::Write, extent: Option<Extent>, json: bool) -> anyhow::Result<()> {
    let Some(Extent { range, kind }) = extent else {
        return Ok(());
    };
    let zero = kind == ExtentKind::Zero;
    if json {
        let line = Line {
            start: range.start,
            length: range.len,
            zero,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        let word = if zero { "zero" } else { "data" };
        writeln!(out, "{:>16} {:>16} {word}", range.start, range.len)?;
    }
    Ok(())
}
