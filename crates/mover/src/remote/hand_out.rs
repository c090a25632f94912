//! The near end's reading half: which groups are to be compared, as the far end names them or as the
//! walk down both trees finds them.

use std::{io::Read, sync::mpsc::SyncSender};

use blockmap::{Node, RowAt};
use model::{ByteCount, MapState};

use super::{
    frame::Frame,
    near::{Job, Near, protocol},
    scan,
    walk::Walk,
};
use crate::{
    MoverError,
    digests::{Kept, of},
    error::Side,
};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every frame that is not awaited is the same mistake of the far end"
)]
impl Near<'_> {
    /// Hands out groups as the far end names them; false when nobody takes them any more.
    pub(super) fn read_all(
        &self,
        input: &mut impl Read,
        jobs: &SyncSender<Job>,
    ) -> Result<bool, MoverError> {
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
    pub(super) fn walk_all(
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
            let mut holes = Vec::new();
            for (group, data) in (at..).zip(&found) {
                if *data {
                    let theirs = None;
                    jobs.send(Job { group, theirs })
                        .map_err(|_| MoverError::Cancelled)?;
                } else {
                    let asked = self.asked(self.groups.range(group));
                    let len = asked.total();
                    holes.extend(asked.iter());
                    self.watch.meter.update(|counters| {
                        counters.scanned += len;
                        counters.skipped += len;
                    });
                }
            }
            self.watch.meter.draw_all(holes, MapState::Hole);
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
}
