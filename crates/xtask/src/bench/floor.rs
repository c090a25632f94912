//! The floor of a comparison: a trivial program that reads the data of two files and compares it.
//!
//! Two threads, `pread` into two buffers that fit a core's own cache, and nothing else: no map of
//! the target, no block, no counter, no error that names a place.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context as _, Result};
use rustix::fs::{SeekFrom, seek};

/// Arguments of `xtask floor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    a: PathBuf,
    b: PathBuf,
}

const PIECE: u64 = 256 * 1024;

/// Success when the data of `a` is in `b`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let pieces: Vec<(u64, usize)> = data(&options.a)?
        .into_iter()
        .flat_map(|(from, to)| {
            (from..to).step_by(256 * 1024).map(move |at| {
                let len = PIECE.min(to - at);
                (at, usize::try_from(len).unwrap_or_default())
            })
        })
        .collect();
    let next = AtomicUsize::new(0);
    let equal = thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| compare(options, &pieces, &next)))
            .collect();
        threads.into_iter().try_fold(true, |equal, thread| {
            let one = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
            anyhow::Ok(equal && one)
        })
    })?;
    Ok(if equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn compare(options: &Options, pieces: &[(u64, usize)], next: &AtomicUsize) -> Result<bool> {
    let (a, b) = (File::open(&options.a)?, File::open(&options.b)?);
    let (mut left, mut right) = (vec![0; 256 * 1024], vec![0; 256 * 1024]);
    loop {
        let Some((at, len)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) else {
            return Ok(true);
        };
        a.read_exact_at(&mut left[..*len], *at)?;
        b.read_exact_at(&mut right[..*len], *at)?;
        if left[..*len] != right[..*len] {
            return Ok(false);
        }
    }
}

/// The stretches of a file that are no holes: begin and end.
pub(super) fn data(path: &Path) -> Result<Vec<(u64, u64)>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let from = match seek(&file, SeekFrom::Data(at)) {
            Ok(from) => from,
            Err(rustix::io::Errno::NXIO) => return Ok(found),
            Err(error) => return Err(error).context("look for data"),
        };
        at = seek(&file, SeekFrom::Hole(from)).context("look for a hole")?;
        found.push((from, at));
    }
}
