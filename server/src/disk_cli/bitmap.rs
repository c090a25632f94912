//! Ranges from the dirty bitmap of an NBD server.

use std::io::{BufWriter, Write as _};

use anyhow::Context as _;
use blockmap::RangeSet;
use disk::{DirtyRanges, NbdUri};
use serde::Serialize;

#[derive(Serialize)]
struct Line {
    start: u64,
    length: u64,
    dirty: bool,
}

/// What the bitmap `name` of the disk names.
pub(super) fn ranges(disk: &str, name: &str) -> anyhow::Result<RangeSet> {
    let ranges: Vec<_> = list(disk, name)?.collect::<Result<_, _>>()?;
    Ok(RangeSet::from_ranges(ranges))
}

/// Prints start and length of each range of the bitmap `name`, in bytes.
pub(super) fn print(disk: &str, name: &str, json: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for range in list(disk, name)? {
        let range = range?;
        if json {
            let line = Line {
                start: range.start,
                length: range.len,
                dirty: true,
            };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        } else {
            writeln!(out, "{:>16} {:>16} dirty", range.start, range.len)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn list(disk: &str, name: &str) -> anyhow::Result<DirtyRanges> {
    let uri = NbdUri::parse(disk);
    let uri = uri.with_context(|| format!("{disk} has no dirty bitmap: name an NBD URI"))?;
    Ok(disk::dirty_ranges(&uri, name)?)
}
