//! One task from its start to its end.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use blockmap::{BlockSize, RangeSet, TreeShape, population};
use disk::{Disk, DiskError};
use model::{ByteCount, ByteRange, DiskCounters, DiskPhase};

use crate::{
    BothDigests, Controls, Meter, MoverError, NotKept, Note, Report, Sample, Sampled, Side,
    StoreError,
    digests::{Keeping, Kept, Sides, name_of},
    io::Io,
    journal::{Header, Journal, Known, Mark, Tally},
    lane::{self, Outcome},
    losses::{Watched, as_cancelled},
    sample,
    settle::Settler,
    watch::Watch,
    work::Work,
};

/// How often the settling thread looks at the controls when it hears nothing.
const GLANCE: Duration = Duration::from_millis(20);
/// Further tries of a task whose target lost what was written.
const AGAIN: u32 = 3;
/// Outcomes that may wait to be settled.
const QUEUE: usize = 64;

/// How a task is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Bytes whose maps are asked for at a time.
    pub(crate) window: u64,
    /// Of an image, what may share a cluster: never divided between workers.
    pub(crate) together: u64,
    /// Bytes to read that one worker takes at a time.
    pub(crate) stretch: u64,
    /// Written bytes that are made durable and proved together.
    pub(crate) settled: u64,
    /// Workers.
    pub(crate) lanes: usize,
}

impl Default for Sizes {
    /// Measured on two cores: stretches long enough for the host's read-ahead, settled often
    /// enough that little is read again after a crash.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            window: 1 << 30,
            together: 2 << 20,
            stretch: 4 << 20,
            settled: 64 << 20,
            lanes: cores.clamp(2, 8),
        }
    }
}

/// How what was written is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Read back at once, as the host's cache has it. Without a journal nothing is flushed.
    Cache,
    /// Flushed, and read back from the device, past the host's cache where it allows that.
    Device,
    /// Not at all, so neither journal nor digests are kept. Only to measure what proof costs.
    Nothing,
}

/// What becomes of a task whose source has sectors that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unreadable {
    /// It stops with [`MoverError::Unreadable`].
    #[default]
    Stop,
    /// It leaves the target's content of exactly these sectors as it is, goes on, and names them in
    /// [`Report::unread`]: they are neither equal nor verified. Where digests are kept it stops all
    /// the same, for nobody could say the digest of a block that was read in part.
    Skip,
}

/// Which part of a disk is compared.
#[derive(Clone, Debug)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Every block that holds a byte of these ranges.
    Ranges(RangeSet),
}

/// The transfer of one disk.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is read; its content must not change while the task runs, nor between tries.
    pub source: Arc<dyn Disk>,
    /// What is made equal to it; nobody else may write it.
    pub target: Arc<dyn Disk>,
    /// Which part.
    pub scope: Scope,
    /// The unit of comparison.
    pub block: BlockSize,
    /// Where progress is kept, so that a later try does not read again what is proved.
    pub journal: Option<PathBuf>,
    /// Names this transfer in the journal: the pair and the frozen content of the source. Another
    /// pass needs another key.
    pub task_key: String,
    /// Whether to write; otherwise a dry run, which counts what differs and touches nothing.
    pub apply: bool,
    /// How what is written is proved.
    pub proof: Proof,
    /// Where digests of the disks are kept. A disk whose digests are valid is read only where it
    /// differs; where none are valid, a run over the whole disk makes them.
    pub digests: BothDigests,
    /// How ranges are checked, where the scope is ranges: by a sample of the rest, and by nothing
    /// without one.
    pub sample: Option<Sample>,
    /// What to do where the source cannot be read.
    pub unreadable: Unreadable,
}

/// Makes the target equal to the source within the scope and proves it.
///
/// # Errors
/// See [`MoverError`]. What the journal has is kept; a later try with the same key goes on from it.
pub fn run(task: &Task, controls: &Controls, meter: &Meter) -> Result<Report, MoverError> {
    run_in(task, controls, meter, Sizes::default())
}

/// [`run`] with other sizes, multiples of the block's.
pub(crate) fn run_in(
    task: &Task,
    controls: &Controls,
    meter: &Meter,
    sizes: Sizes,
) -> Result<Report, MoverError> {
    let (source_size, target_size) = (task.source.size(), task.target.size());
    if source_size != target_size {
        return Err(MoverError::SizeDiffers {
            source_size,
            target_size,
        });
    }
    let watched = [(Side::Source, &task.source), (Side::Target, &task.target)]
        .map(|(side, disk)| Watched::new(side, disk, controls));
    let (mut distrusted, mut again) = (None, 0);
    loop {
        let before = task.target.losses();
        let done = attempt(task, controls, meter, sizes, distrusted);
        let writes_lost = task.target.losses().writes != before.writes;
        match as_cancelled(done, controls) {
            // Found in the middle: what was written is right, and is found equal.
            Err(MoverError::Digests {
                side,
                source: StoreError::Damaged { .. },
            }) if distrusted.is_none() => distrusted = Some(side),
            Err(MoverError::Cancelled) => return Err(MoverError::Cancelled),
            // What was written may be gone, so nothing that was found can be believed.
            Err(_) if writes_lost && again < AGAIN => {
                again += 1;
                // It tells once what is known already.
                drop(task.target.flush());
            }
            done => {
                let mut report = done.inspect_err(|error| meter.draw_failure(error))?;
                let compared_again = (again > 0).then_some(Note::ComparedAgain);
                let lost = watched.iter().filter_map(Watched::note);
                report.notes.extend(lost.chain(compared_again));
                return Ok(report);
            }
        }
    }
}

