//! The near end: scans the source, and sends what the far end's digests do not match.

use std::{
    collections::BTreeSet,
    io::{self, BufReader, BufWriter, Read, Write},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use blockmap::{BlockSize, Node, RangeSet, RowAt};
use disk::{Disk, DiskError};
use model::{ByteCount, ByteRange, DiskCounters, DiskPhase};

use super::{
    fault::{Failure, FarFault},
    frame::{FarDigests, Frame, Outcome, Terms, Theirs},
    pack::{Pace, Packer},
    root::{BlockDigest, Groups, Root},
    scan,
    send::Seen,
    walk::Walk,
};
use crate::{
    BothDigests, Controls, Digests, Meter, MoverError, NotKept, Note, Proof, Report, StoreError,
    buffer::Buffer,
    digests::{Keeping, Kept, Sides, of},
    error::Side,
    losses::{Watched, as_cancelled},
    watch::Watch,
};

/// Jobs that wait for a worker.
const JOBS: usize = 64;
/// Frames that wait for the wire.
const FRAMES: usize = 64;
/// How long a far end's words are waited for once the link broke.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often a waiting thread looks at the controls.
const GLANCE: Duration = Duration::from_millis(20);

/// A synchronisation with a far end.
#[derive(Clone, Debug)]
pub struct Remote {
    /// What is read; its content must not change.
    pub source: Arc<dyn Disk>,
    /// The unit of comparison.
    pub block: BlockSize,
    /// Whether to write; otherwise a dry run.
    pub apply: bool,
    /// How the far end proves what it wrote.
    pub proof: Proof,
}

/// Makes the far end's disk equal to the source and proves it by the roots of both.
///
/// Dropping `output` must end the far end's input, and so the far end and `input`: this is how a
/// synchronisation that fails here ends there. A stream that stalls has to be ended by whoever
/// cancels, with [`Controls::on_cancel`].
///
/// Returns the report and the bytes that went over the wire, in both directions.
///
/// # Errors
/// [`MoverError::Link`] when the streams fail, [`MoverError::FarEnd`] with what the far end said,
/// [`MoverError::Unproved`] when the roots differ, and what reading the source returns.
pub fn sync(
    task: &Remote,
    input: impl Read + Send,
    output: impl Write + Send,
    controls: &Controls,
    meter: &Meter,
) -> Result<(Report, ByteCount), MoverError> {
    sync_with_digests(task, None, input, output, controls, meter)
}

/// [`sync`], with the place where digests of the source are kept.
///
/// # Errors
/// As [`sync`], and [`MoverError::Digests`] and [`MoverError::DigestsWrong`].
pub fn sync_with_digests(
    task: &Remote,
    digests: Option<&Digests>,
    input: impl Read + Send,
    output: impl Write + Send,
    controls: &Controls,
    meter: &Meter,
) -> Result<(Report, ByteCount), MoverError> {
    let source = Watched::new(Side::Source, &task.source, controls);
    let size = task.source.size();
    meter.begin(DiskCounters {
        phase: DiskPhase::Moving,
        to_scan: size,
        ..DiskCounters::default()
    });
    let watch = Watch::new(controls, meter);
    let groups = Groups {
        size: size.0,
        block: task.block,
    };
    let mut notes = Vec::new();
    let mut sides = open_digests(digests, groups, &mut notes)?;
    let kept = sides.kept(Side::Source);
    let near = Near {
        task,
        groups,
        kept,
        far_known: AtomicBool::new(false),
        watch: &watch,
        root: Mutex::new(Root::new(groups)),
        to_send: AtomicU64::new(0),
        pace: Pace::new(lanes()),
        told: Mutex::default(),
        dropped: Mutex::default(),
        seeds: RwLock::default(),
    };
    let done = as_cancelled(near.run(input, output), controls);
    let (outcome, wire, far) = done.inspect_err(|error| distrust(kept, error))?;
    let to_send = ByteCount(near.to_send.load(Ordering::Relaxed));
    let said = near.told.into_inner();
    notes.extend(said.unwrap_or_else(PoisonError::into_inner));
    seal(task, &mut sides, &mut notes)?;
    let side = Side::Target;
    notes.extend(match far {
        FarDigests::None => None,
        FarDigests::Believed(_) => Some(Note::DigestsBelieved { side }),
        FarDigests::Disbelieved(why) => Some(Note::DigestsDiscarded { side, why }),
    });
    notes.extend(source.note());
    let why = NotKept::NotAlone;
    let not_kept = outcome
        .not_alone
        .then_some(Note::DigestsNotMade { side, why });
    notes.extend(not_kept);
    meter.update(|counters| {
        counters.written = ByteCount(outcome.written);
        counters.verified = ByteCount(outcome.verified);
        counters.repaired = ByteCount(outcome.repaired);
        counters.reread += ByteCount(outcome.reread);
        counters.hashed += ByteCount(outcome.hashed);
    });
    meter.set_phase(DiskPhase::Done);
    let report = Report {
        counters: meter.counters(),
        to_send,
        sampled: None,
        unread: RangeSet::new(),
        notes,
    };
    Ok((report, ByteCount(wire)))
}

/// Opens what is kept of the source, or begins it.
fn open_digests(
    digests: Option<&Digests>,
    groups: Groups,
    notes: &mut Vec<Note>,
) -> Result<Sides, MoverError> {
    let digests = BothDigests {
        source: digests.cloned(),
        target: None,
    };
    Sides::open(&digests, groups.shape(), Keeping::WHOLE, notes)
}

/// Digests of which one was wrong are not believed again.
fn distrust(kept: Option<&Kept>, error: &MoverError) {
    let wrong = matches!(
        error,
        MoverError::Unproved
            | MoverError::DigestsWrong { .. }
            | MoverError::Digests {
                source: StoreError::Damaged { .. },
                ..
            }
    );
    if let (true, Some(kept)) = (wrong, kept) {
        kept.distrust();
    }
}

/// Keeps the source's digests, if they were made.
fn seal(task: &Remote, sides: &mut Sides, notes: &mut Vec<Note>) -> Result<(), MoverError> {
    if sides.kept(Side::Source).is_some_and(Kept::is_changed) {
        // What is only in the host's cache could be other content after a power loss.
        let flushed = task.source.flush();
        flushed.map_err(|source| MoverError::Flush { source })?;
    }
    sides.seal(notes)
}

pub(super) struct Near<'a> {
    pub(super) task: &'a Remote,
    /// The source's digests, believed or being made.
    kept: Option<&'a Kept>,
    /// The far end has digests and does not read.
    pub(super) far_known: AtomicBool,
    pub(super) groups: Groups,
    pub(super) watch: &'a Watch<'a>,
    root: Mutex<Root>,
    pub(super) to_send: AtomicU64,
    pub(super) pace: Pace,
    /// What the far end repaired, and what it could not use.
    pub(super) told: Mutex<Vec<Note>>,
    pub(super) dropped: Mutex<BTreeSet<u32>>,
    /// What the far end has elsewhere, in order.
    pub(super) seeds: RwLock<Vec<u64>>,
}

