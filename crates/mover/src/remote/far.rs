//! The far end: scans the target, and applies and proves what arrives.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, BufReader, BufWriter, Read, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use blake3::Hash;
use blockmap::{BlockSize, Node, RowAt, Rows as _};
use disk::{Disk, DiskError};
use model::ByteRange;

use super::{
    frame::{FarDigests, Frame, Outcome, Terms, Theirs, wrong},
    root::{BlockDigest, Groups, Root, digest},
    scan,
    walk::ASKED,
};
use crate::{
    Digests, StoreError,
    buffer::Buffer,
    compare::length,
    digests::{Kept, Opened},
};

/// Groups that may be scanned and not yet settled by the near end: what bounds the memory.
const AHEAD: usize = 1024;
/// Written bytes that are flushed and read back together, where the device is asked.
const SETTLED: u64 = 64 << 20;

/// Serves one synchronisation over a pair of streams. `open` gets the source's size and whether
/// nothing is to be written, and opens the target.
///
/// # Errors
/// When the streams end or fail, or the target does. The near end is told, if it still listens.
pub fn serve(
    open: impl FnOnce(u64, bool) -> Result<Arc<dyn Disk>, String>,
    input: impl Read,
    output: impl Write + Send,
) -> io::Result<()> {
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
) -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 17, input);
    let output = Output(Mutex::new(Some(BufWriter::with_capacity(1 << 16, output))));
    let result = begin(open, &mut input, &output);
    if let Err(error) = &result {
        // The near end may be gone.
        drop(output.send(&Frame::Failed(error.to_string())));
    }
    result
}

/// The way to the near end; none once it failed.
struct Output<W: Write>(Mutex<Option<BufWriter<W>>>);

impl<W: Write> Output<W> {
    /// Sends a frame. When that fails the stream is closed, so that the near end does not wait for
    /// what cannot come, and ends our input in turn.
    fn send(&self, frame: &Frame) -> io::Result<()> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = output.as_mut() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let sent = frame.write(writer).and_then(|_| writer.flush());
        if sent.is_err() {
            // Not flushed again on the way out: what is in it is no whole frame any more.
            drop(output.take().map(BufWriter::into_parts));
        }
        sent
    }
}

fn begin<W: Write + Send>(
    open: impl FnOnce(u64, bool) -> Result<(Arc<dyn Disk>, Option<Digests>), String>,
    input: &mut impl Read,
    output: &Output<W>,
) -> io::Result<()> {
    let Some(Frame::Begin(terms)) = Frame::read(input)? else {
        return Err(wrong("the near end did not begin"));
    };
    let block = BlockSize::new(terms.block).ok_or_else(|| wrong("an impossible block size"))?;
    let (target, digests) = open(terms.size, terms.dry_run).map_err(io::Error::other)?;
    if target.size().0 != terms.size {
        return Err(io::Error::other(format!(
            "the source has {} bytes, the target {}",
            terms.size,
            target.size().0
        )));
    }
    let groups = Groups {
        size: terms.size,
        block,
    };
    let (kept, known) = open_digests(digests.as_ref(), groups)?;
    output.send(&Frame::Ready(known))?;
    let mut far = Far {
        groups,
        target,
        walk: matches!((terms.root, known), (Some(_), FarDigests::Believed(_))),
        kept,
        terms,
        scans: Mutex::new(Scans::default()),
        changed: Condvar::new(),
        ended: AtomicBool::new(false),
        hashed: AtomicU64::new(0),
    };
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
        let result = far.apply_all(input, asked);
        far.ended.store(true, Ordering::SeqCst);
        far.changed.notify_all();
        result
    });
    let sealed = result.and_then(|(outcome, source)| far.seal(outcome, source));
    let outcome = sealed.inspect_err(|error| far.distrust_damaged(error))?;
    output.send(&Frame::Proved(outcome))
}

