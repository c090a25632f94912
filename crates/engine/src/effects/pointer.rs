//! The pointer to the production VM: in the store, moved in one transaction, and asked first.

use model::VmRef;

use super::{Performed, Stage};
use crate::failure::{Contradiction, EffectError};

/// The production VM of this session takes the place of what was there before it.
pub(super) async fn move_to_production(stage: &Stage) -> Result<Performed, EffectError> {
    let before = before(stage)?;
    move_pointer(stage, before, &stage.production_vm).await
}

/// What was there before the session is there again.
pub(super) async fn restore(stage: &Stage) -> Result<Performed, EffectError> {
    let before = before(stage)?;
    move_pointer(stage, &stage.production_vm, before).await
}

fn before(stage: &Stage) -> Result<&VmRef, EffectError> {
    let known = stage.previous_production.as_ref();
    known.ok_or(EffectError::Contradiction(Contradiction::NoPointer))
}

async fn move_pointer(stage: &Stage, from: &VmRef, to: &VmRef) -> Result<Performed, EffectError> {
    let row = stage.store.protected_vm_fetch(&stage.protected).await?;
    if row.is_some_and(|row| row.production == *to) {
        return Ok(Performed::saying("nothing to do, it is so already"));
    }
    stage
        .store
        .protected_vm_move_production(&stage.protected, from, to)
        .await?;
    Ok(Performed::saying(to.to_string()))
}
