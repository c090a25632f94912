//! The production VM that a session makes, and removes again.

use hypervisor::PlatformError;
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