/// Opens what is kept of the target, or begins it.
fn open_digests(of: Option<&Digests>, groups: Groups) -> io::Result<(Option<Kept>, FarDigests)> {
    let Some(of) = of else {
        return Ok((None, FarDigests::None));
    };
    let (why, shape) = match Kept::open(of, groups.shape()).map_err(unusable)? {
        Opened::Believed(kept) => {
            let known = kept.root().map_or(FarDigests::None, FarDigests::Believed);
            return Ok((Some(*kept), known));
        }
        Opened::Not(why) => (why, groups.shape()),
    };
    let kept = Kept::begin(of, shape).map_err(unusable)?;
    let known = why.map_or(FarDigests::None, FarDigests::Disbelieved);
    Ok((Some(kept), known))
}

fn unusable(error: StoreError) -> io::Error {
    io::Error::other(error)
}

struct Far {
    target: Arc<dyn Disk>,
    /// The target's digests, believed or being made.
    kept: Option<Kept>,
    /// Both ends have digests: rows of the tree are asked for, and nothing is scanned.
    walk: bool,
    groups: Groups,
    terms: Terms,
    scans: Mutex<Scans>,
    changed: Condvar,
    ended: AtomicBool,
    /// Digested by scanning.
    hashed: AtomicU64,
}

/// Where scanning is.
#[derive(Default)]
struct Scans {
    next: u64,
    /// Of the window at `next`: which groups may hold data.
    window: Vec<bool>,
    /// Digests of groups that the near end has not settled.
    open: HashMap<u64, Vec<BlockDigest>>,
    /// Groups being scanned now.
    busy: usize,
    /// Groups that were called zero: first and count.
    zero: BTreeMap<u64, u64>,
    failed: Option<String>,
}

#[derive(Clone, Copy)]
enum Next {
    Scan(u64),
    Zero(u64, u64),
}

