//! `landfall disk diff|sync|verify|map`: the data path alone, for two disks that this host reaches;
//! `export` offers one over NBD.

mod bitmap;
mod cancel;
mod export;
mod kept;
mod map;
mod progress;
mod report;
mod streams;
mod via;

use std::{
    num::{NonZeroUsize, ParseIntError},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::ExitCode,
    str::FromStr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use blockmap::{BlockSize, RangeSet, Wanted};
use clap::{Args, Subcommand, ValueEnum};
use disk::{Access, Disk, Locator, NbdUri};
use model::{ByteCount, ByteRange, BytesPerSecond, DiskFormat};
use mover::{BothDigests, Controls, Meter, Proof, Report, Sample, Scope, Task, Unreadable};

use self::{progress::Progress, report::Summary};

/// Status of a comparison that found something.
const DIFFERENT: u8 = 1;
/// Status of a command that could not do its work.
const FAILED: u8 = 2;

/// What to do with disks.
#[derive(Debug, Subcommand)]
pub enum DiskCommand {
    /// Compare two disks and write nothing; status 0 when they are equal, 1 when not
    Diff(DiffArgs),
    /// Make the target equal to the source, writing only what differs, and prove it
    Sync(SyncArgs),
    /// Compare two disks as the devices hold them, past the host's cache
    Verify(DiffArgs),
    /// Be the far end of `sync --via`, over standard input and output
    Serve(via::ServeArgs),
    /// Show which ranges of a disk hold data and which are known to be zero
    Map(map::MapArgs),
    /// Offer a disk over NBD until Ctrl-C; the first line printed is its URI
    Export(export::ExportArgs),
}

/// A format of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Bytes as they are; also block devices
    Raw,
    /// qcow2, with its backing images
    Qcow2,
}

impl From<Format> for DiskFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Raw => Self::Raw,
            Format::Qcow2 => Self::Qcow2,
        }
    }
}

/// Two disks.
#[derive(Debug, Args)]
pub struct Ends {
    /// What is read: a path or an NBD URI
    source: String,
    /// What is compared with it, and written by `sync`: a path or an NBD URI
    #[arg(
        required_unless_present = "via",
        conflicts_with = "via",
        default_value = ""
    )]
    target: String,
    /// Format of the source; otherwise qcow2 by its first bytes, else raw
    #[arg(long, value_enum)]
    source_format: Option<Format>,
    /// Format of the target
    #[arg(long, value_enum)]
    target_format: Option<Format>,
    /// Unit of comparison in KiB: a power of two from 4 to 1024
    #[arg(long, value_name = "KIB", default_value_t = 64)]
    block_size: u32,
    /// Look only at these ranges, as change tracking names them: a file with one `START LENGTH`
    /// in bytes per line
    #[arg(long, value_name = "FILE")]
    ranges: Option<std::path::PathBuf>,
    /// Look only at what this dirty bitmap of the source names: an NBD server's context
    /// `qemu:dirty-bitmap:NAME`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ranges", "via"])]
    bitmap: Option<String>,
    /// Keep the target's digests in this file: while they are valid, the target is read only where
    /// it differs. With `--via` the far end keeps them
    #[arg(long, value_name = "FILE", conflicts_with = "via")]
    digests: Option<std::path::PathBuf>,
    /// Keep the source's digests in this file: while they are valid, the source is read only where
    /// it differs
    #[arg(long, value_name = "FILE")]
    source_digests: Option<std::path::PathBuf>,
    /// With --ranges or --bitmap: compare a random sample of the other blocks as well, and the whole disk once
    /// one of them differs; a number draws the same blocks each time
    #[arg(long, value_name = "SEED|auto|off", default_value = "auto")]
    sample: Sampling,
    /// What to do with sectors of the source that cannot be read, also on a further try
    #[arg(long, value_enum, default_value_t)]
    unreadable: Unread,
    /// Have at most so many reads and writes on their way at once
    #[arg(long, value_name = "N")]
    queue: Option<NonZeroUsize>,
    /// Run this command as the far end and speak with it over its input and output: on the
    /// target's host, `landfall disk serve TARGET`
    #[arg(long, value_name = "COMMAND", conflicts_with = "ranges")]
    via: Option<String>,
    /// Print one JSON object with every counter, and progress as JSON lines on standard error
    #[arg(long)]
    json: bool,
}

