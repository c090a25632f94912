//! `cargo xtask sizes`: what the browser has to load, bounded; and how large the source is.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::{
    console,
    site::{self, Kind},
    tidy,
    workspace::Metadata,
};

/// What a browser may have to load for the WASM, compressed with brotli.
const WASM_LIMIT: u64 = 550_000;

/// Prints both reports.
pub(crate) fn run() -> Result<()> {
    let metadata = Metadata::read()?;
    let verdict = wasm(&metadata);
    tidy::print_source_sizes()?;
    verdict
}

/// Prints the sizes of the browser's files and fails when the WASM is too large.
pub(crate) fn wasm(metadata: &Metadata) -> Result<()> {
    let pkg = site::folder(metadata, Kind::Release).join("pkg");
    let size = |name: &str| -> Result<u64> {
        let path = pkg.join(name);
        let found = fs::metadata(&path).with_context(|| {
            format!(
                "{} is missing: build it with `cargo xtask site`",
                path.display()
            )
        })?;
        Ok(found.len())
    };
    console::say(format_args!(
        "{:<18} {:>10} {:>10} {:>10}",
        "bytes", "raw", "gzip", "brotli"
    ));
    for name in ["landfall_bg.wasm", "landfall.js", "landfall.css"] {
        let (raw, gzip, brotli) = (
            size(name)?,
            size(&format!("{name}.gz"))?,
            size(&format!("{name}.br"))?,
        );
        console::say(format_args!("{name:<18} {raw:>10} {gzip:>10} {brotli:>10}"));
    }
    let brotli = size("landfall_bg.wasm.br")?;
    ensure!(
        brotli <= WASM_LIMIT,
        "the WASM is {brotli} bytes with brotli; the limit is {WASM_LIMIT}"
    );
    Ok(())
}
