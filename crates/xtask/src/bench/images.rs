//! The images of the benchmark: made from a seed, so that every machine measures the same disks.
//!
//! 4 GiB in runs of 1 to 32 MiB: 31 % holes, 6 % allocated zeroes, 33 % text, 30 % noise.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

const BLOCK: u64 = 65_536;
const BLOCKS: u64 = 65_536;
/// A run has 1 to 32 MiB.
const RUN: std::ops::RangeInclusive<u64> = 16..=512;

/// Makes all images in `directory` that are not there.
pub(super) fn make(directory: &Path) -> Result<()> {
    if directory.join("complete").exists() {
        return Ok(());
    }
    fs::create_dir_all(directory).context("make the directory of the images")?;
    let at = |name: &str| directory.join(name);
    write_image(&at("S")).context("make the source image")?;
    copy_sparse(&at("S"), &at("C"), "auto")?;
    for (name, changed, seed) in [("T1", BLOCKS / 100, 1), ("T10", BLOCKS / 10, 10)] {
        copy_sparse(&at("S"), &at(name), "auto")?;
        let blocks = change(&at(name), changed, seed).context("change an image")?;
        if name == "T1" {
            fs::write(at("R1"), ranges_text(&blocks)).context("write the changed ranges")?;
        }
    }
    for (from, to) in [("S", "SQ"), ("C", "CQ")] {
        let mut convert = Command::new("qemu-img");
        convert.args(["convert", "-f", "raw", "-O", "qcow2"]);
        ensure!(
            convert.args([at(from), at(to)]).status()?.success(),
            "qemu-img convert failed"
        );
    }
    fs::write(at("complete"), "").context("mark the images as complete")
}

fn write_image(path: &Path) -> io::Result<()> {
    let mut random = Random(0x1A2D_FA11);
    let file = File::create(path)?;
    file.set_len(BLOCKS * BLOCK)?;
    let text = text(&mut random);
    let mut block = vec![0; 65_536];
    let mut at = 0;
    while at < BLOCKS {
        let run = RUN.start() + random.below(RUN.end() - RUN.start());
        let kind = random.below(100);
        for index in at..(at + run).min(BLOCKS) {
            match kind {
                0..31 => continue,
                31..37 => block.fill(0),
                37..70 => {
                    let from = random.below(65_536);
                    let from = usize::try_from(from).unwrap_or_default();
                    block.copy_from_slice(text.get(from..from + 65_536).unwrap_or(&text[..65_536]));
                    block[..8].copy_from_slice(&random.next().to_le_bytes());
                }
                _ => random.fill(&mut block),
            }
            file.write_all_at(&block, index * BLOCK)?;
        }
        at += run;
    }
    file.sync_all()
}

/// Lines of words, twice as long as a block.
fn text(random: &mut Random) -> Vec<u8> {
    let words: Vec<String> = (0..512)
        .map(|_| {
            let letters = 3 + random.below(8);
            let alphabet = ('a'..='z').cycle();
            (0..letters)
                .filter_map(|_| {
                    alphabet
                        .clone()
                        .nth(usize::try_from(random.below(26)).ok()?)
                })
                .collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < 2 * 65_536 {
        let index = usize::try_from(random.below(512)).unwrap_or_default();
        text.extend(words[index].as_bytes());
        text.push(if random.below(12) == 0 { b'\n' } else { b' ' });
    }
    text
}

/// Rewrites blocks that are scattered at random, 5 % of them wherever they fall and the others in
/// data; returns them.
fn change(path: &Path, count: u64, seed: u64) -> io::Result<BTreeSet<u64>> {
    let mut random = Random(seed);
    let file = File::options().read(true).write(true).open(path)?;
    let mut block = vec![0; 65_536];
    let mut changed = BTreeSet::new();
    while (changed.len() as u64) < count {
        let index = random.below(BLOCKS);
        file.read_exact_at(&mut block, index * BLOCK)?;
        let anywhere = random.below(20) == 0;
        if (anywhere || block.iter().any(|byte| *byte != 0)) && changed.insert(index) {
            random.fill(&mut block);
            file.write_all_at(&block, index * BLOCK)?;
        }
    }
    file.sync_all()?;
    Ok(changed)
}

fn ranges_text(blocks: &BTreeSet<u64>) -> String {
    blocks.iter().fold(String::new(), |mut text, index| {
        let _never_fails = writeln!(text, "{} {BLOCK}", index * BLOCK);
        text
    })
}

/// Copies with holes kept (`auto`) or made (`always`).
pub(super) fn copy_sparse(from: &Path, to: &Path, sparse: &str) -> Result<()> {
    let status = Command::new("cp")
        .arg(format!("--sparse={sparse}"))
        .arg("--reflink=never")
        .args([from, to])
        .status()
        .context("start cp")?;
    ensure!(status.success(), "cp ended with {status}");
    Ok(())
}

/// An image of the suite's size that is one hole.
pub(super) fn make_empty(path: &Path) -> Result<()> {
    let file = File::create(path).context("make an empty image")?;
    file.set_len(BLOCKS * BLOCK).context("size an empty image")
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
