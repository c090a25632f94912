//! The transfer of a pass: one task per disk, each with its journal and its counters.

use std::{sync::Arc, time::Duration};

use blockmap::BlockSize;
use disk::{Access, Disk};
use failback::{Done, Scope};
use hypervisor::DiskAt;
use model::{ByteCount, DiskCounters, EpochId, PointName};
use mover::{
    BothDigests, Controls, Digests, Meter, MoverError, Proof, Report, Sample, Task, Unreadable,
};
use store::{DiskPassRow, SessionDisk};
use tokio::task::JoinSet;

mod scope;

use self::scope::Looked;
use super::{
    Performed, Stage,
    carry::{self, Moved},
};
use crate::{
    digests,
    failure::EffectError,
    maps,
    names::{journal, protective_point},
};

/// How often counters of a running task are saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// The map is kept every so many times that counters are saved.
const MAP_EVERY: u32 = 10;

/// A pass, as the session asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    pub(super) number: u32,
    pub(super) scope: Scope,
    pub(super) unreadable: failback::Unreadable,
}

/// Runs the pass for all disks in parallel, as far as slots allow.
pub(super) async fn run(
    stage: Stage,
    pass: Pass,
    controls: Controls,
) -> Result<Performed, EffectError> {
    stage.live.begin(&stage.session);
    let mut tasks = JoinSet::new();
    for disk in stage.disks.clone() {
        let (stage, controls) = (stage.clone(), controls.clone());
        tasks.spawn(async move { carry::one_disk(stage, disk, pass, controls).await });
    }
    let mut outcome = Ok(Performed::plain());
    let mut totals = DiskCounters::default();
    let (mut known, mut samples) = (0, Vec::new());
    while let Some(joined) = tasks.join_next().await {
        match (
            joined.map_err(EffectError::from).and_then(|result| result),
            &mut outcome,
        ) {
            (Ok(moved), Ok(performed)) => {
                let Moved {
                    counters,
                    warnings,
                    sampled,
                } = moved;
                samples.extend(sampled);
                totals.different = totals.different.saturating_add(counters.different);
                totals.sent = totals.sent.saturating_add(counters.sent);
                totals.unread = totals.unread.saturating_add(counters.unread);
                let unread = counters.target_known.saturating_add(counters.proved);
                known += u64::from(unread > ByteCount::ZERO);
                performed.warnings.extend(warnings);
            }
            (Err(error), Ok(_)) => {
                // The other disks stop where they are; their journals keep what is proved.
                controls.cancel();
                outcome = Err(error);
            }
            (_, Err(_)) => {}
        }
    }
    stage.live.end(&stage.session);
    let mut performed = outcome?;
    performed.done = Done::Plain;
    let disks = stage.disks.len();
    let known = match known {
        0 => String::new(),
        known => format!("; {known} of {disks} known by kept digests and not read at production"),
    };
    let verified = match totals.unread {
        ByteCount::ZERO => "all verified".to_owned(),
        unread => format!("verified but for {unread} that cannot be read and were left"),
    };
    performed.said = Some(format!(
        "{} different, {} sent, {verified}{known}{}",
        totals.different,
        totals.sent,
        samples.concat()
    ));
    Ok(performed)
}

/// Runs the mover on its own thread; saves its counters and keeps its map now and then and at its
/// end.
pub(super) async fn move_disk(
    stage: &Stage,
    name: &str,
    mut row: DiskPassRow,
    task: Task,
    controls: &Controls,
    meter: &Meter,
) -> Result<Report, EffectError> {
    let mut running = {
        let (controls, meter) = (controls.clone(), meter.clone());
        tokio::task::spawn_blocking(move || mover::run(&task, &controls, &meter))
    };
    let mut saves = 0_u32;
    let result = loop {
        tokio::select! {
            result = &mut running => break result,
            () = tokio::time::sleep(SAVE_EVERY) => {
                row.counters = meter.counters();
                let saved = stage.store.disk_counters_put(&stage.session, &row).await;
                if let Err(error) = saved {
                    // The mover must have ended before anybody may begin it again.
                    controls.cancel();
                    drop(running.await);
                    return Err(error.into());
                }
                saves = saves.wrapping_add(1);
                if saves.is_multiple_of(MAP_EVERY) {
                    maps::keep(stage, &row.disk, row.pass, meter).await;
                }
            }
        }
    };
    maps::keep(stage, &row.disk, row.pass, meter).await;
    row.counters = meter.counters();
    stage.store.disk_counters_put(&stage.session, &row).await?;
    result?.map_err(|source| {
        if matches!(source, MoverError::Cancelled) {
            return EffectError::Stopped;
        }
        let disk = name.to_owned();
        EffectError::Mover { disk, source }
    })
}

/// A task ready to run, what it looks at in words, and what people should know.
pub(super) struct Prepared {
    pub(super) task: Task,
    pub(super) words: String,
    pub(super) warnings: Vec<String>,
}

