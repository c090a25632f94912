//! Brotli and gzip beside every file, made once so that the server only picks one.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};

use crate::files;

const BROTLI_QUALITY: u32 = 11;
/// The largest window that browsers accept.
const BROTLI_WINDOW: u32 = 22;
const BROTLI_BUFFER: usize = 4096;

/// Compresses every file of a folder that is worth it.
pub(super) fn folder(folder: &Path) -> Result<()> {
    for name in files::all_below(folder)? {
        let known = name
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ["js", "wasm", "css", "svg"].contains(&extension));
        if known {
            let path = folder.join(&name);
            let plain = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            put(&path, "br", &brotli(&plain)?)?;
            put(&path, "gz", &gzip(&plain)?)?;
        }
    }
    Ok(())
}

fn brotli(plain: &[u8]) -> Result<Vec<u8>> {
    let mut writer =
        brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(plain).context("compress with brotli")?;
    Ok(writer.into_inner())
}

fn gzip(plain: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(plain).context("compress with gzip")?;
    writer.finish().context("compress with gzip")
}

fn put(path: &Path, extension: &str, content: &[u8]) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    let target = PathBuf::from(name);
    fs::write(&target, content).with_context(|| format!("write {}", target.display()))
}
