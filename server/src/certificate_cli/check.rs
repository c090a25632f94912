//! `landfall certificate check`: the file, its signature, and disks that are read again.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use blockmap::{BlockSize, RangeSet};
use clap::Args;
use disk::{Access, Disk, ExtentKind, Locator};
use model::{ByteRange, Certificate, CertifiedDisk, DiskFormat};
use proof::{Checked, Compared, Measure, Measured, PublicKey, Trusted, Unlike};

use super::{REFUSED, say};
use crate::disk_cli::Format;

/// A certificate of more is none: 200 disks come to 4 MiB.
const LONGEST: u64 = 64 << 20;
/// Maps are asked for in windows of this many bytes, a multiple of every block size.
const WINDOW: u64 = 1 << 30;
/// Read at once.
const REQUEST: u64 = 1 << 20;

/// Arguments of `certificate check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The certificate
    file: PathBuf,
    /// A key that you trust: a file of public keys in PEM form, or a fingerprint; may be repeated
    #[arg(long, value_name = "FILE|FINGERPRINT", required = true)]
    key: Vec<String>,
    /// A disk to read again and compare: a path or an NBD URI, after `NAME=` where several disks
    /// of the certificate have its size; may be repeated
    #[arg(long, value_name = "[NAME=]PATH")]
    disk: Vec<String>,
    /// Format of the disks; otherwise qcow2 by its first bytes, else raw
    #[arg(long, value_enum)]
    format: Option<Format>,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let trusted = trusted(&args.key)?;
    let about = || format!("read {}", args.file.display());
    let length = fs::metadata(&args.file).with_context(about)?.len();
    if length > LONGEST {
        bail!("{} is too large to be a certificate", args.file.display());
    }
    let file = fs::read(&args.file).with_context(about)?;
    let checked = match proof::check(&file, &trusted) {
        Ok(checked) => checked,
        Err(refusal) => {
            crate::cli::print_error(&anyhow::Error::new(refusal).context("refused"));
            return Ok(ExitCode::from(REFUSED));
        }
    };
    say(&summary(&checked));
    let mut refused = false;
    for name in &args.disk {
        refused |= !disk(name, args.format, &checked)?;
    }
    if args.disk.is_empty() {
        say("No disk was read again: name them with --disk.");
    }
    Ok(if refused {
        ExitCode::from(REFUSED)
    } else {
        ExitCode::SUCCESS
    })
}

fn trusted(keys: &[String]) -> anyhow::Result<Vec<Trusted>> {
    let mut trusted = Vec::new();
    for name in keys {
        if let Ok(print) = name.parse() {
            trusted.push(Trusted::Fingerprint(print));
            continue;
        }
        let text = fs::read_to_string(name).with_context(|| {
            format!("{name} is no fingerprint, and reading it as a file failed")
        })?;
        let blocks = text.split_inclusive("-----END PUBLIC KEY-----");
        for block in blocks.filter(|block| !block.trim().is_empty()) {
            let key = PublicKey::from_pem(block).with_context(|| format!("read {name}"))?;
            trusted.push(Trusted::Key(key));
        }
    }
    Ok(trusted)
}

fn summary(checked: &Checked) -> String {
    let Certificate {
        session,
        replica,
        point,
        production,
        production_vm,
        verified_at,
        instant,
        disks,
        ..
    } = &checked.certificate;
    let mut text = format!(
        "Proved: signed by {}.\n\
         At {} ({instant}) {production} ({production_vm}) held exactly what {replica} held at its \
         point {point}.\n\
         Session {session}.\n",
        checked.signer,
        verified_at.utc_text(),
    );
    for disk in disks {
        text.push_str(&format!(
            "Disk {}: {}, {} blocks of {}: {} carried over from earlier passes, {} proved in the \
             switchover. Root {}\n",
            disk.name,
            disk.size,
            disk.leaves,
            checked.block,
            disk.carried,
            disk.proved_last,
            disk.production_root,
        ));
    }
    text
}