pub(super) fn prepare(
    stage: &Stage,
    disk: &SessionDisk,
    Pass {
        number: pass,
        scope,
        unreadable,
    }: Pass,
) -> Result<Prepared, EffectError> {
    let point = protective_point(&stage.session, pass);
    let (source, target) = open_pair(stage, disk, &point)?;
    let journal = journal(&stage.data_dir, &stage.session, &disk.key, pass);
    if let Some(directory) = journal.parent() {
        std::fs::create_dir_all(directory).map_err(|source| EffectError::Journal {
            path: directory.to_owned(),
            source,
        })?;
    }
    let since = match scope {
        // Quick rollback proves nothing of what it does not look at: there is nothing to carry over.
        Scope::Whole | Scope::SinceCommon(_) => None,
        Scope::Since(epoch) => Some(epoch),
    };
    let Looked {
        scope,
        words,
        warnings,
    } = scope::of_disk(stage, disk, &point, scope)?;
    let task_key = task_key(stage, disk, pass);
    let task = Task {
        sample: Some(Sample::named(&task_key)),
        source,
        target,
        scope,
        block: BlockSize::default(),
        journal: Some(journal),
        task_key,
        apply: true,
        proof: Proof::Device,
        digests: match unreadable {
            failback::Unreadable::Stop => BothDigests {
                source: point_digests(stage, disk, &point, since)?,
                target: Some(newest_digests(stage, disk, since)?),
            },
            // A digest would call proved what was never read.
            failback::Unreadable::Leave => {
                forget(&newest_digests(stage, disk, None)?)?;
                BothDigests::default()
            }
        },
        unreadable: match unreadable {
            failback::Unreadable::Stop => Unreadable::Stop,
            failback::Unreadable::Leave => Unreadable::Skip,
        },
    };
    Ok(Prepared {
        task,
        words,
        warnings,
    })
}

/// Removes digests of a disk that is written without them.
fn forget(digests: &Digests) -> Result<(), EffectError> {
    let failed = |source| EffectError::Digests { source };
    match std::fs::remove_file(&digests.path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(failed)?,
    }
    // A power cut must not bring them back.
    match digests.path.parent() {
        Some(folder) => std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed),
        None => Ok(()),
    }
}

/// Names the transfer of a disk in a pass.
pub(super) fn task_key(stage: &Stage, disk: &SessionDisk, pass: u32) -> String {
    format!("{}/{}/{pass}", stage.session, disk.key)
}

/// Of what production's newest layer holds: what a dry run or an earlier pass proved of it is not
/// read again. A pass over what was written since an epoch carries over the rest.
pub(super) fn newest_digests(
    stage: &Stage,
    disk: &SessionDisk,
    since: Option<EpochId>,
) -> Result<Digests, EffectError> {
    let failed = |source| EffectError::Digests { source };
    let (platform, vm) = (&stage.production, &stage.production_vm);
    let holder = Some(stage.holder());
    let kept =
        digests::of_newest(&stage.data_dir, platform, vm, &disk.target, holder).map_err(failed)?;
    let Some(since) = since else {
        return Ok(kept);
    };
    let stamp = kept.stamp.now().map_err(failed)?;
    let base = Some(format!("{stamp}, {}", digests::epoch(since)));
    Ok(Digests { base, ..kept })
}

/// Of what the replica's disk holds at the pass's point: with them the certificate says what that
/// was, and nothing is read for it.
fn point_digests(
    stage: &Stage,
    disk: &SessionDisk,
    point: &PointName,
    since: Option<EpochId>,
) -> Result<Option<Digests>, EffectError> {
    let Some(epoch) = stage.point_epoch(point)? else {
        return Ok(None);
    };
    let (vm, session) = (&stage.replica_vm, &stage.session);
    let kept = digests::of_point(&stage.data_dir, vm, &disk.key, session, epoch)
        .map_err(|source| EffectError::Digests { source })?;
    Ok(Some(Digests {
        base: since.map(digests::epoch),
        ..kept
    }))
}

/// Source and target.
type Pair = (Arc<dyn Disk>, Arc<dyn Disk>);

/// Opens a pair of disks: the replica's at a point to read, production's newest layer to write.
fn open_pair(stage: &Stage, disk: &SessionDisk, point: &PointName) -> Result<Pair, EffectError> {
    let at = DiskAt::Point(point.clone());
    let source = stage
        .dr
        .open_disk(&stage.replica_vm, &disk.key, &at, None)?;
    // Before the other one is asked for: where that fails, nobody would open this one.
    let source = disk::open(&source, Access::Read)?;
    let (vm, writer) = (&stage.production_vm, Some(stage.holder()));
    let target = stage
        .production
        .open_disk(vm, &disk.target, &DiskAt::Active, writer)?;
    Ok((source, disk::open(&target, Access::Write)?))
}