fn attempt(
    task: &Task,
    controls: &Controls,
    meter: &Meter,
    sizes: Sizes,
    distrusted: Option<Side>,
) -> Result<Report, MoverError> {
    let lost_before = task.target.losses().writes;
    let (mut journal, known) = open_journal(task)?;
    let scope = scope(task);
    meter.begin(DiskCounters {
        phase: DiskPhase::Moving,
        to_scan: scope.total(),
        ..DiskCounters::default()
    });
    let mut notes = Vec::new();
    let discarded = known.discarded.map(|why| Note::JournalDiscarded { why });
    notes.extend(discarded);
    let mut sides = open_digests(task, &known, distrusted, &mut notes)?;
    let watch = Watch::new(controls, meter);
    let io = Io {
        task,
        watch: &watch,
        sides: &sides,
    };
    if task.apply && (journal.is_some() || task.proof == Proof::Device) {
        // An earlier try may have left writes that read back and are not durable: they would be
        // found equal and noted.
        io.flush()?;
    }
    if known.continues {
        // Where that try's own flush failed, the host may show content that never reached the
        // device, and say nothing of it again.
        let whole = ByteRange::new(0, task.target.size().0);
        task.target.forget_cached(whole);
    }
    let sampled = check(io, &scope, &known, journal.as_mut(), sizes)?;
    let untold = sampled.and_then(|it| it.widened);
    if let Some(block) = untold {
        sides.forget_bases()?;
        notes.push(Note::Widened { block });
    }
    let size = task.source.size();
    let scope = untold.map_or(scope, |_| whole(size));
    if known.forgotten > ByteCount::ZERO {
        let bytes = known.forgotten;
        notes.push(Note::JournalCut { bytes });
    }
    meter.begin_map(size, &scope);
    let (proved, counters) = resume(&known, journal.as_mut(), &scope, size, meter)?;
    meter.begin(DiskCounters {
        outside: size.saturating_sub(scope.total()),
        sampled: meter.counters().sampled,
        ..counters
    });
    let mut settler = Settler::new(io, journal, sizes.settled);
    settler.notes.extend(notes);
    let work = Work::new(task, &sides, &scope.subtract(&proved), sizes);
    work_through(io, work, sizes, &mut settler)?;
    if task.target.losses().writes != lost_before {
        let source = DiskError::WritesLost;
        return Err(MoverError::Flush { source });
    }
    let to_send = settler.to_send;
    let (unread, widened) = settler.unread.finish();
    let mut notes = settler.notes.into_vec();
    notes.extend(widened);
    seal(task, &mut sides, &mut notes)?;
    meter.set_phase(DiskPhase::Done);
    Ok(Report {
        counters: meter.counters(),
        to_send,
        sampled,
        unread,
        notes,
    })
}

fn open_digests(
    task: &Task,
    known: &Known,
    distrusted: Option<Side>,
    notes: &mut Vec<Note>,
) -> Result<Sides, MoverError> {
    let shape = TreeShape {
        size: task.source.size(),
        block: task.block,
    };
    let whole = match (&task.scope, known.continues) {
        (Scope::Whole, false) => Ok(()),
        (Scope::Ranges(_), _) => Err(NotKept::PartOnly),
        (Scope::Whole, true) => Err(NotKept::Resumed),
    };
    let none = BothDigests::default();
    let digests = match task.proof {
        Proof::Cache | Proof::Device => &task.digests,
        Proof::Nothing => &none,
    };
    let ranges = matches!(task.scope, Scope::Ranges(_));
    let how = Keeping {
        whole,
        distrusted,
        ranges,
        by: &name_of(&task.task_key),
        resumable: journals(task),
    };
    Sides::open(digests, shape, how, notes)
}

/// Makes the disks durable whose digests say something new, and the digests believed.
fn seal(task: &Task, sides: &mut Sides, notes: &mut Vec<Note>) -> Result<(), MoverError> {
    for (side, disk) in [(Side::Source, &task.source), (Side::Target, &task.target)] {
        if sides.kept(side).is_some_and(Kept::is_changed) {
            let flushed = disk.flush();
            flushed.map_err(|source| MoverError::Flush { source })?;
        }
    }
    sides.seal(notes)
}

