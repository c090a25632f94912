//! `landfall disk diff|sync|verify|map`: the data path alone, for two disks that this host reaches;
//! `export` offers one over NBD.

mod args;
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
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use blockmap::{BlockSize, RangeSet, Wanted};
use disk::{Access, Disk, Locator, NbdUri};
use model::{ByteCount, ByteRange, BytesPerSecond, DiskFormat};
use mover::{BothDigests, Controls, Meter, Proof, Report, Sample, Scope, Task};

pub use self::args::{DiffArgs, DiskCommand, Ends, Format, Sampling, SyncArgs, Unread, Verify};
use self::{progress::Progress, report::Summary};

/// Status of a comparison that found something.
const DIFFERENT: u8 = 1;
/// Status of a command that could not do its work.
const FAILED: u8 = 2;

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
        scope: scope(ends)?,
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

fn scope(ends: &Ends) -> anyhow::Result<Scope> {
    Ok(match (&ends.ranges, &ends.bitmap) {
        (Some(path), _) => Scope::Ranges(ranges(path)?),
        (None, Some(name)) => Scope::Ranges(bitmap::ranges(&ends.source, name)?),
        (None, None) => Scope::Whole,
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
