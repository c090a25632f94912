//! One worker of the near end: compares groups with what the far end said of them, and sends what
//! differs.

use std::sync::{
    Mutex, PoisonError,
    mpsc::{Receiver, RecvTimeoutError, SyncSender},
};

use super::{
    frame::{Frame, Theirs},
    near::{GLANCE, Job, Near, protocol},
    pack::Packer,
    root::BlockDigest,
    scan,
    send::Seen,
};
use crate::{MoverError, buffer::Buffer, digests::of, error::Side};

impl Near<'_> {
    /// Takes groups until there are no more.
    pub(super) fn work(
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
                |range, buffer| self.read(range, buffer),
                |piece| {
                    self.watch.checkpoint()?;
                    let from = ours.len();
                    let known = self.without_left(&piece);
                    ours.extend_from_slice(&known);
                    let theirs = |index: usize| theirs(from + index);
                    let seen = Seen::Read(piece.bytes, piece.bad);
                    wrote |= self.piece(piece.range, seen, &known, theirs, packer, frames)?;
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
