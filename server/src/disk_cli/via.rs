//! Two `landfall` processes joined by a pipe: the near end runs a command as the far end, as
//! rsync does.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use disk::{Access, Disk, Locator};
use model::{ByteCount, BytesPerSecond, DiskFormat};
use mover::{
    Controls, Digests, Meter, Proof, Report,
    remote::{self, Remote},
};

use super::{
    Ends, Format, SyncArgs, Verify, block, cancel, controls, kept, open, progress::Progress,
    report::Summary, sample, scope, status, streams::Bell,
};

/// Arguments of `disk serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The disk to make equal: a path or an NBD URI; made when it is not there
    target: String,
    /// Its format; otherwise qcow2 by its first bytes, else raw
    #[arg(long, value_enum)]
    target_format: Option<Format>,
    /// Keep the target's digests in this file: while they are valid, the target is not read
    #[arg(long, value_name = "FILE")]
    digests: Option<PathBuf>,
    /// Disks that may hold some of the same content, such as a template or an older copy: it is
    /// copied from them instead of being sent
    #[arg(long, value_name = "DISK", num_args = 1..)]
    seed: Vec<String>,
}

/// The far end.
pub(super) fn serve(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let open = |size: u64, dry_run: bool| {
        let path = Path::new(&args.target);
        let access = if dry_run { Access::Read } else { Access::Write };
        let is_file = !disk::NbdUri::is_one(&args.target);
        let made = if is_file && !dry_run && !path.exists() {
            match args.target_format {
                Some(Format::Qcow2) => disk::create_qcow2(path, ByteCount(size)),
                Some(Format::Raw) | None => disk::create_raw(path, ByteCount(size)),
            }
        } else {
            Ok(())
        };
        let format = args.target_format.map(DiskFormat::from);
        let opened = made
            .and_then(|()| disk::open(&Locator::named(&args.target, format)?, access))
            .map_err(anyhow::Error::new);
        opened
            .and_then(|disk| Ok((disk, kept::wanted(&args.target, args.digests.as_ref())?)))
            .map_err(|error| format!("{error:#}"))
    };
    let seeds = args.seed.iter().map(|seed| open_seed(seed));
    let seeds: Vec<_> = seeds.collect::<anyhow::Result<_>>()?;
    remote::serve_with(&seeds, open, std::io::stdin(), std::io::stdout())
        .with_context(|| format!("serve {}", args.target))?;
    Ok(ExitCode::SUCCESS)
}

fn open_seed(name: &str) -> anyhow::Result<Arc<dyn Disk>> {
    open(name, None, Access::Read).with_context(|| format!("open the seed {name}"))
}

/// The near end; without arguments of `sync`, a comparison only.
pub(super) fn run(ends: &Ends, command: &str, sync: Option<&SyncArgs>) -> anyhow::Result<ExitCode> {
    let task = Remote {
        source: open(&ends.source, ends.source_format, Access::Read)?,
        scope: scope(ends)?,
        sample: sample(ends)?,
        block: block(ends)?,
        apply: sync.is_some(),
        proof: match sync.map(|args| args.verify) {
            Some(Verify::Device) => Proof::Device,
            Some(Verify::Cache) | None => Proof::Cache,
            Some(Verify::None) => bail!("over a link, everything is verified"),
        },
        unreadable: ends.unreadable.into(),
    };
    let no_journal: Option<&PathBuf> = sync.and_then(|args| args.journal.as_ref());
    ensure!(
        no_journal.is_none(),
        "a journal is not kept over a link: leave --journal out"
    );
    let digests = kept::wanted(&ends.source, ends.source_digests.as_ref())?;
    let controls = controls(ends);
    let limit = sync.and_then(|args| args.limit);
    controls.set_limit(limit.map(|mib| BytesPerSecond(mib << 20)));
    cancel::on_signal(&controls)?;
    let begun = Instant::now();
    let mut far = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start the far end, {command}"))?;
    let meter = Meter::default();
    let shown = Progress::start(&meter, ends.json);
    let result = speak(&mut far, &task, digests.as_ref(), &controls, &meter);
    shown.end();
    if controls.is_cancelled() {
        // It may hang, or have ended by the same signal.
        drop(far.kill());
    }
    let ended = far.wait().context("wait for the far end")?;
    let (report, wire) = result?;
    ensure!(ended.success(), "the far end ended with {ended}");
    let equal = sync.is_some() || report.counters.different == ByteCount::ZERO;
    Summary {
        command: if sync.is_some() { "sync" } else { "diff" },
        verify: sync.map(|args| args.verify.word()),
        equal,
        report: &report,
        wire: Some(wire),
        seconds: begun.elapsed().as_secs_f64(),
    }
    .print(ends.json);
    Ok(status(equal, &report))
}

/// Runs the near end over the streams of a child.
fn speak(
    far: &mut Child,
    task: &Remote,
    digests: Option<&Digests>,
    controls: &Controls,
    meter: &Meter,
) -> anyhow::Result<(Report, ByteCount)> {
    let (input, output) = (far.stdout.take(), far.stdin.take());
    let (input, output) = input.zip(output).context("reach the far end's streams")?;
    let bell = Bell::new().context("prepare to be cancelled")?;
    let input = bell.wrap(input).context("prepare the far end's output")?;
    let output = bell.wrap(output).context("prepare the far end's input")?;
    let _rings = controls.on_cancel(move || bell.ring());
    Ok(remote::sync_with_digests(
        task, digests, input, output, controls, meter,
    )?)
}
