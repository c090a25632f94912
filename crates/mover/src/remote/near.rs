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

use blockmap::RangeSet;
use disk::DiskError;
use model::ByteRange;

use super::{
    fault::{Failure, FarFault},
    frame::{FarDigests, Frame, Outcome, Terms, Theirs},
    pack::Pace,
    root::{Groups, Root},
    sync::Remote,
};
use crate::{MoverError, Note, Proof, digests::Kept, error::Side, findings::Unread, watch::Watch};

/// Jobs that wait for a worker.
const JOBS: usize = 64;
/// Frames that wait for the wire.
const FRAMES: usize = 64;
/// How long a far end's words are waited for once the link broke.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Ranges in one frame.
const RANGES: usize = 8192;
/// How often a waiting thread looks at the controls.
pub(super) const GLANCE: Duration = Duration::from_millis(20);

pub(super) struct Near<'a> {
    pub(super) task: &'a Remote,
    /// The source's digests, believed or being made.
    pub(super) kept: Option<&'a Kept>,
    /// The far end has digests and does not read.
    pub(super) far_known: AtomicBool,
    pub(super) groups: Groups,
    pub(super) watch: &'a Watch<'a>,
    pub(super) root: Mutex<Root>,
    pub(super) to_send: AtomicU64,
    pub(super) pace: Pace,
    /// What the far end repaired, and what it could not use.
    pub(super) told: Mutex<Vec<Note>>,
    pub(super) dropped: Mutex<BTreeSet<u32>>,
    /// Sectors of the source that cannot be read and were left.
    pub(super) unread: Mutex<Unread>,
    /// What the far end has elsewhere, in order.
    pub(super) seeds: RwLock<Vec<u64>>,
    pub(super) part: Part,
    /// The first block of the sample that differs, or that cannot be read.
    pub(super) untold: Mutex<Option<ByteRange>>,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Of the disk; none for all of it.
    pub(super) within: Option<Arc<RangeSet>>,
    /// Of that, what was drawn as a sample of what change tracking left out.
    pub(super) sample: RangeSet,
}

/// A group to compare; nothing of the far end's where it has a hole there.
pub(super) struct Job {
    pub(super) group: u64,
    pub(super) theirs: Option<Vec<Theirs>>,
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

impl<'a> Near<'a> {
    pub(super) fn new(
        task: &'a Remote,
        groups: Groups,
        kept: Option<&'a Kept>,
        part: Part,
        watch: &'a Watch<'a>,
    ) -> Self {
        Self {
            task,
            groups,
            kept,
            far_known: AtomicBool::new(false),
            watch,
            root: Mutex::new(Root::new(groups)),
            to_send: AtomicU64::new(0),
            pace: Pace::new(lanes()),
            told: Mutex::default(),
            dropped: Mutex::default(),
            unread: Mutex::default(),
            seeds: RwLock::default(),
            part,
            untold: Mutex::default(),
        }
    }

    /// What is asked for of a range.
    pub(super) fn asked(&self, range: ByteRange) -> RangeSet {
        match &self.part.within {
            Some(within) => within.within(range),
            None => RangeSet::from_ranges([range]),
        }
    }

    /// Whether a block is asked for.
    pub(super) fn is_asked(&self, block: ByteRange) -> bool {
        let within = self.part.within.as_ref();
        within.is_none_or(|within| within.contains(block))
    }

    /// Takes a block that differs, or that cannot be read: of a sample it says that the ranges are not
    /// all that changed.
    pub(super) fn found(&self, block: ByteRange) {
        if self.part.sample.contains(block) {
            let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
            untold.get_or_insert(block);
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every frame that is not awaited is the same mistake of the far end"
)]
impl Near<'_> {
    /// Begins, then lets one thread read, some work and one write, until the far end has proved. The
    /// output is closed where that fails.
    pub(super) fn run(
        &self,
        input: impl Read + Send,
        output: &mut Option<impl Write + Send>,
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
            within: self.part.within.as_ref().map(|it| it.iter().count() as u64),
            root: self.believed().and_then(Kept::root),
        };
        let mut wire = match self.begin(terms, output.as_mut()) {
            Ok(wire) => wire,
            // A far end that refuses before it has heard all has said why.
            Err(error) => {
                // It waits for nothing then, and neither do we.
                drop(output.take());
                return Err(match self.frame(&mut input) {
                    Err(why @ MoverError::FarEnd { .. }) => why,
                    Ok(_) | Err(_) => link(error),
                });
            }
        };
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

    /// Says what is asked for; returns the bytes of it.
    fn begin(&self, terms: Terms, output: Option<&mut impl Write>) -> io::Result<u64> {
        let mut output = BufWriter::new(output.ok_or(io::ErrorKind::BrokenPipe)?);
        let mut wire = Frame::Begin(terms).write(&mut output)?;
        let ranges: Vec<ByteRange> = self.part.within.iter().flat_map(|it| it.iter()).collect();
        for ranges in ranges.chunks(RANGES) {
            let ranges = ranges.to_vec();
            wire += Frame::Within { ranges }.write(&mut output)?;
        }
        output.flush()?;
        Ok(wire)
    }

    /// The source's digests, where they say what it holds.
    pub(super) fn believed(&self) -> Option<&Kept> {
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

    /// Writes what is sent. What does not end with all that there is to say closes the output: the
    /// far end waits for nothing then.
    fn write_all(
        &self,
        output: &mut Option<impl Write>,
        frames: &Receiver<Frame>,
        sent: &AtomicU64,
    ) -> Result<(), MoverError> {
        let mut is_done = false;
        let result = match output.as_mut() {
            Some(output) => self.write_frames(output, frames, sent, &mut is_done),
            None => Err(link(io::ErrorKind::BrokenPipe.into())),
        };
        if result.is_err() || !is_done {
            drop(output.take());
        }
        result
    }

    fn write_frames(
        &self,
        output: impl Write,
        frames: &Receiver<Frame>,
        sent: &AtomicU64,
        is_done: &mut bool,
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
            *is_done = matches!(frame, Frame::Done { .. });
            let bytes = frame.write(&mut output).map_err(link)?;
            self.pace.wrote(bytes, begun.elapsed());
            sent.fetch_add(bytes, Ordering::Relaxed);
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
