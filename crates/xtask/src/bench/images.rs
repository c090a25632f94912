//! The images of the benchmark: made from a seed, so that every machine measures the same disks.
//!
//! 4 GiB in runs of 1 to 32 MiB: 31 % holes, 6 % allocated zeroes, 33 % text, 30 % noise. An old
//! disk is a copy in which blocks were rewritten, 5 % of them wherever they fell and the others in
//! data, and in which some that have data became holes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate};

use super::{case::Facts, floor, half::allocated};

const BLOCK: u64 = 65_536;
const PIECE: u64 = 4096;
/// What other work on the machine is left of the file system.
const ROOM: u64 = 20 << 30;
/// A run has 1 to 32 MiB.
const RUN: std::ops::RangeInclusive<u64> = 16..=512;
/// Images that another version of this file made are made anew.
const VERSION: &str = "4";

/// The images' directory and their size.
#[derive(Clone, Debug)]
pub(super) struct Images {
    pub(super) directory: PathBuf,
    pub(super) blocks: u64,
}

/// An old disk.
struct Old {
    name: &'static str,
    /// Bytes that change together.
    unit: u64,
    percent: u64,
}

const OLD: [Old; 3] = [
    Old {
        name: "T1",
        unit: BLOCK,
        percent: 1,
    },
    Old {
        name: "T10",
        unit: BLOCK,
        percent: 10,
    },
    Old {
        name: "T4K",
        unit: PIECE,
        percent: 1,
    },
];

impl Images {
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn logical(&self) -> u64 {
        self.blocks * BLOCK
    }

    /// Makes all images that are not there.
    pub(super) fn make(&self) -> Result<Facts> {
        let complete = self.at("complete");
        if fs::read_to_string(&complete).is_ok_and(|version| version == VERSION) {
            // A case that was ended in between may have left it larger.
            let source = File::options().write(true).open(self.at("S"))?;
            source.set_len(self.logical())?;
            let text = fs::read_to_string(self.at("facts.json")).context("read the facts")?;
            return serde_json::from_str(&text).context("understand the facts");
        }
        drop(fs::remove_dir_all(&self.directory));
        let needed = self.logical() * 6;
        ensure!(
            has_room(self.directory.parent().unwrap_or(&self.directory), needed)?,
            "the images need {} GiB of room",
            needed >> 30
        );
        fs::create_dir_all(&self.directory).context("make the directory of the images")?;
        write_image(&self.at("S"), self.blocks).context("make the source image")?;
        copy_sparse(&self.at("S"), &self.at("C"))?;
        let mut facts = Facts {
            logical: self.logical() as f64,
            allocated: allocated(&self.at("S"))? as f64,
            data: content(
                &self.at("S"),
                (0..self.blocks).map(|index| index * BLOCK),
                BLOCK,
            )?
            .0 as f64,
            ..Facts::default()
        };
        for old in OLD {
            let (changed, packed) = self.make_old(&old)?;
            match old.name {
                "T1" => (facts.changed_1p, facts.packed_1p) = (changed, packed),
                "T10" => (facts.changed_10p, facts.packed_10p) = (changed, packed),
                _ => facts.changed_4k = changed,
            }
        }
        for (from, to) in [("S", "SQ"), ("C", "CQ")] {
            let mut convert = Command::new("qemu-img");
            convert.args(["convert", "-f", "raw", "-O", "qcow2"]);
            let convert = convert.args([self.at(from), self.at(to)]);
            ensure!(convert.status()?.success(), "qemu-img convert failed");
        }
        self.make_grown(&mut facts)?;
        fs::write(self.at("facts.json"), serde_json::to_string(&facts)?)
            .context("write the facts")?;
        fs::write(complete, VERSION).context("mark the images as complete")?;
        Ok(facts)
    }

    /// Writes what changed: a list, and the changed content in the list's order. Returns the bytes
    /// of the source that the old disk lacks, and how many they are with lz4.
    fn make_old(&self, old: &Old) -> Result<(f64, f64)> {
        let units = self.logical() / old.unit;
        let changes = choose(&self.at("S"), old.unit, units, units * old.percent / 100)
            .with_context(|| format!("choose what changes in {}", old.name))?;
        let (mut list, mut ranges) = (String::new(), String::new());
        for (index, change) in &changes {
            let (start, hole) = (index * old.unit, u8::from(*change == Change::Hole));
            let _never_fails = writeln!(list, "{start} {} {hole}", old.unit);
            let _never_fails = writeln!(ranges, "{start} {}", old.unit);
        }
        fs::write(self.at(&format!("changes-{}", old.name)), &list)?;
        let number = old.name.trim_start_matches('T');
        fs::write(self.at(&format!("R{number}")), ranges)?;
        let starts = changes.keys().map(|index| index * old.unit);
        let (changed, packed) = content(&self.at("S"), starts, old.unit)?;
        Ok((changed as f64, packed as f64))
    }