/// Lets workers compare and write, and settles what they did on this thread.
fn work_through(
    io: Io<'_>,
    work: Work<'_>,
    sizes: Sizes,
    settler: &mut Settler<'_>,
) -> Result<(), MoverError> {
    let work = Mutex::new(work);
    let (sender, outcomes) = sync_channel(QUEUE);
    thread::scope(|scope| {
        for _ in 0..lanes(io, sizes) {
            let (sender, work) = (sender.clone(), &work);
            scope.spawn(move || lane::run(io, work, &sender));
        }
        drop(sender);
        let result = settle_all(io, outcomes, settler);
        io.watch.abandon();
        result
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "dropping it frees the workers"
)]
fn settle_all(
    io: Io<'_>,
    outcomes: Receiver<Result<Outcome, MoverError>>,
    settler: &mut Settler<'_>,
) -> Result<(), MoverError> {
    loop {
        match outcomes.recv_timeout(GLANCE) {
            Ok(outcome) => settler.take(outcome?)?,
            Err(RecvTimeoutError::Timeout) => {
                io.watch.alive()?;
                settler.settle_if_due()?;
            }
            Err(RecvTimeoutError::Disconnected) => {
                io.watch.alive()?;
                return settler.settle();
            }
        }
    }
}

fn scope(task: &Task) -> RangeSet {
    let size = task.source.size();
    match &task.scope {
        Scope::Whole => whole(size),
        Scope::Ranges(ranges) => ranges.aligned_out(task.block, size),
    }
}

fn whole(size: ByteCount) -> RangeSet {
    RangeSet::from_ranges([ByteRange::new(0, size.0)])
}

/// Checks ranges by a sample of the rest. What an earlier try found is not forgotten: it may have
/// made that very block equal before it ended.
fn check(
    io: Io<'_>,
    scope: &RangeSet,
    known: &Known,
    journal: Option<&mut Journal>,
    sizes: Sizes,
) -> Result<Option<Sampled>, MoverError> {
    let (Scope::Ranges(_), Some(how)) = (&io.task.scope, io.task.sample) else {
        return Ok(None);
    };
    let outside = whole(io.task.source.size()).subtract(scope);
    if known.untold.is_some() {
        return Ok(Some(Sampled {
            sample: how,
            population: population(&outside, io.task.block),
            compared: 0,
            widened: known.untold,
        }));
    }
    let sampled = sample::check(io, how, &outside, lanes(io, sizes))?;
    if let (Some(block), Some(journal)) = (sampled.widened, journal) {
        journal.append(Mark::Untold, &[block])?;
        journal.sync()?;
    }
    Ok(Some(sampled))
}

fn lanes(io: Io<'_>, sizes: Sizes) -> usize {
    let requests = io.task.source.requests().max(io.task.target.requests());
    sizes.lanes.max(requests)
}

/// Whether a later try may go on from what this one does.
fn journals(task: &Task) -> bool {
    task.journal.is_some() && task.apply && task.proof != Proof::Nothing
}

/// A dry run has no journal: it must not say that anything is proved, nor believe it. Neither must
/// a run that proves nothing.
fn open_journal(task: &Task) -> Result<(Option<Journal>, Known), MoverError> {
    let Some(path) = task.journal.as_deref().filter(|_| journals(task)) else {
        return Ok((None, Known::default()));
    };
    let header = Header {
        task_key: &task.task_key,
        size: task.source.size(),
        block: task.block,
        proof: task.proof,
    };
    let (journal, known) = Journal::open(path, &header)?;
    Ok((Some(journal), known))
}

/// The part of the scope that an earlier try proved, and the counters with which to go on: those
/// of the whole pass, so that they never fall. The map shows what was proved.
fn resume(
    known: &Known,
    journal: Option<&mut Journal>,
    scope: &RangeSet,
    size: ByteCount,
    meter: &Meter,
) -> Result<(RangeSet, DiskCounters), MoverError> {
    let proved = known.proved.intersect(scope);
    let Tally { copied, zeroed } = match journal {
        Some(journal) if !proved.is_empty() => {
            journal.tally(size, &proved, |mark, part| meter.draw_proved(mark, part))?
        }
        Some(_) | None => Tally::default(),
    };
    let (all, written) = (proved.total(), copied.saturating_add(zeroed));
    let counters = DiskCounters {
        phase: DiskPhase::Moving,
        to_scan: scope.total(),
        scanned: all,
        resumed: all,
        equal: all.saturating_sub(written),
        different: written,
        sent: copied,
        sent_before: copied,
        zeroed,
        written,
        verified: written,
        ..DiskCounters::default()
    };
    Ok((proved, counters))
}