impl Far {
    fn lock(&self) -> MutexGuard<'_, Scans> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scan_all<W: Write>(&self, output: &Output<W>) {
        let mut buffer = Buffer::default();
        loop {
            let done = match self.next() {
                Ok(None) => return,
                Ok(Some(next)) => self.scan(next, &mut buffer, output),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.give_up(&error, output);
                return;
            }
        }
    }

    /// What to scan next; waits while the near end is too far behind.
    fn next(&self) -> io::Result<Option<Next>> {
        let mut scans = self.lock();
        loop {
            if self.ended.load(Ordering::SeqCst)
                || scans.failed.is_some()
                || scans.next >= self.groups.count()
            {
                return Ok(None);
            }
            if scans.open.len() + scans.busy < AHEAD {
                break;
            }
            scans = self
                .changed
                .wait(scans)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let first = scans.next;
        if scans.window.is_empty() {
            let end = self.groups.count();
            scans.window = match self.believed() {
                Some(kept) => scan::with_leaves(kept, first, end).map_err(unusable)?,
                None => scan::with_data(&*self.target, self.groups, first, end)
                    .map_err(|error| failed("map", &error))?,
            };
        }
        let zeroes = scans.window.iter().take_while(|data| !**data).count();
        let taken = zeroes.max(1);
        scans.window.drain(..taken);
        scans.next += taken as u64;
        if zeroes > 0 {
            scans.zero.insert(first, zeroes as u64);
            return Ok(Some(Next::Zero(first, zeroes as u64)));
        }
        scans.busy += 1;
        Ok(Some(Next::Scan(first)))
    }

    fn scan<W: Write>(
        &self,
        next: Next,
        buffer: &mut Buffer,
        output: &Output<W>,
    ) -> io::Result<()> {
        let group = match next {
            Next::Zero(first, count) => return output.send(&Frame::ZeroGroups { first, count }),
            Next::Scan(group) => group,
        };
        if let Some(kept) = self.believed() {
            return self.tell_kept(kept, group, output);
        }
        let (mut all, mut blocks, mut hashed) = (Vec::new(), Vec::new(), 0);
        scan::group::<ScanError>(
            &*self.target,
            self.groups,
            group,
            buffer,
            |_, bytes, digests| {
                all.extend_from_slice(digests);
                hashed += bytes.len() as u64;
                let zero = if bytes.is_empty() {
                    Theirs::Hole
                } else {
                    Theirs::Zero
                };
                let short = |digest: &Hash| digest.as_bytes().first_chunk::<16>().copied();
                blocks.extend(digests.iter().map(|digest| {
                    let short = digest.as_ref().and_then(short);
                    short.map_or(zero, Theirs::Digest)
                }));
                Ok(())
            },
        )
        .map_err(|error| error.0)?;
        self.hashed.fetch_add(hashed, Ordering::Relaxed);
        {
            let mut scans = self.lock();
            scans.busy -= 1;
            scans.open.insert(group, all);
        }
        output.send(&Frame::Digests { group, blocks })
    }

    /// Tells the near end why this one cannot go on.
    fn give_up<W: Write>(&self, error: &io::Error, output: &Output<W>) {
        self.distrust_damaged(error);
        self.lock().failed.get_or_insert(error.to_string());
        drop(output.send(&Frame::Failed(error.to_string())));
    }

    /// Tells a group from the kept digests.
    fn tell_kept<W: Write>(&self, kept: &Kept, group: u64, output: &Output<W>) -> io::Result<()> {
        let all = scan::kept_group(kept, group).map_err(unusable)?;
        let blocks = scan::unread(&all);
        {
            let mut scans = self.lock();
            scans.busy = scans.busy.saturating_sub(1);
            scans.open.insert(group, all);
        }
        output.send(&Frame::Digests { group, blocks })
    }

    /// The target's digests, where they say what it holds.
    fn believed(&self) -> Option<&Kept> {
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

    fn answer<W: Write>(&self, at: RowAt, output: &Output<W>) -> io::Result<()> {
        let kept = self
            .believed()
            .ok_or_else(|| wrong("no digests are kept here"))?;
        if kept.shape().row_len(at) == 0 || at.level >= kept.shape().levels() {
            return Err(wrong("the near end asks for a row that is not there"));
        }
        if at.level == 0 {
            return self.tell_kept(kept, at.row, output);
        }
        let row = kept.row(at).map_err(unusable)?;
        let nodes = row.into_iter().map(scan::short).collect();
        output.send(&Frame::Nodes { at, nodes })
    }

    /// Keeps what is known of the target now that it is proved; with it the root is known where
    /// nothing was scanned.
    fn seal(&mut self, mut outcome: Outcome, source: Node) -> io::Result<Outcome> {
        let Some(kept) = &mut self.kept else {
            return Ok(outcome);
        };
        if kept.is_changed() {
            let flushed = self.target.flush();
            flushed.map_err(|error| failed("flush", &error))?;
        }
        let root = kept.seal().map_err(unusable)?.0;
        if self.walk {
            outcome.root = root;
            if root != source.0 && !self.terms.dry_run {
                // The near end says so; who is wrong is not known.
                kept.distrust();
            }
        } else if outcome.root != root && !self.terms.dry_run {
            return Err(wrong("the digests that were kept have another root"));
        }
        Ok(outcome)
    }

    /// What is damaged is not believed again.
    fn distrust_damaged(&self, error: &io::Error) {
        let store = error.get_ref().and_then(|error| error.downcast_ref());
        if let (Some(StoreError::Damaged { .. }), Some(kept)) = (store, &self.kept) {
            kept.distrust();
        }
    }

    fn begin_changes(&self) -> io::Result<()> {
        let kept = self.kept.as_ref();
        kept.map_or(Ok(()), |kept| kept.begin_changes().map_err(unusable))
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "dropping it ends whoever answers"
    )]
    fn apply_all(
        &self,
        input: &mut impl Read,
        asked: SyncSender<RowAt>,
    ) -> io::Result<(Outcome, Node)> {
        let mut apply = Apply {
            far: self,
            outcome: Outcome::default(),
            root: Root::new(self.groups),
            buffer: Buffer::default(),
            unproved: Vec::new(),
            unproved_bytes: 0,
            different: BTreeSet::new(),
        };
        loop {
            match Frame::read(input)? {
                Some(Frame::Data {
                    start,
                    len,
                    digest,
                    packed,
                    bytes,
                }) => apply.data(start, len, Hash::from_bytes(digest), packed, bytes)?,
                Some(Frame::Zero { start, len }) => apply.zero(start, len)?,
                Some(Frame::GroupDone { group }) => apply.settle_group(group)?,
                Some(Frame::Ask(at)) if self.walk => match asked.try_send(at) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => {
                        return Err(wrong("the near end asks for too much at a time"));
                    }
                    // It said why.
                    Err(TrySendError::Disconnected(_)) => {}
                },
                Some(Frame::Done { root }) => return apply.finish().map(|done| (done, Node(root))),
                Some(Frame::Failed(words)) => return Err(io::Error::other(words)),
                Some(_) => return Err(wrong("the near end sent what only the far end says")),
                None => return Err(wrong("the near end is gone")),
            }
        }
    }
}