    /// Disks of other sizes with the same content.
    fn make_grown(&self, facts: &mut Facts) -> Result<()> {
        let (source, logical) = (self.at("S"), self.logical());
        fs::hard_link(&source, self.at("G4"))?;
        copy_data(&source, &self.at("G1"), logical / 4, &[0])?;
        facts.allocated_quarter = allocated(&self.at("G1"))? as f64;
        let mut sizes = vec!["1", "4"];
        if has_room(&self.directory, ROOM + 4 * logical)? {
            let copies = [0, logical, 2 * logical, 3 * logical];
            copy_data(&source, &self.at("G16"), 4 * logical, &copies)?;
            sizes.push("16");
        }
        for size in sizes {
            fs::hard_link(self.at(&format!("G{size}")), self.at(&format!("H{size}")))?;
        }
        let noise = File::create(self.at("F"))?;
        let (mut random, mut block) = (Random(15), vec![0; 65_536]);
        for index in 0..self.blocks / 4 {
            random.fill(&mut block);
            noise.write_all_at(&block, index * BLOCK)?;
        }
        noise.sync_all().context("make an image without holes")
    }

    /// Gives a target the content of `name`. `trusted` says that it is equal to the source now;
    /// then only what differs is written.
    pub(super) fn reset(&self, name: &str, target: &Path, trusted: bool) -> Result<()> {
        let from = self.at(if name == "F" { "F" } else { "S" });
        if !trusted || !target.exists() {
            copy_sparse(&from, target)?;
        }
        let Ok(changes) = fs::read_to_string(self.at(&format!("changes-{name}"))) else {
            return Ok(());
        };
        let to = File::options().write(true).open(target)?;
        let (mut random, mut buffer) = (Random(changes.len() as u64), vec![0; 65_536]);
        for line in changes.lines() {
            let fields: Vec<u64> = line
                .split(' ')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .context("understand a list of changes")?;
            let [start, len, hole] = fields[..] else {
                anyhow::bail!("a list of changes has {line:?}");
            };
            if hole == 1 {
                punch(&to, start, len)?;
            } else {
                let part = &mut buffer[..usize::try_from(len)?];
                random.fill(part);
                to.write_all_at(part, start)?;
            }
        }
        Ok(())
    }

    /// An image of the suite's size that is one hole.
    pub(super) fn make_empty(&self, path: &Path) -> Result<()> {
        let file = File::create(path).context("make an empty image")?;
        file.set_len(self.logical()).context("size an empty image")
    }
}

fn write_image(path: &Path, blocks: u64) -> io::Result<()> {
    let mut random = Random(0x1A2D_FA11);
    let file = File::create(path)?;
    file.set_len(blocks * BLOCK)?;
    let text = text(&mut random);
    let mut block = vec![0; 65_536];
    let mut at = 0;
    while at < blocks {
        let run = RUN.start() + random.below(RUN.end() - RUN.start());
        let kind = random.below(100);
        for index in at..(at + run).min(blocks) {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Rewritten,
    Hole,
}

/// Chooses units that are scattered at random: to be rewritten, and one for twenty of them to be a
/// hole.
fn choose(path: &Path, unit: u64, units: u64, count: u64) -> io::Result<BTreeMap<u64, Change>> {
    let mut random = Random(unit + count);
    let file = File::open(path)?;
    let mut content = vec![0; usize::try_from(unit).unwrap_or_default()];
    let mut changed = BTreeMap::new();
    let rewritten = count - count / 20;
    while (changed.len() as u64) < count {
        let index = random.below(units);
        file.read_exact_at(&mut content, index * unit)?;
        let anywhere = random.below(20) == 0;
        let has_data = content.iter().any(|byte| *byte != 0);
        if changed.contains_key(&index) || !(anywhere || has_data) {
            continue;
        }
        if (changed.len() as u64) < rewritten {
            changed.insert(index, Change::Rewritten);
        } else if has_data {
            changed.insert(index, Change::Hole);
        }
    }
    Ok(changed)
}

/// Whether the file system has so many bytes to give.
fn has_room(directory: &Path, bytes: u64) -> Result<bool> {
    let about = rustix::fs::statvfs(directory).context("look at the file system")?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize) > bytes)
}

fn punch(file: &File, start: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, flags, start, len)?)
}

/// Bytes in units that are not zero, and how many they are where lz4 makes a unit smaller.
fn content(path: &Path, starts: impl Iterator<Item = u64>, unit: u64) -> io::Result<(u64, u64)> {
    let file = File::open(path)?;
    let mut content = vec![0; usize::try_from(unit).unwrap_or_default()];
    let (mut plain, mut packed) = (0, 0);
    for start in starts {
        file.read_exact_at(&mut content, start)?;
        if content.iter().any(|byte| *byte != 0) {
            plain += unit;
            packed += unit.min(lz4_flex::block::compress(&content).len() as u64);
        }
    }
    Ok((plain, packed))
}

/// Copies with holes kept.
pub(super) fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .args(["--sparse=auto", "--reflink=never"])
        .args([from, to])
        .status()
        .context("start cp")?;
    ensure!(status.success(), "cp ended with {status}");
    Ok(())
}

/// A file of `size` bytes with the data of `from`, once at each of `places`.
fn copy_data(from: &Path, to: &Path, size: u64, places: &[u64]) -> Result<()> {
    let (source, target) = (File::open(from)?, File::create(to)?);
    target.set_len(size)?;
    let mut buffer = vec![0; 1 << 20];
    for (start, end) in floor::data(from)? {
        for at in (start..end).step_by(1 << 20) {
            let len = usize::try_from((end - at).min(1 << 20))?;
            source.read_exact_at(&mut buffer[..len], at)?;
            for place in places.iter().filter(|place| *place + at < size) {
                target.write_all_at(&buffer[..len], place + at)?;
            }
        }
    }
    target.set_len(size)?;
    target.sync_all().context("make a disk of another size")
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
