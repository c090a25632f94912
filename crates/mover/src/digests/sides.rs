//! The kept digests of both disks of a task, from their opening to their sealing.

use std::io;

use blockmap::{FAN_OUT, Node, TreeShape};
use model::ByteRange;

use super::{Digests, Kept, Opened, StoreError, StoreStep, open::failure};
use crate::{
    MoverError, Note,
    error::Side,
    judge::{Leaves, Wanted},
    report::NotKept,
};

/// Where the digests of a task's disks are kept, if they are.
#[derive(Clone, Debug, Default)]
pub struct BothDigests {
    /// Of the source.
    pub source: Option<Digests>,
    /// Of the target.
    pub target: Option<Digests>,
}

/// What a run may do with kept digests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping<'a> {
    /// It looks at every block, or why not.
    pub(crate) whole: Result<(), NotKept>,
    /// The digests of this side were found damaged.
    pub(crate) distrusted: Option<Side>,
    /// It looks at ranges: other blocks are as of each side's base.
    pub(crate) ranges: bool,
    /// Names the run.
    pub(crate) by: &'a str,
    /// A later try of it knows what this one did.
    pub(crate) resumable: bool,
}

impl Keeping<'_> {
    /// Of a run that looks at every block and is not gone on with.
    pub(crate) const WHOLE: Self = Self {
        whole: Ok(()),
        distrusted: None,
        ranges: false,
        by: "",
        resumable: false,
    };

    /// What the digests of a side may be carried over from; nothing when that is empty.
    ///
    /// # Errors
    /// When the stamp cannot be learned.
    fn base(&self, of: &Digests) -> io::Result<String> {
        if self.ranges {
            return Ok(of.base.clone().unwrap_or_default());
        }
        // A stamp that moves with the run's own writes cannot tell whether somebody else wrote
        // between two tries.
        if !self.resumable || of.stamp.moves_with_own_writes() {
            return Ok(String::new());
        }
        Ok(format!("task {} at {}", self.by, of.stamp.now()?))
    }
}

/// What of them a run has at hand.
#[derive(Debug, Default)]
pub(crate) struct Sides {
    source: Option<Kept>,
    target: Option<Kept>,
}

impl Sides {
    /// Opens what is believed, carries over what may be, and begins what can be made.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn open(
        of: &BothDigests,
        shape: TreeShape,
        how: Keeping<'_>,
        notes: &mut Vec<Note>,
    ) -> Result<Self, MoverError> {
        let mut side = |side, of: &Option<Digests>| match of {
            Some(of) => open(side, of, shape, how, notes),
            None => Ok(None),
        };
        Ok(Self {
            source: side(Side::Source, &of.source)?,
            target: side(Side::Target, &of.target)?,
        })
    }

    /// What is kept of a disk, believed or being made.
    pub(crate) fn kept(&self, side: Side) -> Option<&Kept> {
        match side {
            Side::Source => self.source.as_ref(),
            Side::Target => self.target.as_ref(),
        }
    }

    /// What a disk is known to hold without reading it.
    pub(crate) fn believed(&self, side: Side) -> Option<&Kept> {
        self.kept(side).filter(|kept| kept.is_believed())
    }

    /// Both, where both are believed.
    pub(crate) fn both_believed(&self) -> Option<(&Kept, &Kept)> {
        self.believed(Side::Source).zip(self.believed(Side::Target))
    }

    /// Whether every block that is looked at has to be put, zero or not.
    pub(crate) fn is_carried(&self) -> bool {
        let mut sides = [&self.source, &self.target].into_iter().flatten();
        sides.any(Kept::is_carried)
    }

    /// Says that more changes than the bases account for.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn forget_bases(&self) -> Result<(), MoverError> {
        self.each(Kept::forget_base)
    }

    /// Makes what was put durable: a journal is about to say that these blocks are done.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn save_put(&self) -> Result<(), MoverError> {
        self.each(Kept::save_put)
    }

    fn each(&self, what: impl Fn(&Kept) -> Result<(), StoreError>) -> Result<(), MoverError> {
        for side in [Side::Source, Side::Target] {
            if let Some(kept) = self.kept(side) {
                what(kept).map_err(of(side))?;
            }
        }
        Ok(())
    }

    /// Whether a run has nothing to do with digests.
    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_none() && self.target.is_none()
    }

    /// Which leaves a run has to find out.
    pub(crate) fn wanted(&self, apply: bool) -> Wanted {
        let target = match self.kept(Side::Target) {
            None => Leaves::None,
            Some(kept) => match (kept.is_believed(), apply) {
                (true, true) => Leaves::Changed,
                (true, false) => Leaves::None,
                (false, true) => Leaves::AsWritten,
                (false, false) => Leaves::AsIs,
            },
        };
        let source = self.kept(Side::Source);
        Wanted {
            source: source.is_some_and(|kept| !kept.is_believed()),
            target,
        }
    }

    /// Says, durably, that a disk is about to be written.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn begin_changes(&self, side: Side) -> Result<(), MoverError> {
        match self.kept(side) {
            Some(kept) => kept.begin_changes().map_err(of(side)),
            None => Ok(()),
        }
    }

    /// Says that a disk's digests are wrong.
    pub(crate) fn distrust(&self, side: Side) {
        if let Some(kept) = self.kept(side) {
            kept.distrust();
        }
    }

    /// Says that they may be believed from now on, unless somebody else wrote the disk.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn seal(&mut self, notes: &mut Vec<Note>) -> Result<(), MoverError> {
        for (side, kept) in [
            (Side::Source, &mut self.source),
            (Side::Target, &mut self.target),
        ] {
            let Some(kept) = kept else {
                continue;
            };
            let why = NotKept::NotAlone;
            match kept.seal() {
                Ok(_) => {}
                Err(StoreError::NotAlone { .. }) => notes.push(Note::DigestsNotMade { side, why }),
                Err(error) => return Err(of(side)(error)),
            }
        }
        Ok(())
    }
}

