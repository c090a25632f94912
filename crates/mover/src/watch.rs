//! Where a running task looks at what its operator wants.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use model::DiskPhase;

use crate::{Controls, Meter, MoverError, controls::Place};

/// No wait lasts longer without a look at the controls.
const PATIENCE: Duration = Duration::from_millis(50);

/// The controls and the meter of one task, shared by its threads.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub(crate) controls: &'a Controls,
    pub(crate) meter: &'a Meter,
    abandoned: AtomicBool,
}

impl<'a> Watch<'a> {
    pub(crate) const fn new(controls: &'a Controls, meter: &'a Meter) -> Self {
        Self {
            controls,
            meter,
            abandoned: AtomicBool::new(false),
        }
    }

    /// Lets the task's other thread end, because this one has.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::SeqCst);
    }

    /// Waits while the task is held.
    ///
    /// # Errors
    /// [`MoverError::Cancelled`], also when the other thread ended.
    pub(crate) fn checkpoint(&self) -> Result<(), MoverError> {
        self.alive()?;
        if !self.controls.is_paused() {
            return Ok(());
        }
        while self.controls.is_paused() {
            // Again each time: the other thread may have been about to go on.
            self.meter.set_phase(DiskPhase::Paused);
            self.controls.hold(PATIENCE);
            self.alive()?;
        }
        self.meter.set_phase(DiskPhase::Moving);
        Ok(())
    }

    /// Waits while the task is held, and for a place in the queue of requests.
    ///
    /// # Errors
    /// As [`Watch::checkpoint`].
    pub(crate) fn place(&self) -> Result<Place<'a>, MoverError> {
        loop {
            self.checkpoint()?;
            if let Some(place) = self.controls.place(PATIENCE) {
                return Ok(place);
            }
        }
    }

    /// Lets some time pass.
    ///
    /// # Errors
    /// As [`Watch::checkpoint`].
    pub(crate) fn rest(&self, time: Duration) -> Result<(), MoverError> {
        let end = Instant::now() + time;
        loop {
            self.alive()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.controls.rest(left.min(PATIENCE));
        }
    }

    /// Waits until `bytes` of payload may be sent.
    ///
    /// # Errors
    /// As [`Watch::checkpoint`].
    pub(crate) fn pay(&self, bytes: u64) -> Result<(), MoverError> {
        loop {
            self.checkpoint()?;
            if self.controls.grant(bytes, PATIENCE) {
                let limited = self.controls.limit().is_some();
                if !limited {
                    self.meter.set_limited(false);
                }
                return Ok(());
            }
            self.meter.set_limited(true);
        }
    }

    /// # Errors
    /// [`MoverError::Cancelled`].
    pub(crate) fn alive(&self) -> Result<(), MoverError> {
        if self.controls.is_cancelled() || self.abandoned.load(Ordering::SeqCst) {
            return Err(MoverError::Cancelled);
        }
        Ok(())
    }
}
