//! Starting, stopping and holding a VM.

use std::collections::BTreeMap;

use super::cell::Cell;
use crate::PlatformError;

impl Cell {
    /// See [`crate::Platform::power_on`].
    pub(super) fn power_on(&mut self, holder: Option<&str>) -> Result<(), PlatformError> {
        if let Some(held_by) = &self.record().held_by
            && holder != Some(held_by)
        {
            return Err(self.held(&held_by.clone()));
        }
        if self.runs() {
            return Ok(());
        }
        self.must_not_be_saved()?;
        self.end_movers();
        let mut record = self.record().clone();
        record.write_epoch += 1;
        record.settled_at = 0;
        let held = record.held_by.is_some();
        self.save(record)?;
        if held {
            self.define_unfenced()?;
        }
        let started = self.virsh(&["start", &self.id()]);
        if held {
            let record = self.record().clone();
            self.define(&record, &BTreeMap::new())?;
        }
        started.map(drop)
    }

    /// See [`crate::Platform::power_off`].
    pub(super) fn power_off(&self) -> Result<(), PlatformError> {
        if !self.runs() {
            return Ok(());
        }
        let stopped = self.virsh(&["destroy", &self.id()]);
        // It may have gone off by itself meanwhile.
        if let Err(error) = stopped {
            let state = self.virsh(&["domstate", &self.id()])?;
            if state.trim() != "shut off" {
                return Err(error);
            }
        }
        Ok(())
    }

    /// See [`crate::Platform::request_shutdown`].
    pub(super) fn request_shutdown(&self) -> Result<(), PlatformError> {
        if !self.runs() {
            return Ok(());
        }
        // libvirt asks the agent, and presses the power button where none does as it is told.
        self.virsh(&["shutdown", &self.id(), "--mode", "agent,acpi"])
            .map(drop)
    }

    /// See [`crate::Platform::hold`].
    pub(super) fn hold(&mut self, holder: &str) -> Result<(), PlatformError> {
        if let Some(held_by) = &self.record().held_by
            && held_by != holder
        {
            return Err(self.held(&held_by.clone()));
        }
        self.must_not_be_saved()?;
        let mut record = self.record().clone();
        if record.held_by.is_none() {
            self.settle_epoch(&mut record)?;
        }
        record.held_by = Some(holder.to_owned());
        self.define(&record, &BTreeMap::new())
    }

    /// See [`crate::Platform::release`].
    pub(super) fn release(&mut self, holder: &str) -> Result<(), PlatformError> {
        match &self.record().held_by {
            Some(held_by) if held_by == holder => {}
            Some(held_by) => return Err(self.held(&held_by.clone())),
            None => return Ok(()),
        }
        self.end_movers();
        let mut record = self.record().clone();
        // What movers wrote while it was held counts as known: it is what the session proved.
        record.settled_at = self.changed_at()?;
        record.held_by = None;
        self.define(&record, &BTreeMap::new())
    }
}
