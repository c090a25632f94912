//! The kept digests of both disks of a task, from their opening to their sealing.

use blockmap::{FAN_OUT, Node, TreeShape};
use model::ByteRange;

use super::{Digests, Kept, Opened, StoreError};
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

/// What of them a run has at hand.
#[derive(Debug, Default)]
pub(crate) struct Sides {
    source: Option<Kept>,
    target: Option<Kept>,
}

impl Sides {
    /// Opens what is believed and begins what can be made. `whole` says that the run looks at
    /// every block, or why not; the digests of `distrusted` were found damaged.
    ///
    /// # Errors
    /// [`MoverError::Digests`].
    pub(crate) fn open(
        of: &BothDigests,
        shape: TreeShape,
        whole: Result<(), NotKept>,
        distrusted: Option<Side>,
        notes: &mut Vec<Note>,
    ) -> Result<Self, MoverError> {
        let mut side = |side, of: &Option<Digests>| match of {
            Some(of) => open(side, of, shape, whole, distrusted != Some(side), notes),
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
    whole: Result<(), NotKept>,
    trusted: bool,
    notes: &mut Vec<Note>,
) -> Result<Option<Kept>, MoverError> {
    let opened = if trusted {
        Kept::open(of_disk, shape).map_err(of(side))?
    } else {
        Opened::Not(Some(super::Disbelieved::Damaged))
    };
    match opened {
        Opened::Believed(kept) => {
            notes.push(Note::DigestsBelieved { side });
            return Ok(Some(*kept));
        }
        Opened::Not(why) => {
            notes.extend(why.map(|why| Note::DigestsDiscarded { side, why }));
        }
    }
    match whole {
        Ok(()) => Kept::begin(of_disk, shape).map(Some).map_err(of(side)),
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