/// Reads a disk and says whether it is the certified one.
fn disk(named: &str, format: Option<Format>, checked: &Checked) -> anyhow::Result<bool> {
    let disks = &checked.certificate.disks;
    let by_name = named.split_once('=').and_then(|(name, path)| {
        let found = disks
            .iter()
            .find(|disk| disk.name == name || disk.production_key.as_str() == name);
        Some((found?, path))
    });
    let path = by_name.map_or(named, |(_, path)| path);
    let measured = measure(path, format, checked.block)?;
    let compared = |disk| (disk, measured.compare(disk));
    let candidates: Vec<(&CertifiedDisk, Compared)> = match by_name {
        Some((disk, _)) => vec![compared(disk)],
        None => disks.iter().map(compared).collect(),
    };
    if let Some((disk, _)) = candidates.iter().find(|(_, it)| *it == Compared::Equal) {
        say(&format!(
            "Disk {}: {path} is equal, block for block.",
            disk.name
        ));
        return Ok(true);
    }
    say(&refusal(path, &candidates));
    Ok(false)
}

fn refusal(path: &str, candidates: &[(&CertifiedDisk, Compared)]) -> String {
    let mut of_size = candidates
        .iter()
        .filter_map(|(disk, compared)| match compared {
            Compared::Unlike(Unlike::Content { root, ranges }) => Some((disk, root, ranges)),
            Compared::Unlike(Unlike::Size { .. }) | Compared::Equal => None,
        });
    match (of_size.next(), of_size.next()) {
        (Some((disk, root, ranges)), None) => {
            let ranges: Vec<String> = ranges.iter().map(ByteRange::to_string).collect();
            format!(
                "Disk {}: REFUSED. {path} is not what was certified: it differs within {}. Its \
                 root is {root}, the certified one {}",
                disk.name,
                ranges.join(", "),
                disk.production_root
            )
        }
        (Some(_), Some(_)) => format!(
            "REFUSED. {path} is none of the certified disks of its size: say which one it should \
             be with --disk NAME={path} to learn where it differs"
        ),
        (None, _) => {
            let sizes = candidates
                .iter()
                .map(|(disk, _)| format!("{} {}", disk.name, disk.size));
            let sizes: Vec<String> = sizes.collect();
            format!(
                "REFUSED. {path} has another size than the certified disks ({})",
                sizes.join(", ")
            )
        }
    }
}

/// Reads a whole disk, but for what its image knows to be zero.
fn measure(path: &str, format: Option<Format>, block: BlockSize) -> anyhow::Result<Measured> {
    let locator = Locator::named(path, format.map(DiskFormat::from))?;
    let disk = disk::open(&locator, Access::Read)?;
    let size = disk.size();
    let mut measure = Measure::new(size, block);
    let mut at = 0;
    while at < size.0 {
        let window = ByteRange::new(at, WINDOW.min(size.0 - at));
        let extents = disk.extents(window)?;
        let data = extents.iter().filter(|it| it.kind == ExtentKind::Data);
        let data = RangeSet::from_ranges(data.map(|extent| extent.range));
        for range in data.aligned_out(block, size).iter() {
            read(&*disk, range, &mut measure)?;
        }
        at = window.end();
    }
    measure
        .finish()
        .map_err(|_| anyhow::anyhow!("{path} names a range twice"))
}

fn read(disk: &dyn Disk, range: ByteRange, measure: &mut Measure) -> anyhow::Result<()> {
    let mut at = range.start;
    while at < range.end() {
        let len = REQUEST.min(range.end() - at);
        let mut buffer = vec![0; usize::try_from(len).context("a request fits the memory")?];
        disk.read_at(at, &mut buffer)?;
        measure
            .put(at, &buffer)
            .map_err(|_| anyhow::anyhow!("the disk names a range twice"))?;
        at += len;
    }
    Ok(())
}
