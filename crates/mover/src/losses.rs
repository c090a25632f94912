//! Peers of a task's disks that fall silent or go away while it runs.

use std::sync::Arc;

use disk::{Disk, Losses};

use crate::{Controls, MoverError, Note, OnCancel, Side};

/// A disk with what was lost on the way to it before the task began.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    side: Side,
    disk: &'a dyn Disk,
    before: Losses,
    /// Ends its waits when the task is ended.
    _on_cancel: OnCancel,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(side: Side, disk: &'a Arc<dyn Disk>, controls: &Controls) -> Self {
        let ended = Arc::clone(disk);
        Self {
            side,
            disk: &**disk,
            before: disk.losses(),
            _on_cancel: controls.on_cancel(move || ended.interrupt()),
        }
    }

    /// What an operator should know of it.
    pub(crate) fn note(&self) -> Option<Note> {
        let times = self.disk.losses().connections - self.before.connections;
        (times > 0).then_some(Note::Reconnected {
            side: self.side,
            times,
        })
    }
}

/// An error that is none of the task's, but of its end.
pub(crate) fn as_cancelled<T>(
    result: Result<T, MoverError>,
    controls: &Controls,
) -> Result<T, MoverError> {
    match result {
        Err(_) if controls.is_cancelled() => Err(MoverError::Cancelled),
        result => result,
    }
}