/// Whether the ranges are checked, and what draws the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// By the time and the process.
    Auto,
    /// Not checked.
    Off,
    /// By this number.
    Seed(u64),
}

impl FromStr for Sampling {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        Ok(match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            number => Self::Seed(number.parse()?),
        })
    }
}

/// What to do with sectors of the source that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Unread {
    /// End with an error that names them
    #[default]
    Stop,
    /// Leave the target's content of exactly these sectors, name each, go on, and end with status 2
    Skip,
}

impl From<Unread> for Unreadable {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Stop => Self::Stop,
            Unread::Skip => Self::Skip,
        }
    }
}

/// Arguments of `disk diff` and `disk verify`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    ends: Ends,
}

/// Arguments of `disk sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    #[command(flatten)]
    ends: Ends,
    /// How what was written is proved
    #[arg(long, value_enum, default_value_t)]
    verify: Verify,
    /// Where progress is kept, so that a later run goes on from what is proved
    #[arg(long, value_name = "FILE")]
    journal: Option<std::path::PathBuf>,
    /// Names the content of a source of which nothing tells whether it was written since, such as
    /// an NBD export: a journal is believed for one name only
    #[arg(long, value_name = "NAME", requires = "journal")]
    source_version: Option<String>,
    /// Make what was written durable before the end; `--verify device` and `--journal` always do
    #[arg(long)]
    flush: bool,
    /// Send at most so many MiB per second
    #[arg(long, value_name = "MIB")]
    limit: Option<u64>,
}

/// How what was written is proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// Read back as the host's cache holds it
    #[default]
    Cache,
    /// Flush, and read back from the device
    Device,
    /// Not at all: only to measure what verification costs
    #[value(hide = true)]
    None,
}

impl Verify {
    /// As [`Verify::word`], of what really answered.
    fn word_for(self, target: &dyn Disk) -> &'static str {
        match self {
            Self::Device if !target.reads_device() => "server",
            Self::Cache | Self::Device | Self::None => self.word(),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Device => "device",
            Self::None => "none",
        }
    }
}

/// Does what was asked. Status 0: equal or done; 1: different; 2: an error, or done but for what
/// could not be read.
#[must_use]
pub fn run(command: DiskCommand) -> ExitCode {
    let done = match command {
        DiskCommand::Diff(args) => diff(&args.ends, false),
        DiskCommand::Verify(args) => diff(&args.ends, true),
        DiskCommand::Sync(args) => sync(&args),
        DiskCommand::Serve(args) => via::serve(&args),
        DiskCommand::Map(args) => map::run(&args),
        DiskCommand::Export(args) => export::run(&args),
    };
    done.unwrap_or_else(|error| {
        crate::cli::print_error(&error);
        ExitCode::from(FAILED)
    })
}

fn diff(ends: &Ends, past_cache: bool) -> anyhow::Result<ExitCode> {
    if let Some(command) = &ends.via {
        return via::run(ends, command, None);
    }
    let source = open(&ends.source, ends.source_format, Access::Read)?;
    let target = open(&ends.target, ends.target_format, Access::Read)?;
    if past_cache {
        for disk in [&source, &target] {
            disk.flush()
                .context("make what is cached durable before it is read")?;
            disk.forget_cached(ByteRange::new(0, disk.size().0));
        }
    }
    ensure!(
        !past_cache || (ends.digests.is_none() && ends.source_digests.is_none()),
        "verify reads both disks: leave kept digests to diff and sync"
    );
    let task = Task {
        apply: false,
        ..task(ends, source, target)?
    };
    let begun = Instant::now();
    let report = transfer(&task, &controls(ends), ends.json)?;
    let equal = report.counters.different == ByteCount::ZERO && report.unread.is_empty();
    Summary {
        command: if past_cache { "verify" } else { "diff" },
        verify: None,
        equal,
        report: &report,
        wire: None,
        seconds: begun.elapsed().as_secs_f64(),
    }
    .print(ends.json);
    Ok(status(equal, &report))
}

