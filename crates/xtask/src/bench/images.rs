//! The images of the benchmark: made from a seed, so that every machine measures the same disks.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

const BLOCK: usize = 65_536;
const BLOCKS: u64 = 32_768;
/// Of ten runs of blocks, so many are holes.
const HOLES_IN_TEN: u64 = 3;
/// Blocks per run of one kind.
const RUN: u64 = 64;

/// Makes `source` and a `target` of which 1 % of all blocks differ from it.
pub(super) fn make_pair(directory: &Path, source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(directory).context("make the directory of the images")?;
    let mut random = Random(0x1A2D_FA11);
    write_image(source, &mut random).context("make the source image")?;
    copy_sparse(source, target)?;
    change(target, &mut random).context("change the target image")
}

fn write_image(path: &Path, random: &mut Random) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(BLOCKS * BLOCK as u64)?;
    let mut block = vec![0; BLOCK];
    for run in 0..BLOCKS / RUN {
        if random.below(10) < HOLES_IN_TEN {
            continue;
        }
        for index in run * RUN..(run + 1) * RUN {
            random.fill(&mut block);
            file.write_all_at(&block, index * BLOCK as u64)?;
        }
    }
    file.sync_all()
}

fn change(path: &Path, random: &mut Random) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let mut block = vec![0; BLOCK];
    for _ in 0..BLOCKS / 100 {
        random.fill(&mut block);
        file.write_all_at(&block, random.below(BLOCKS) * BLOCK as u64)?;
    }
    file.sync_all()
}

/// Copies with holes kept.
pub(super) fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .args(["--sparse=always", "--reflink=auto"])
        .args([from, to])
        .status()
        .context("start cp")?;
    ensure!(status.success(), "cp ended with {status}");
    Ok(())
}

/// Whether two files hold the same bytes, read by this program and no tool under test.
pub(super) fn equal(a: &Path, b: &Path) -> Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let read = a.read(&mut left)?;
        if read == 0 {
            return Ok(b.read(&mut right)? == 0);
        }
        let Some(other) = right.get_mut(..read) else {
            return Ok(false);
        };
        if b.read_exact(other).is_err() || left.get(..read) != Some(&*other) {
            return Ok(false);
        }
    }
}

/// The splitmix64 generator of Steele, Lea and Flood (2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn fill(&mut self, block: &mut [u8]) {
        for word in block.chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
    }
}