/// A group to compare; nothing of the far end's where it has a hole there.
struct Job {
    group: u64,
    theirs: Option<Vec<Theirs>>,
}

/// What a thread tells when it ends.
type Told = Result<Option<Outcome>, MoverError>;

/// Workers.
fn lanes() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8)
}

pub(super) fn link(source: io::Error) -> MoverError {
    MoverError::Link { source }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every frame that is not awaited is the same mistake of the far end"
)]
impl Near<'_> {
    /// Begins, then lets one thread read, some work and one write, until the far end has proved.
    fn run(
        &self,
        input: impl Read + Send,
        mut output: impl Write + Send,
    ) -> Result<(Outcome, u64, FarDigests), MoverError> {
        let mut input = Counted {
            inner: BufReader::with_capacity(1 << 17, input),
            bytes: 0,
        };
        let terms = Terms {
            size: self.groups.size,
            block: u32::try_from(self.groups.block.bytes()).unwrap_or(u32::MAX),
            device: self.task.proof == Proof::Device,
            dry_run: !self.task.apply,
            root: self.believed().and_then(Kept::root),
        };
        let mut wire = Frame::Begin(terms).write(&mut output).map_err(link)?;
        output.flush().map_err(link)?;
        let Frame::Ready(far) = self.frame(&mut input)? else {
            return Err(protocol());
        };
        let far_root = match far {
            FarDigests::Believed(root) => Some(root),
            FarDigests::None | FarDigests::Disbelieved(_) => None,
        };
        self.far_known.store(far_root.is_some(), Ordering::Relaxed);
        let walk = self.believed().zip(far_root);
        let (jobs, waiting_jobs) = sync_channel::<Job>(JOBS);
        let (frames, waiting_frames) = sync_channel::<Frame>(FRAMES);
        let (tell, told) = sync_channel::<Told>(16);
        // Of the workers alone: once all have ended, nobody waits to hand them a job.
        let waiting_jobs = Arc::new(Mutex::new(waiting_jobs));
        let sent = AtomicU64::new(0);
        let outcome = thread::scope(|scope| {
            let (sent, input) = (&sent, &mut input);
            {
                let tell = tell.clone();
                scope.spawn(move || {
                    let result = self.write_all(output, &waiting_frames, sent);
                    if result.is_err() {
                        drop(tell.send(result.map(|()| None)));
                    }
                });
            }
            let workers: Vec<_> = (0..lanes())
                .map(|_| {
                    let (tell, frames) = (tell.clone(), frames.clone());
                    let waiting_jobs = Arc::clone(&waiting_jobs);
                    scope.spawn(move || {
                        let result = self.work(&waiting_jobs, &frames);
                        drop(waiting_jobs);
                        if result.is_err() {
                            drop(tell.send(result.map(|()| None)));
                        }
                    })
                })
                .collect();
            drop(waiting_jobs);
            {
                let tell = tell.clone();
                scope.spawn(move || {
                    let named = match walk {
                        Some((kept, root)) => self.walk_all(kept, root, input, &jobs, &frames),
                        None => self.read_all(input, &jobs),
                    };
                    drop(jobs);
                    let result = self.end(named, input, || {
                        for worker in workers {
                            drop(worker.join());
                        }
                        frames
                    });
                    drop(tell.send(result.map(Some)));
                });
            }
            drop(tell);
            let outcome = self.hear(&told);
            self.watch.abandon();
            outcome
        })?;
        wire += sent.load(Ordering::Relaxed) + input.bytes;
        Ok((outcome, wire, far))
    }

    /// The source's digests, where they say what it holds.
    fn believed(&self) -> Option<&Kept> {
        self.kept.filter(|kept| kept.is_believed())
    }

    /// Waits for the first error or for the end. A far end that gives up says why and closes: its
    /// words may come after the first write that failed.
    fn hear(&self, told: &Receiver<Told>) -> Result<Outcome, MoverError> {
        let mut broken: Option<(MoverError, Instant)> = None;
        loop {
            let heard = told.recv_timeout(GLANCE);
            if let Some((error, since)) = broken.take() {
                match heard {
                    Ok(Err(why @ MoverError::FarEnd { .. })) => return Err(why),
                    // Threads that only follow the first.
                    Ok(Err(MoverError::Cancelled)) if since.elapsed() < LAST_WORDS => {
                        self.watch.alive()?;
                        broken = Some((error, since));
                        continue;
                    }
                    Err(RecvTimeoutError::Timeout) if since.elapsed() < LAST_WORDS => {
                        self.watch.alive()?;
                        broken = Some((error, since));
                        continue;
                    }
                    Ok(_) | Err(_) => return Err(error),
                }
            }
            match heard {
                Ok(Ok(Some(outcome))) => return Ok(outcome),
                Ok(Ok(None)) => {}
                Ok(Err(error @ MoverError::Link { .. })) => broken = Some((error, Instant::now())),
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => self.watch.alive()?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.watch.alive()?;
                    return Err(protocol());
                }
            }
        }
    }

    pub(super) fn frame(&self, input: &mut impl Read) -> Result<Frame, MoverError> {
        loop {
            match Frame::read(input).map_err(link)? {
                Some(Frame::Failed(failure)) => return Err(MoverError::FarEnd { failure }),
                Some(Frame::Dropped { seed }) => self.drop_seed(seed)?,
                Some(frame) => return Ok(frame),
                None => {
                    return Err(link(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the far end ended before its work was done",
                    )));
                }
            }
        }
    }

    /// Hands out groups as the far end names them; false when nobody takes them any more.
    fn read_all(&self, input: &mut impl Read, jobs: &SyncSender<Job>) -> Result<bool, MoverError> {
        let mut left = self.groups.count();
        while left > 0 {
            match self.frame(input)? {
                Frame::Digests { group, blocks } if group < self.groups.count() => {
                    left -= 1;
                    let theirs = Some(blocks);
                    if jobs.send(Job { group, theirs }).is_err() {
                        return Ok(false);
                    }
                }
                Frame::Seeds { prefixes } => self.hear_seeds(&prefixes)?,
                Frame::ZeroGroups { first, count }
                    if count <= left && first.saturating_add(count) <= self.groups.count() =>
                {
                    left -= count;
                    self.zero_groups(first, count, jobs)?;
                }
                _ => return Err(protocol()),
            }
        }
        Ok(true)
    }

    /// As [`Near::read_all`], of the groups that differ by the digests of both ends.
    fn walk_all(
        &self,
        kept: &Kept,
        far_root: Node,
        input: &mut impl Read,
        jobs: &SyncSender<Job>,
        frames: &SyncSender<Frame>,
    ) -> Result<bool, MoverError> {
        let mut left = self.groups.size;
        let mut walk = Walk::new(kept);
        while kept.root() != Some(far_root) {
            while let Some(at) = walk.ask() {
                self.send(frames, Frame::Ask(at))?;
            }
            if walk.is_done() {
                break;
            }
            match self.frame(input)? {
                Frame::Digests { group, blocks } => {
                    let at = RowAt {
                        level: 0,
                        row: group,
                    };
                    if !walk.is_answer(at) {
                        return Err(protocol());
                    }
                    left -= self.groups.range(group).len;
                    let theirs = Some(blocks);
                    if jobs.send(Job { group, theirs }).is_err() {
                        return Ok(false);
                    }
                }
                Frame::Seeds { prefixes } => self.hear_seeds(&prefixes)?,
                Frame::Nodes { at, nodes } => {
                    let fits =
                        walk.is_answer(at) && walk.descend(at, &nodes).map_err(of(Side::Source))?;
                    if !fits {
                        return Err(protocol());
                    }
                }
                _ => return Err(protocol()),
            }
        }
        let left = ByteCount(left);
        self.watch.meter.update(|counters| {
            counters.scanned += left;
            counters.equal += left;
            counters.proved += left;
        });
        Ok(true)
    }

    /// Waits for what was handed out, and then for the far end's proof.
    fn end(
        &self,
        named: Result<bool, MoverError>,
        input: &mut impl Read,
        all_sent: impl FnOnce() -> SyncSender<Frame>,
    ) -> Result<Outcome, MoverError> {
        if !named? {
            return Err(self.last_words(input));
        }
        let frames = all_sent();
        let sent = self.settle(input, &frames);
        let root = match sent.and_then(|()| self.done(&frames)) {
            Ok(root) => root,
            // Nobody writes any more.
            Err(MoverError::Cancelled) => return Err(self.last_words(input)),
            Err(error) => return Err(error),
        };
        drop(frames);
        match self.proof(input)? {
            // A dry run leaves the disks as different as they were.
            Frame::Proved(outcome) if outcome.root == root || !self.task.apply => Ok(outcome),
            Frame::Proved(_) => Err(MoverError::Unproved),
            _ => Err(protocol()),
        }
    }

    /// Nobody works any more: what the far end says until it closes.
    fn last_words(&self, input: &mut impl Read) -> MoverError {
        loop {
            if let Err(error) = self.frame(input) {
                return error;
            }
        }
    }

    /// Of groups that are zero at the far end, only those that may hold data here are looked at.
    fn zero_groups(
        &self,
        first: u64,
        count: u64,
        jobs: &SyncSender<Job>,
    ) -> Result<(), MoverError> {
        let (mut at, end) = (first, first + count);
        while at < end {
            self.watch.checkpoint()?;
            let found = self.with_data(at, end)?;
            for (group, data) in (at..).zip(&found) {
                if *data {
                    let theirs = None;
                    jobs.send(Job { group, theirs })
                        .map_err(|_| MoverError::Cancelled)?;
                } else {
                    let len = ByteCount(self.groups.range(group).len);
                    self.watch.meter.update(|counters| {
                        counters.scanned += len;
                        counters.skipped += len;
                    });
                }
            }
            at += found.len() as u64;
        }
        Ok(())
    }

    /// Of some groups, which may hold data here.
    fn with_data(&self, at: u64, end: u64) -> Result<Vec<bool>, MoverError> {
        if let Some(kept) = self.believed() {
            return scan::with_leaves(kept, at, end).map_err(of(Side::Source));
        }
        let found = scan::with_data(&*self.task.source, self.groups, at, end);
        found.map_err(|source| MoverError::Map {
            side: Side::Source,
            range: self.groups.range(at),
            source,
        })
    }

    fn done(&self, frames: &SyncSender<Frame>) -> Result<[u8; 32], MoverError> {
        if let Some(root) = self.believed().and_then(Kept::root) {
            self.send(frames, Frame::Done { root: root.0 })?;
            return Ok(root.0);
        }
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let root = std::mem::replace(&mut *root, Root::new(self.groups));
        let root = root.finish().map_err(|_| protocol())?;
        self.send(frames, Frame::Done { root })?;
        Ok(root)
    }

    pub(super) fn send(&self, frames: &SyncSender<Frame>, frame: Frame) -> Result<(), MoverError> {
        frames.send(frame).map_err(|_| MoverError::Cancelled)
    }

    fn write_all(
        &self,
        output: impl Write,
        frames: &Receiver<Frame>,
        sent: &AtomicU64,
    ) -> Result<(), MoverError> {
        let mut output = BufWriter::with_capacity(1 << 17, output);
        loop {
            let frame = match frames.try_recv() {
                Ok(frame) => frame,
                Err(_) => {
                    let begun = Instant::now();
                    output.flush().map_err(link)?;
                    self.pace.wrote(0, begun.elapsed());
                    match frames.recv_timeout(GLANCE) {
                        Ok(frame) => frame,
                        Err(RecvTimeoutError::Timeout) => {
                            self.watch.alive()?;
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    }
                }
            };
            let begun = Instant::now();
            let bytes = frame.write(&mut output).map_err(link)?;
            self.pace.wrote(bytes, begun.elapsed());
            sent.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn work(
        &self,
        jobs: &Mutex<Receiver<Job>>,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        let (mut buffer, mut packer) = (Buffer::default(), Packer::new(&self.pace));
        loop {
            self.watch.checkpoint()?;
            let next = jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv_timeout(GLANCE);
            match next {
                Ok(job) => self.group(&job, &mut buffer, &mut packer, frames)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn group(
        &self,
        job: &Job,
        buffer: &mut Buffer,
        packer: &mut Packer<'_>,
        frames: &SyncSender<Frame>,
    ) -> Result<(), MoverError> {
        let range = self.groups.range(job.group);
        let blocks = self.groups.block.blocks(range).count();
        if job.theirs.as_ref().is_some_and(|all| all.len() != blocks) {
            return Err(protocol());
        }
        let theirs = |index: usize| {
            let known = job.theirs.as_ref().and_then(|all| all.get(index).copied());
            known.unwrap_or(Theirs::Hole)
        };
        let mut wrote = false;
        if let Some(kept) = self.believed() {
            let ours = scan::kept_group(kept, job.group).map_err(of(Side::Source))?;
            wrote = self.piece(range, Seen::Kept(buffer), &ours, theirs, packer, frames)?;
        } else {
            let mut ours = Vec::with_capacity(blocks);
            scan::group::<MoverError>(
                &*self.task.source,
                self.groups,
                job.group,
                buffer,
                |piece, bytes, digests| {
                    self.watch.checkpoint()?;
                    let from = ours.len();
                    ours.extend_from_slice(digests);
                    let theirs = |index: usize| theirs(from + index);
                    let seen = Seen::Read(bytes);
                    wrote |= self.piece(piece, seen, digests, theirs, packer, frames)?;
                    Ok(())
                },
            )?;
            self.take(job.group, &ours)?;
        }
        // The far end remembers a group of zeroes only once something was sent for it.
        if wrote || job.theirs.is_some() {
            let group = job.group;
            self.send(frames, Frame::GroupDone { group })?;
        }
        Ok(())
    }

    /// Keeps what was found out of a group.
    fn take(&self, group: u64, ours: &[BlockDigest]) -> Result<(), MoverError> {
        self.root
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(group, ours)
            .map_err(|_| protocol())?;
        match self.kept {
            Some(kept) => scan::keep(kept, group, ours).map_err(of(Side::Source)),
            None => Ok(()),
        }
    }
}

impl From<(ByteRange, DiskError)> for MoverError {
    fn from((range, source): (ByteRange, DiskError)) -> Self {
        Self::Read {
            side: Side::Source,
            range,
            source,
        }
    }
}

pub(super) fn protocol() -> MoverError {
    let failure = Failure {
        fault: FarFault::Protocol,
        temporary: false,
        words: "it does not speak Landfall's protocol".to_owned(),
    };
    MoverError::FarEnd { failure }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
