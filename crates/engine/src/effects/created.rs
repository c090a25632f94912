//! The production VM that a session makes, and removes again.

use hypervisor::{PlatformError, Retry};
use model::NewVm;

use super::{Performed, Stage};
use crate::failure::{Contradiction, EffectError};

pub(super) fn create(stage: &Stage) -> Result<Performed, EffectError> {
    let spec = spec(stage)?;
    let warnings = stage.production.create_vm(spec, stage.holder())?;
    Ok(Performed {
        warnings,
        ..Performed::saying(spec.name.clone())
    })
}

pub(super) fn remove(stage: &Stage) -> Result<Performed, EffectError> {
    stage
        .production
        .remove_vm(&stage.production_vm, stage.holder())?;
    Ok(Performed::plain())
}

/// What cannot be carried is told and stops nothing: the replica is off, and its own is untouched.
pub(super) fn carry_firmware(stage: &Stage) -> Result<Performed, EffectError> {
    let state = stage.dr.firmware_state(&stage.replica_vm)?;
    if state.is_empty() && state.left.is_empty() {
        return Ok(Performed::saying("the replica has none"));
    }
    let set = stage
        .production
        .set_firmware_state(&stage.production_vm, &state);
    let refused = match set {
        Ok(refused) => refused,
        Err(error) if error.retry() == Retry::Temporary => return Err(error.into()),
        Err(error @ PlatformError::MustBeOff { .. }) => return Err(error.into()),
        Err(error) => vec![error.to_string()],
    };
    let left = state.left.iter().chain(&refused);
    let warnings = left
        .map(|why| {
            format!("The new VM does not have all that the replica's firmware keeps: {why}.")
        })
        .collect();
    Ok(Performed {
        warnings,
        ..Performed::saying(state.words())
    })
}

/// Whether the new VM's firmware keeps what the replica's does.
pub(super) fn has_firmware(stage: &Stage) -> Result<bool, EffectError> {
    let replica = stage.dr.firmware_state(&stage.replica_vm)?;
    if replica.is_empty() || !replica.left.is_empty() {
        // Said when it is carried.
        return Ok(false);
    }
    let made = stage.production.firmware_state(&stage.production_vm)?;
    Ok(made.is_same(&replica))
}

/// Whether this session made it already.
pub(super) fn is_made(stage: &Stage) -> Result<bool, EffectError> {
    let maker = stage.production.created_by(&stage.production_vm)?;
    Ok(maker.as_deref() == Some(stage.holder()))
}

/// Whether there is no such VM.
pub(super) fn is_gone(stage: &Stage) -> Result<bool, EffectError> {
    match stage.production.vm(&stage.production_vm) {
        Ok(_) => Ok(false),
        Err(PlatformError::NoVm(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn spec(stage: &Stage) -> Result<&NewVm, EffectError> {
    let chosen = stage.choices.new_vm.as_ref();
    chosen.ok_or(EffectError::Contradiction(Contradiction::NoSpec))
}
