//! The far end: scans the target, and applies and proves what arrives.

use std::{
    io::{BufReader, Read, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use blake3::Hash;
use blockmap::{BlockSize, Node, RangeSet, RowAt, Rows as _};
use disk::{Disk, DiskError};
use model::{ByteCount, ByteRange};

use super::{
    apply::{Apply, Why},
    fault::{Failure, FarError, FarStep},
    frame::{FarDigests, Frame, Outcome, Terms, wrong},
    output::Output,
    root::Groups,
    scan,
    scanning::Scans,
    seeds::Seeds,
    walk::ASKED,
    within::{self, Within},
};
use crate::{
    Controls, Digests, StoreError,
    digests::{Kept, Opened},
};

/// Short digests of seeds in one frame.
const PREFIXES: usize = 8192;

/// Serves one synchronisation over a pair of streams. `open` gets the source's size and whether
/// nothing is to be written, and opens the target.
///
/// # Errors
/// When the streams end or fail, or the target does. The near end is told, if it still listens.
pub fn serve(
    open: impl FnOnce(u64, bool) -> Result<Arc<dyn Disk>, String>,
    input: impl Read,
    output: impl Write + Send,
) -> Result<(), FarError> {
    let open = |size, dry_run| open(size, dry_run).map(|disk| (disk, None));
    serve_with_digests(open, input, output)
}

/// [`serve`], where `open` also says where the target's digests are kept.
///
/// # Errors
/// As [`serve`], and when the digests cannot be used.
pub fn serve_with_digests(
    open: impl FnOnce(u64, bool) -> Result<(Arc<dyn Disk>, Option<Digests>), String>,
    input: impl Read,
    output: impl Write + Send,
) -> Result<(), FarError> {
    serve_with(&[], open, input, output)
}

/// [`serve_with_digests`] with seeds: disks that may hold content of the source, which is then
/// copied from them instead of being sent. Nobody may write them meanwhile; what changes all the
/// same is noticed.
///
/// # Errors
/// As [`serve_with_digests`]. A seed that cannot be read is done without.
pub fn serve_with(
    seeds: &[Arc<dyn Disk>],
    open: impl FnOnce(u64, bool) -> Result<(Arc<dyn Disk>, Option<Digests>), String>,
    input: impl Read,
    output: impl Write + Send,
) -> Result<(), FarError> {
    let mut input = BufReader::with_capacity(1 << 17, input);
    let output = Output::new(output);
    let result = begin(seeds, open, &mut input, &output);
    if let Err(error) = &result {
        // The near end may be gone.
        drop(output.send(&Frame::Failed(Failure::of(error))));
    }
    result
}

fn begin<W: Write + Send>(
    seeds: &[Arc<dyn Disk>],
    open: impl FnOnce(u64, bool) -> Result<(Arc<dyn Disk>, Option<Digests>), String>,
    input: &mut impl Read,
    output: &Output<W>,
) -> Result<(), FarError> {
    let Some(Frame::Begin(terms)) = Frame::read(input)? else {
        return Err(unheard("the near end did not begin"));
    };
    let groups = Groups {
        size: terms.size,
        block: BlockSize::new(terms.block).ok_or_else(|| unheard("an impossible block size"))?,
    };
    let opened = open(terms.size, terms.dry_run);
    let (target, digests) = opened.map_err(|words| FarError::Open { words })?;
    if target.size().0 != terms.size {
        return Err(FarError::SizeDiffers {
            source_size: ByteCount(terms.size),
            target_size: target.size(),
        });
    }
    let Some(mut ranges) = terms.within else {
        let whole = Pass {
            groups,
            terms,
            target,
            within: None,
            digests,
        };
        return whole.run(seeds, input, output);
    };
    if digests.is_some() {
        let words =
            "digests are kept of whole disks: leave out either them or the ranges".to_owned();
        return Err(FarError::Open { words });
    }
    loop {
        let within = Arc::new(within::hear(ranges, groups, input)?);
        let part = Within {
            disk: target.clone(),
            part: within.clone(),
        };
        let pass = Pass {
            groups,
            terms,
            target: Arc::new(part),
            within: Some(within),
            digests: None,
        };
        pass.run(seeds, input, output)?;
        // The near end may have found that its ranges are not all that changed.
        ranges = match Frame::read(input)? {
            None => return Ok(()),
            Some(Frame::Begin(next)) if next.is_more_of(&terms) => next.within.unwrap_or_default(),
            Some(_) => return Err(unheard("the near end goes on with another disk")),
        };
    }
}

/// One synchronisation: of a whole disk, or of a part of it.
struct Pass {
    groups: Groups,
    terms: Terms,
    target: Arc<dyn Disk>,
    within: Option<Arc<RangeSet>>,
    digests: Option<Digests>,
}

impl Pass {
    fn run<W: Write + Send>(
        self,
        seeds: &[Arc<dyn Disk>],
        input: &mut impl Read,
        output: &Output<W>,
    ) -> Result<(), FarError> {
        let Self {
            groups,
            terms,
            target,
            within,
            digests,
        } = self;
        let writes_lost = target.losses().writes;
        let (kept, known) = open_digests(digests.as_ref(), groups)?;
        output.send(&Frame::Ready(known))?;
        let mut far = Far {
            groups,
            target,
            within,
            walk: matches!((terms.root, known), (Some(_), FarDigests::Believed(_))),
            kept,
            terms,
            scans: Mutex::new(Scans::default()),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
            hashed: AtomicU64::new(0),
            controls: Controls::default(),
        };
        // A dry run sends nothing, with or without, and neither do equal disks.
        let equal = matches!((far.terms.root, known), (Some(ours), FarDigests::Believed(theirs)) if ours == theirs);
        let seeds = if equal || far.terms.dry_run {
            &[]
        } else {
            seeds
        };
        let seeds = Seeds::scan(seeds, groups.block, |bytes| {
            far.hashed.fetch_add(bytes, Ordering::Relaxed);
        });
        for seed in seeds.dropped() {
            output.send(&Frame::Dropped { seed })?;
        }
        let prefixes: Vec<u64> = seeds.prefixes().collect();
        for prefixes in prefixes.chunks(PREFIXES) {
            let prefixes = prefixes.to_vec();
            output.send(&Frame::Seeds { prefixes })?;
        }
        let result = thread::scope(|scope| {
            let (asked, asks) = sync_channel::<RowAt>(ASKED);
            let far = &far;
            if far.walk {
                scope.spawn(move || far.answer_all(&asks, output));
            } else {
                let lanes = thread::available_parallelism().map_or(1, usize::from);
                for _ in 0..lanes.min(8) {
                    scope.spawn(|| far.scan_all(output));
                }
            }
            let result = far.apply_all(seeds, input, output, asked);
            if result.is_err() {
                // Nobody waits for what a peer of the target would still answer.
                far.target.interrupt();
                far.controls.cancel();
            }
            {
                // Who is about to wait has looked at it under this lock.
                let _scans = far.lock();
                far.ended.store(true, Ordering::SeqCst);
            }
            far.changed.notify_all();
            result
        });
        let sealed = result.and_then(|(outcome, source)| far.seal(outcome, source));
        let outcome = sealed.inspect_err(|error| far.distrust_damaged(error))?;
        if far.target.losses().writes != writes_lost {
            let source = DiskError::WritesLost;
            return Err(FarError::Flush { source });
        }
        output.send(&Frame::Proved(outcome))?;
        Ok(())
    }
}

/// Opens what is kept of the target, or begins it.
fn open_digests(
    of: Option<&Digests>,
    groups: Groups,
) -> Result<(Option<Kept>, FarDigests), FarError> {
    let Some(of) = of else {
        return Ok((None, FarDigests::None));
    };
    let (why, shape) = match Kept::open(of, groups.shape())? {
        Opened::Believed(kept) => {
            let known = kept.root().map_or(FarDigests::None, FarDigests::Believed);
            return Ok((Some(*kept), known));
        }
        Opened::Not(why) => (why, groups.shape()),
    };
    let kept = Kept::begin(of, shape)?;
    let known = why.map_or(FarDigests::None, FarDigests::Disbelieved);
    Ok((Some(kept), known))
}

pub(super) struct Far {
    pub(super) target: Arc<dyn Disk>,
    /// What is asked for, where that is a part of the disk.
    within: Option<Arc<RangeSet>>,
    /// The target's digests, believed or being made.
    pub(super) kept: Option<Kept>,
    /// Both ends have digests: rows of the tree are asked for, and nothing is scanned.
    pub(super) walk: bool,
    pub(super) groups: Groups,
    pub(super) terms: Terms,
    scans: Mutex<Scans>,
    pub(super) changed: Condvar,
    pub(super) ended: AtomicBool,
    /// Digested by scanning.
    pub(super) hashed: AtomicU64,
    /// Ended with this end, so that nobody waits for another try.
    pub(super) controls: Controls,
}

impl Far {
    pub(super) fn lock(&self) -> MutexGuard<'_, Scans> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of a range that are asked for.
    pub(super) fn asked(&self, range: ByteRange) -> u64 {
        let within = self.within.as_ref();
        within.map_or(range.len, |within| within.within(range).total().0)
    }

    /// Tells the near end why this one cannot go on.
    pub(super) fn give_up<W: Write>(&self, error: &FarError, output: &Output<W>) {
        self.distrust_damaged(error);
        let failure = Failure::of(error);
        self.lock().failed.get_or_insert(failure.clone());
        self.changed.notify_all();
        drop(output.send(&Frame::Failed(failure)));
    }

    /// The target's digests, where they say what it holds.
    pub(super) fn believed(&self) -> Option<&Kept> {
        self.kept.as_ref().filter(|kept| kept.is_believed())
    }

    fn answer_all<W: Write>(&self, asks: &Receiver<RowAt>, output: &Output<W>) {
        while let Ok(at) = asks.recv() {
            if let Err(error) = self.answer(at, output) {
                self.give_up(&error, output);
                return;
            }
        }
    }

    fn answer<W: Write>(&self, at: RowAt, output: &Output<W>) -> Result<(), FarError> {
        let kept = self
            .believed()
            .ok_or_else(|| unheard("no digests are kept here"))?;
        if kept.shape().row_len(at) == 0 || at.level >= kept.shape().levels() {
            return Err(unheard("the near end asks for a row that is not there"));
        }
        if at.level == 0 {
            return self.tell_kept(kept, at.row, output);
        }
        let row = kept.row(at)?;
        let nodes = row.into_iter().map(scan::short).collect();
        output.send(&Frame::Nodes { at, nodes })?;
        Ok(())
    }

    /// Keeps what is known of the target now that it is proved; with it the root is known where
    /// nothing was scanned.
    fn seal(&mut self, mut outcome: Outcome, source: Node) -> Result<Outcome, FarError> {
        let Some(kept) = &mut self.kept else {
            return Ok(outcome);
        };
        if kept.is_changed() {
            let flushed = self.target.flush();
            flushed.map_err(|source| FarError::Flush { source })?;
        }
        let root = match kept.seal() {
            Ok(root) => root.0,
            // All of the target was read and is proved; only its digests are of no use.
            Err(StoreError::NotAlone { .. }) if !kept.is_believed() => {
                outcome.not_alone = true;
                return Ok(outcome);
            }
            Err(source) => return Err(FarError::Digests { source }),
        };
        if self.walk {
            outcome.root = root;
            if root != source.0 && !self.terms.dry_run {
                // The near end says so; who is wrong is not known.
                kept.distrust();
            }
        } else if outcome.root != root && !self.terms.dry_run {
            return Err(unheard("the digests that were kept have another root"));
        }
        Ok(outcome)
    }

    /// What is damaged is not believed again.
    fn distrust_damaged(&self, error: &FarError) {
        let damaged = matches!(
            error,
            FarError::Digests {
                source: StoreError::Damaged { .. }
            }
        );
        if let (true, Some(kept)) = (damaged, &self.kept) {
            kept.distrust();
        }
    }

    pub(super) fn begin_changes(&self) -> Result<(), FarError> {
        let kept = self.kept.as_ref();
        kept.map_or(Ok(()), |kept| Ok(kept.begin_changes()?))
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "dropping it ends whoever answers"
    )]
    fn apply_all<W: Write>(
        &self,
        seeds: Seeds,
        input: &mut impl Read,
        output: &Output<W>,
        asked: SyncSender<RowAt>,
    ) -> Result<(Outcome, Node), FarError> {
        let mut apply = Apply::new(self, seeds);
        loop {
            match Frame::read(input)? {
                Some(Frame::Data {
                    start,
                    len,
                    digest,
                    codec,
                    bytes,
                }) => apply.data(start, len, Hash::from_bytes(digest), codec, bytes)?,
                Some(Frame::Seeded { start, len, digest }) => {
                    apply.seeded(start, len, Hash::from_bytes(digest))?;
                    if let Some(seed) = apply.dropped_seed() {
                        output.send(&Frame::Dropped { seed })?;
                    }
                }
                Some(Frame::Zero { start, len }) => apply.zero(start, len)?,
                Some(Frame::Left { start, len }) => apply.left(start, len)?,
                Some(Frame::Part { start, bytes }) => apply.part(start, &bytes)?,
                Some(Frame::GroupDone { group }) => apply.settle_group(group)?,
                Some(Frame::Ask(at)) if self.walk => match asked.try_send(at) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => {
                        return Err(unheard("the near end asks for too much at a time"));
                    }
                    // It said why.
                    Err(TrySendError::Disconnected(_)) => {}
                },
                Some(Frame::Settle) => {
                    for (block, why) in apply.settle()? {
                        let (start, len) = (block.start, short(block));
                        let seeded = why == Why::NotSeeded;
                        output.send(&Frame::Want { start, len, seeded })?;
                    }
                    output.send(&Frame::Settled)?;
                }
                Some(Frame::Done { root }) => {
                    let outcome = apply.finish()?;
                    for block in apply.repaired() {
                        let (start, len) = (block.start, short(*block));
                        output.send(&Frame::Repaired { start, len })?;
                    }
                    return Ok((outcome, Node(root)));
                }
                Some(Frame::Failed(failure)) => return Err(FarError::Told(failure)),
                Some(_) => return Err(unheard("the near end sent what only the far end says")),
                None => return Err(unheard("the near end is gone")),
            }
        }
    }
}

impl From<(ByteRange, DiskError)> for FarError {
    fn from((range, source): (ByteRange, DiskError)) -> Self {
        failed(FarStep::Read, range)(source)
    }
}

/// The length of a block.
fn short(block: ByteRange) -> u32 {
    u32::try_from(block.len).unwrap_or(u32::MAX)
}

/// Names the step and the place of an error of the target.
pub(super) fn failed(step: FarStep, range: ByteRange) -> impl Fn(DiskError) -> FarError {
    move |source| FarError::Target {
        step,
        range,
        source,
    }
}

/// What no near end says.
pub(super) fn unheard(what: &str) -> FarError {
    FarError::from(wrong(what))
}
