//! One task from its start to its end.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use blockmap::{BlockSize, RangeSet};
use disk::Disk;
use model::{ByteRange, DiskCounters, DiskPhase};

use crate::{
    Controls, Meter, MoverError, Note, Report,
    apply::{apply, flush},
    compare::compare,
    journal::{Header, Journal, Known, Mark},
    read::{Digested, read},
    verify::prove,
    watch::Watch,
    work::Work,
};

/// How much is read at a time; two batches of the source are in memory.
const BATCH: u64 = 32 * 1024 * 1024;
/// How often a writer without work looks at the controls.
const GLANCE: Duration = Duration::from_millis(20);

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
}

/// Makes the target equal to the source within the scope and proves it.
///
/// # Errors
/// See [`MoverError`]. What the journal has is kept; a later try with the same key goes on from it.
pub fn run(task: &Task, controls: &Controls, meter: &Meter) -> Result<Report, MoverError> {
    run_in_batches(task, controls, meter, BATCH)
}

/// [`run`] with batches of another size, a multiple of the block's.
pub(crate) fn run_in_batches(
    task: &Task,
    controls: &Controls,
    meter: &Meter,
    batch: u64,
) -> Result<Report, MoverError> {
    let (source_size, target_size) = (task.source.size(), task.target.size());
    if source_size != target_size {
        return Err(MoverError::SizeDiffers {
            source_size,
            target_size,
        });
    }
    let scope = scope(task);
    let (journal, known) = open_journal(task)?;
    if task.apply {
        // An earlier try may have left writes that read back and are not durable: they would be
        // found equal and noted.
        flush(task)?;
    }
    let (proved, counters) = resume(&known, &scope);
    meter.begin(counters);
    let watch = Watch::new(controls, meter);
    let mut mover = Mover {
        task,
        watch: &watch,
        journal,
        notes: Vec::new(),
    };
    let discarded = known.discarded.map(|why| Note::JournalDiscarded { why });
    mover.notes.extend(discarded);
    mover.work_through(Work::new(task, &scope.subtract(&proved), batch))?;
    meter.set_phase(DiskPhase::Done);
    Ok(Report {
        counters: meter.counters(),
        notes: mover.notes,
    })
}

fn scope(task: &Task) -> RangeSet {
    let size = task.source.size();
    match &task.scope {
        Scope::Whole => RangeSet::from_ranges([ByteRange::new(0, size.0)]),
        Scope::Ranges(ranges) => ranges.aligned_out(task.block, size),
    }
}

/// A dry run has no journal: it must not say that anything is proved, nor believe it.
fn open_journal(task: &Task) -> Result<(Option<Journal>, Known), MoverError> {
    let Some(path) = task.journal.as_deref().filter(|_| task.apply) else {
        return Ok((None, Known::default()));
    };
    let header = Header {
        task_key: &task.task_key,
        size: task.source.size(),
        block: task.block,
    };
    let (journal, known) = Journal::open(path, &header)?;
    Ok((Some(journal), known))
}

/// The part of the scope that an earlier try proved, and the counters with which to go on: those
/// of the whole pass, so that they never fall.
fn resume(known: &Known, scope: &RangeSet) -> (RangeSet, DiskCounters) {
    let total = |ranges: &RangeSet| ranges.intersect(scope).total();
    let written = known.copied.union(&known.zeroed);
    let proved = known.equal.union(&written).intersect(scope);
    let doubtful = known.written.subtract(&proved).total();
    if doubtful.0 > 0 {
        tracing::info!(%doubtful, "written by an earlier try and not proved; comparing again");
    }
    let counters = DiskCounters {
        phase: DiskPhase::Moving,
        to_scan: scope.total(),
        scanned: proved.total(),
        resumed: proved.total(),
        equal: proved.subtract(&written).total(),
        different: total(&written),
        sent: total(&known.copied),
        zeroed: written.subtract(&known.copied).intersect(scope).total(),
        written: total(&written),
        verified: total(&written),
        ..DiskCounters::default()
    };
    (proved, counters)
}

/// The writing half of a task, and what it keeps.
struct Mover<'a> {
    task: &'a Task,
    watch: &'a Watch<'a>,
    journal: Option<Journal>,
    notes: Vec<Note>,
}

type Read = Result<Digested, MoverError>;

impl Mover<'_> {
    /// Reads on one thread and writes on this one, a batch behind.
    fn work_through(&mut self, work: Work<'_>) -> Result<(), MoverError> {
        let (task, watch) = (self.task, self.watch);
        // Nothing is queued: one batch is being read, one is being written.
        let (sender, receiver) = sync_channel(0);
        let (spent, buffers) = channel();
        thread::scope(|scope| {
            scope.spawn(move || read_all(task, watch, work, &sender, &buffers));
            let result = self.write_all(receiver, &spent);
            watch.abandon();
            result
        })?;
        self.sync()
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "dropping it frees the reader"
    )]
    fn write_all(
        &mut self,
        batches: Receiver<Read>,
        spent: &Sender<Vec<u8>>,
    ) -> Result<(), MoverError> {
        loop {
            match batches.recv_timeout(GLANCE) {
                Ok(batch) => {
                    let buffer = self.write(batch?)?;
                    // The reader may be done already.
                    drop(spent.send(buffer));
                }
                Err(RecvTimeoutError::Timeout) => self.watch.alive()?,
                Err(RecvTimeoutError::Disconnected) => return self.watch.alive(),
            }
        }
    }

    /// Makes one batch equal and proved; gives its buffer back.
    fn write(&mut self, batch: Digested) -> Result<Vec<u8>, MoverError> {
        let difference = compare(self.task, &batch);
        self.watch
            .meter
            .update(|counters| difference.count(counters));
        if !self.task.apply {
            return Ok(batch.data.buffer);
        }
        let writes = difference.writes();
        if !writes.is_empty() {
            apply(self.task, &difference.plan, &batch.data, self.watch)?;
            self.note(&[(Mark::Written, &writes)])?;
            self.sync()?;
            let repaired = prove(self.task, &difference.plan, &batch.data, self.watch)?;
            self.notes.extend(repaired);
        }
        self.note(&[
            (Mark::Equal, &difference.equal_ranges(&batch.stretch.blocks)),
            (Mark::Copied, &difference.plan.copy),
            (Mark::Zeroed, &difference.plan.zero),
        ])?;
        if !writes.is_empty() {
            self.sync()?;
        }
        Ok(batch.data.buffer)
    }

    fn note(&mut self, marks: &[(Mark, &[ByteRange])]) -> Result<(), MoverError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        marks
            .iter()
            .try_for_each(|(mark, ranges)| journal.append(*mark, ranges))
    }

    fn sync(&self) -> Result<(), MoverError> {
        self.journal.as_ref().map_or(Ok(()), Journal::sync)
    }
}

/// Reads batch after batch until the work, the writer or the operator ends it.
fn read_all(
    task: &Task,
    watch: &Watch<'_>,
    mut work: Work<'_>,
    batches: &SyncSender<Read>,
    buffers: &Receiver<Vec<u8>>,
) {
    loop {
        let next = watch.checkpoint().and_then(|()| work.next());
        let batch = match next {
            Ok(None) => return,
            Ok(Some(stretch)) => {
                let buffer = buffers.try_recv().unwrap_or_default();
                read(task, stretch, buffer, watch)
            }
            Err(error) => Err(error),
        };
        let ended = batch.is_err();
        if batches.send(batch).is_err() || ended {
            return;
        }
    }
}