/// What the command ends with.
fn status(equal: bool, report: &Report) -> ExitCode {
    if !report.unread.is_empty() {
        ExitCode::from(FAILED)
    } else if equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    }
}

fn controls(ends: &Ends) -> Controls {
    let controls = Controls::default();
    controls.set_queue(ends.queue);
    controls
}

fn sync(args: &SyncArgs) -> anyhow::Result<ExitCode> {
    let ends = &args.ends;
    if let Some(command) = &ends.via {
        return via::run(ends, command, Some(args));
    }
    let keeps = args.journal.is_some() || ends.digests.is_some() || ends.source_digests.is_some();
    ensure!(
        args.verify != Verify::None || !keeps,
        "journals and digests hold what is proved: give --verify cache or device, or keep none"
    );
    let version = journaled_version(args)?;
    let source = open(&ends.source, ends.source_format, Access::Read)?;
    make_when_missing(ends, source.size())?;
    let target = open(&ends.target, ends.target_format, Access::Write)?;
    let mut task = Task {
        journal: args.journal.clone(),
        proof: match args.verify {
            Verify::Cache => Proof::Cache,
            Verify::Device => Proof::Device,
            Verify::None => Proof::Nothing,
        },
        ..task(ends, source, target)?
    };
    task.task_key.push_str(&version);
    let controls = controls(ends);
    controls.set_limit(args.limit.map(|mib| BytesPerSecond(mib << 20)));
    let begun = Instant::now();
    let report = transfer(&task, &controls, ends.json)?;
    if args.flush {
        task.target.flush().context("make the target durable")?;
    }
    let equal = report.unread.is_empty();
    if let Some(journal) = args.journal.as_ref().filter(|_| equal) {
        // It says what an unfinished run proved; of a finished one, there is nothing to go on with.
        let removed = std::fs::remove_file(journal);
        removed.with_context(|| format!("remove the journal {}", journal.display()))?;
    }
    Summary {
        command: "sync",
        verify: Some(args.verify.word_for(&*task.target)),
        equal,
        report: &report,
        wire: None,
        seconds: begun.elapsed().as_secs_f64(),
    }
    .print(ends.json);
    Ok(status(equal, &report))
}

/// A target that is not there is made, empty and of the source's size.
fn make_when_missing(ends: &Ends, size: ByteCount) -> anyhow::Result<()> {
    let path = Path::new(&ends.target);
    if path.exists() || NbdUri::is_one(&ends.target) {
        return Ok(());
    }
    match ends.target_format {
        Some(Format::Qcow2) => disk::create_qcow2(path, size)?,
        Some(Format::Raw) | None => disk::create_raw(path, size)?,
    }
    Ok(())
}

fn open(name: &str, format: Option<Format>, access: Access) -> anyhow::Result<Arc<dyn Disk>> {
    let locator = Locator::named(name, format.map(DiskFormat::from))?;
    Ok(disk::open(&locator, access)?)
}

fn task(ends: &Ends, source: Arc<dyn Disk>, target: Arc<dyn Disk>) -> anyhow::Result<Task> {
    let block = block(ends)?;
    let paths = [&ends.source, &ends.target].map(std::fs::canonicalize);
    let same = match paths {
        [Ok(source), Ok(target)] => source == target,
        // At least one is no path.
        [..] => ends.source == ends.target,
    };
    ensure!(!same, "source and target are the same file: name two disks");
    Ok(Task {
        source,
        target,
        scope: match (&ends.ranges, &ends.bitmap) {
            (Some(path), _) => Scope::Ranges(ranges(path)?),
            (None, Some(name)) => Scope::Ranges(bitmap::ranges(&ends.source, name)?),
            (None, None) => Scope::Whole,
        },
        block,
        journal: None,
        task_key: format!(
            "{} to {}",
            identity(&ends.source, true),
            identity(&ends.target, false)
        ),
        apply: true,
        proof: Proof::Cache,
        digests: both_digests(ends)?,
        sample: sample(ends)?,
        unreadable: ends.unreadable.into(),
    })
}

