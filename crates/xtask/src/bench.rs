//! `cargo xtask bench`: Landfall's difference and apply beside other tools on the same disks.

use anyhow::{Result, bail};

/// Runs the benchmark.
pub(crate) fn run() -> Result<()> {
    bail!("there is no benchmark yet: the data path that it measures is not complete")
}