/// Names the side of an error.
pub(crate) fn of(side: Side) -> impl Fn(StoreError) -> MoverError {
    move |source| MoverError::Digests { side, source }
}

fn open(
    side: Side,
    of_disk: &Digests,
    shape: TreeShape,
    how: Keeping<'_>,
    notes: &mut Vec<Note>,
) -> Result<Option<Kept>, MoverError> {
    let base = how.base(of_disk);
    let base = base.map_err(|source| of(side)(failure(of_disk, StoreStep::Stamp, source)))?;
    let trusted = how.distrusted != Some(side);
    let opened = if trusted {
        Kept::open(of_disk, shape).map_err(of(side))?
    } else {
        Opened::Not(Some(super::Disbelieved::Damaged))
    };
    let why = match opened {
        Opened::Believed(mut kept) => {
            kept.base.clone_from(&base);
            how.by.clone_into(&mut kept.by);
            notes.push(Note::DigestsBelieved { side });
            return Ok(Some(*kept));
        }
        Opened::Not(why) => why,
    };
    // What has a base of its own may also be what an earlier try of this run left.
    if trusted && how.whole.is_err() && !base.is_empty() {
        let carried = Kept::carry(of_disk, shape, &base, how.by).map_err(of(side))?;
        if carried.is_some() {
            return Ok(carried);
        }
    }
    notes.extend(why.map(|why| Note::DigestsDiscarded { side, why }));
    match how.whole {
        Ok(()) => Kept::begin_from(of_disk, shape, &base, how.by)
            .map(Some)
            .map_err(of(side)),
        Err(why) => {
            notes.push(Note::DigestsNotMade { side, why });
            Ok(None)
        }
    }
}

/// What one worker knows and found out by digests in one stretch.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The last row of leaves asked for, of each side.
    source_row: Option<Row>,
    target_row: Option<Row>,
    /// Leaves to keep.
    source: Vec<(u64, Node)>,
    target: Vec<(u64, Node)>,
}

#[derive(Debug)]
struct Row {
    number: u64,
    leaves: Vec<Node>,
}

impl Known {
    /// Begins a stretch: other workers may have changed rows since.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The leaves of a piece.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn leaves(
        &mut self,
        side: Side,
        kept: &Kept,
        piece: ByteRange,
    ) -> Result<Vec<Node>, MoverError> {
        let shape = kept.shape();
        let last = match side {
            Side::Source => &mut self.source_row,
            Side::Target => &mut self.target_row,
        };
        let first = shape.leaf_at(piece.start);
        let count = piece.len.div_ceil(shape.block.bytes());
        (first..first + count)
            .map(|index| {
                let number = index / FAN_OUT;
                let row = match last {
                    Some(row) if row.number == number => row,
                    _ => {
                        let leaves = kept.leaves(number * FAN_OUT, FAN_OUT).map_err(of(side))?;
                        last.insert(Row { number, leaves })
                    }
                };
                let place = usize::try_from(index % FAN_OUT).unwrap_or_default();
                Ok(row.leaves.get(place).copied().unwrap_or(Node::ZERO))
            })
            .collect()
    }

    /// Remembers leaves that were found out.
    pub(crate) fn take(&mut self, source: Vec<(u64, Node)>, target: Vec<(u64, Node)>) {
        self.source.extend(source);
        self.target.extend(target);
    }

    /// Keeps what was found out.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn put(&mut self, sides: &Sides) -> Result<(), MoverError> {
        for (side, leaves) in [(Side::Source, &self.source), (Side::Target, &self.target)] {
            if let Some(kept) = sides.kept(side) {
                kept.put(leaves).map_err(of(side))?;
            }
        }
        Ok(())
    }
}