fn both_digests(ends: &Ends) -> anyhow::Result<BothDigests> {
    let digests = BothDigests {
        source: kept::wanted(&ends.source, ends.source_digests.as_ref())?,
        target: kept::wanted(&ends.target, ends.digests.as_ref())?,
    };
    if let (Some(source), Some(target)) = (&digests.source, &digests.target) {
        ensure!(
            source.path != target.path,
            "the digests of two disks cannot be kept in one file"
        );
    }
    Ok(digests)
}

/// What a journal adds to its key, of a source whose own times tell nothing.
fn journaled_version(args: &SyncArgs) -> anyhow::Result<String> {
    if args.journal.is_none() {
        return Ok(String::new());
    }
    match (&args.source_version, kept::vouched(&args.ends.source)) {
        (Some(version), _) => Ok(format!(" as version {version}")),
        (None, Ok(_)) => Ok(String::new()),
        (None, Err(why)) => Err(why.context(
            "a journal has to know that the source is the same: say what content it has with \
             --source-version, such as the name of its snapshot",
        )),
    }
}

/// What tells one disk from another of the same name, and, of a source, whether it was written
/// since: an earlier run's journal is believed for the same pair only.
fn identity(name: &str, content: bool) -> String {
    let Ok(about) = std::fs::metadata(name) else {
        return name.to_owned();
    };
    let file = format!("{name} ({}:{})", about.dev(), about.ino());
    if !content {
        return file;
    }
    format!("{file} as of {}.{:09}", about.mtime(), about.mtime_nsec())
}

fn sample(ends: &Ends) -> anyhow::Result<Option<Sample>> {
    Ok(match ends.sample {
        Sampling::Off => None,
        Sampling::Seed(seed) => Some(Sample {
            seed,
            wanted: Wanted::default(),
        }),
        Sampling::Auto => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.context("the clock is before 1970")?.as_nanos();
            let name = format!("{now} {}", std::process::id());
            Some(Sample::named(&name))
        }
    })
}

fn block(ends: &Ends) -> anyhow::Result<BlockSize> {
    let block = ends.block_size.checked_mul(1024).and_then(BlockSize::new);
    block.with_context(|| {
        format!(
            "a block of {} KiB is not possible: give a power of two from 4 to 1024",
            ends.block_size
        )
    })
}

fn ranges(path: &Path) -> anyhow::Result<RangeSet> {
    let named = || format!("read the ranges of {}", path.display());
    let text = std::fs::read_to_string(path).with_context(named)?;
    let parsed = text.lines().enumerate().map(|(index, line)| {
        let range = || {
            let (start, len) = line.trim().split_once(' ')?;
            let range = ByteRange::new(start.parse().ok()?, len.trim().parse().ok()?);
            range.start.checked_add(range.len).map(|_| range)
        };
        range().with_context(|| {
            let line = index + 1;
            format!(
                "line {line} of {}: give START LENGTH in bytes",
                path.display()
            )
        })
    });
    let ranges: Vec<ByteRange> = parsed.collect::<anyhow::Result<_>>()?;
    Ok(RangeSet::from_ranges(ranges))
}

/// Runs a task while its progress is shown.
fn transfer(task: &Task, controls: &Controls, json: bool) -> anyhow::Result<Report> {
    cancel::on_signal(controls)?;
    let meter = Meter::default();
    let shown = Progress::start(&meter, json);
    let result = mover::run(task, controls, &meter);
    shown.end();
    Ok(result?)
}
