//! The far end's reading half: which groups hold what, told as they are found out, and no further
//! ahead of the near end than memory allows.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    sync::{PoisonError, atomic::Ordering},
};

use blake3::Hash;
use blockmap::RangeSet;
use model::ByteRange;

use super::{
    far::{Far, failed, unheard},
    fault::{Failure, FarError, FarStep},
    frame::{Frame, Theirs},
    output::Output,
    root::BlockDigest,
    scan,
};
use crate::{Meter, MoverError, Side, buffer::Buffer, digests::Kept, read::Reader, watch::Watch};

/// Groups that may be scanned and not yet settled by the near end: what bounds the memory.
const AHEAD: usize = 1024;

/// Where scanning is.
#[derive(Default)]
pub(super) struct Scans {
    pub(super) next: u64,
    /// Of the window at `next`: which groups may hold data.
    window: Vec<bool>,
    /// Digests of groups that the near end has not settled.
    pub(super) open: HashMap<u64, Vec<BlockDigest>>,
    /// Groups being scanned now.
    pub(super) busy: usize,
    /// Groups that were called zero: first and count.
    pub(super) zero: BTreeMap<u64, u64>,
    pub(super) failed: Option<Failure>,
}

#[derive(Clone, Copy)]
enum Next {
    Scan(u64),
    Zero(u64, u64),
}

impl Far {
    /// Scans and tells, until there is no more or the other half ended.
    pub(super) fn scan_all<W: Write>(&self, output: &Output<W>) {
        let mut buffer = Buffer::default();
        loop {
            let done = match self.next() {
                Ok(None) => return,
                Ok(Some(next)) => self.scan(next, &mut buffer, output),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                // The other half ended this one, and says why.
                if !self.controls.is_cancelled() {
                    self.give_up(&error, output);
                }
                return;
            }
        }
    }

    /// What to scan next; waits while the near end is too far behind.
    fn next(&self) -> Result<Option<Next>, FarError> {
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
                Some(kept) => scan::with_leaves(kept, first, end)?,
                None => {
                    let found = scan::with_data(&*self.target, self.groups, first, end);
                    found.map_err(failed(FarStep::Map, self.groups.range(first)))?
                }
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
    ) -> Result<(), FarError> {
        let group = match next {
            Next::Zero(first, count) => {
                output.send(&Frame::ZeroGroups { first, count })?;
                return Ok(());
            }
            Next::Scan(group) => group,
        };
        if let Some(kept) = self.believed() {
            return self.tell_kept(kept, group, output);
        }
        let (mut all, mut blocks, mut hashed) = (Vec::new(), Vec::new(), 0);
        scan::group::<FarError>(
            &*self.target,
            self.groups,
            group,
            buffer,
            |range, buffer| self.fill(range, buffer),
            |piece| {
                all.extend_from_slice(piece.digests);
                if !piece.bytes.is_empty() {
                    hashed += self.asked(piece.range);
                }
                let zero = if piece.bytes.is_empty() {
                    Theirs::Hole
                } else {
                    Theirs::Zero
                };
                let short = |digest: &Hash| digest.as_bytes().first_chunk::<16>().copied();
                blocks.extend(piece.digests.iter().map(|digest| {
                    let short = digest.as_ref().and_then(short);
                    short.map_or(zero, Theirs::Digest)
                }));
                Ok(())
            },
        )?;
        self.hashed.fetch_add(hashed, Ordering::Relaxed);
        {
            let mut scans = self.lock();
            scans.busy -= 1;
            scans.open.insert(group, all);
        }
        output.send(&Frame::Digests { group, blocks })?;
        Ok(())
    }

    /// Reads the target, and again what fails for now; what fails for good stops.
    fn fill(&self, range: ByteRange, buffer: &mut [u8]) -> Result<RangeSet, FarError> {
        let meter = Meter::default();
        let reader = Reader {
            disk: &*self.target,
            side: Side::Target,
            block: self.groups.block,
            watch: &Watch::new(&self.controls, &meter),
        };
        let (range, source) = match reader.fill(range, buffer) {
            Ok(None) => return Ok(RangeSet::new()),
            Ok(Some(bad)) => (bad.sectors.iter().next().unwrap_or(range), bad.source),
            Err(MoverError::Read { range, source, .. }) => (range, source),
            Err(_) => return Err(unheard("the near end is gone")),
        };
        Err(failed(FarStep::Read, range)(source))
    }

    /// Tells a group from the kept digests.
    pub(super) fn tell_kept<W: Write>(
        &self,
        kept: &Kept,
        group: u64,
        output: &Output<W>,
    ) -> Result<(), FarError> {
        let all = scan::kept_group(kept, group)?;
        let blocks = scan::unread(&all);
        {
            let mut scans = self.lock();
            scans.busy = scans.busy.saturating_sub(1);
            scans.open.insert(group, all);
        }
        output.send(&Frame::Digests { group, blocks })?;
        Ok(())
    }
}