/// The writing half.
struct Apply<'a> {
    far: &'a Far,
    outcome: Outcome,
    root: Root,
    buffer: Buffer,
    /// Written and not yet read back from the device.
    unproved: Vec<(ByteRange, BlockDigest)>,
    unproved_bytes: u64,
    /// Groups of which something differs and that are not settled.
    different: BTreeSet<u64>,
}

impl Apply<'_> {
    fn data(
        &mut self,
        start: u64,
        len: u32,
        wanted: Hash,
        packed: bool,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        let range = ByteRange::new(start, u64::from(len));
        self.check(range, 1)?;
        let bytes = if packed {
            lz4_flex::block::decompress(&bytes, length(range.len))
                .map_err(|_| wrong("a block arrived damaged"))?
        } else {
            bytes
        };
        self.outcome.hashed += bytes.len() as u64;
        if bytes.len() as u64 != range.len || digest(&bytes) != Some(wanted) {
            return Err(wrong(&format!("{range} arrived damaged")));
        }
        self.note(range, Some(wanted))?;
        if self.far.terms.dry_run {
            return Ok(());
        }
        self.far.begin_changes()?;
        let target = &*self.far.target;
        let written = target.write_at(start, &bytes);
        written.map_err(|error| failed(&format!("write {range}"), &error))?;
        self.wrote(range, Some(wanted), |target| target.write_at(start, &bytes))
    }

    fn zero(&mut self, start: u64, len: u64) -> io::Result<()> {
        let range = ByteRange::new(start, len);
        self.check(range, u64::MAX)?;
        for block in self.far.groups.block.blocks(range) {
            self.note(block, None)?;
        }
        if self.far.terms.dry_run {
            return Ok(());
        }
        self.far.begin_changes()?;
        let target = &*self.far.target;
        let written = target.write_zeroes(range);
        written.map_err(|error| failed(&format!("zero {range}"), &error))?;
        for block in self.far.groups.block.blocks(range) {
            self.wrote(block, None, |target| target.write_zeroes(block))?;
        }
        Ok(())
    }

    /// Whole blocks of one group, at most so many.
    fn check(&self, range: ByteRange, most: u64) -> io::Result<()> {
        let groups = self.far.groups;
        let block = groups.block.bytes();
        let end = range.start.checked_add(range.len);
        let whole = end.is_some_and(|end| {
            end <= groups.size && (end.is_multiple_of(block) || end == groups.size)
        });
        let fits = range.len > 0
            && range.start.is_multiple_of(block)
            && whole
            && range.len.div_ceil(block) <= most
            && groups.of(range.start) == groups.of(range.end() - 1);
        if fits {
            Ok(())
        } else {
            Err(wrong("the near end sent a range that is no block"))
        }
    }

    /// Remembers what a block will be, for the root.
    fn note(&mut self, block: ByteRange, digest: BlockDigest) -> io::Result<()> {
        let groups = self.far.groups;
        let group = groups.of(block.start);
        self.different.insert(group);
        let mut scans = self.far.lock();
        let called_zero = scans
            .zero
            .range(..=group)
            .next_back()
            .is_some_and(|(first, count)| group < first + count);
        if called_zero && !scans.open.contains_key(&group) {
            let blocks = groups.block.blocks(groups.range(group)).count();
            scans.open.insert(group, vec![None; blocks]);
        }
        let index = (block.start - groups.range(group).start) / groups.block.bytes();
        let slot = scans
            .open
            .get_mut(&group)
            .and_then(|digests| digests.get_mut(length(index)));
        match slot {
            Some(slot) => {
                *slot = digest;
                Ok(())
            }
            None => Err(wrong("the near end sent a block before it was scanned")),
        }
    }

    /// Proves a written block, now or with others; writes it again, once, when it is not right.
    fn wrote(
        &mut self,
        block: ByteRange,
        wanted: BlockDigest,
        again: impl FnOnce(&dyn Disk) -> Result<(), DiskError>,
    ) -> io::Result<()> {
        self.outcome.written += block.len;
        if self.far.terms.device {
            self.unproved.push((block, wanted));
            self.unproved_bytes += block.len;
            return if self.unproved_bytes >= SETTLED {
                self.prove_from_device()
            } else {
                Ok(())
            };
        }
        if self.read_back(block)? != wanted {
            again(&*self.far.target).map_err(|error| failed(&format!("write {block}"), &error))?;
            if self.read_back(block)? != wanted {
                return Err(mismatch(block));
            }
            self.outcome.repaired += block.len;
        }
        self.outcome.verified += block.len;
        Ok(())
    }

    fn read_back(&mut self, block: ByteRange) -> io::Result<BlockDigest> {
        self.buffer.resize(length(block.len));
        let read = self.far.target.read_at(block.start, &mut self.buffer);
        read.map_err(|error| failed(&format!("read back {block}"), &error))?;
        Ok(self.reread())
    }

    fn reread(&mut self) -> BlockDigest {
        self.outcome.reread += self.buffer.len() as u64;
        self.outcome.hashed += self.buffer.len() as u64;
        digest(&self.buffer)
    }

    fn read_device(&mut self, block: ByteRange) -> io::Result<BlockDigest> {
        self.buffer.resize(length(block.len));
        let read = self.far.target.read_device(block.start, &mut self.buffer);
        read.map_err(|error| failed(&format!("read back {block}"), &error))?;
        Ok(self.reread())
    }

    fn prove_from_device(&mut self) -> io::Result<()> {
        let flushed = self.far.target.flush();
        flushed.map_err(|error| failed("flush the target", &error))?;
        self.unproved_bytes = 0;
        for (block, wanted) in std::mem::take(&mut self.unproved) {
            if self.read_device(block)? != wanted {
                return Err(mismatch(block));
            }
            self.outcome.verified += block.len;
        }
        Ok(())
    }

    /// A group is as it will be: its digests make place for others.
    fn settle_group(&mut self, group: u64) -> io::Result<()> {
        let digests = self.far.lock().open.remove(&group);
        let digests = digests.ok_or_else(|| wrong("a group was settled twice"))?;
        let twice = |_| wrong("a group was settled twice");
        if !self.far.walk {
            self.root.put(group, &digests).map_err(twice)?;
        }
        let is_different = self.different.remove(&group);
        if let Some(kept) = &self.far.kept
            && (is_different || !kept.is_believed())
        {
            scan::keep(kept, group, &digests).map_err(unusable)?;
        }
        self.far.changed.notify_all();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<Outcome> {
        if self.far.terms.device && !self.far.terms.dry_run {
            self.prove_from_device()?;
        }
        let scans = self.far.lock();
        if let Some(words) = &scans.failed {
            return Err(io::Error::other(words.clone()));
        }
        let all_scanned = self.far.walk || scans.next >= self.far.groups.count();
        if !scans.open.is_empty() || !all_scanned {
            return Err(wrong("the near end ended before all was compared"));
        }
        self.outcome.hashed += self.far.hashed.load(Ordering::Relaxed);
        let root = std::mem::replace(&mut self.root, Root::new(self.far.groups));
        let twice = |_| wrong("a group was settled twice");
        self.outcome.root = root.finish().map_err(twice)?;
        Ok(self.outcome)
    }
}

/// An error of a scan, with its place.
struct ScanError(io::Error);

impl From<(ByteRange, DiskError)> for ScanError {
    fn from((range, error): (ByteRange, DiskError)) -> Self {
        Self(failed(&format!("read {range}"), &error))
    }
}

fn mismatch(block: ByteRange) -> io::Error {
    io::Error::other(format!(
        "{block} of the target differ from what was written"
    ))
}

fn failed(what: &str, error: &DiskError) -> io::Error {
    let cause = std::error::Error::source(error)
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    io::Error::other(format!("{what} of the target: {cause}"))
}
