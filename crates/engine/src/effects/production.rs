//! Effects on the production VM.

use failback::Done;
use model::{DiskInfo, DiskKey, PowerState, VmInfo};

use super::{Performed, Stage};
use crate::{
    failure::{Contradiction, EffectError},
    names::{pre_failback_layer, working_layer},
};

/// Both VMs still have the disks that the session was planned for.
pub(super) fn prove(stage: &Stage) -> Result<Performed, EffectError> {
    let production = stage.production.vm(&stage.production_vm)?;
    let replica = stage.dr.vm(&stage.replica_vm)?;
    for planned in &stage.disks {
        for (side, vm, key) in [
            ("production", &production, &planned.target),
            ("replica", &replica, &planned.key),
        ] {
            let found = find(vm, key);
            let what = match found {
                None => "it is gone".to_owned(),
                Some(disk) if disk.size != planned.size => {
                    format!("it has {} instead of {}", disk.size, planned.size)
                }
                Some(_) => continue,
            };
            let disk = planned.name.clone();
            return Err(EffectError::Contradiction(Contradiction::Layout {
                disk,
                side,
                what,
            }));
        }
    }
    let production_on = production.power != PowerState::Off;
    Ok(Performed {
        said: Some(format!(
            "{} of {}",
            counted(stage.disks.len()),
            production.name
        )),
        ..Performed::with(Done::Proved { production_on })
    })
}

fn counted(disks: usize) -> String {
    match disks {
        1 => "1 disk".to_owned(),
        more => format!("{more} disks"),
    }
}

fn find<'a>(vm: &'a VmInfo, key: &DiskKey) -> Option<&'a DiskInfo> {
    vm.disks.iter().find(|disk| disk.key == *key)
}

pub(super) fn hold(stage: &Stage) -> Result<Performed, EffectError> {
    stage
        .production
        .hold(&stage.production_vm, stage.holder())?;
    Ok(Performed::plain())
}

pub(super) fn power_off(stage: &Stage) -> Result<Performed, EffectError> {
    stage.production.power_off(&stage.production_vm)?;
    Ok(Performed::plain())
}

pub(super) fn create_pre_failback(stage: &Stage) -> Result<Performed, EffectError> {
    let layer = pre_failback_layer(&stage.session);
    stage
        .production
        .layer_create(&stage.production_vm, &layer, stage.holder())?;
    Ok(Performed::plain())
}

pub(super) fn create_working(stage: &Stage, pass: u32) -> Result<Performed, EffectError> {
    let layer = working_layer(&stage.session, pass);
    stage
        .production
        .layer_create(&stage.production_vm, &layer, stage.holder())?;
    Ok(Performed::plain())
}

pub(super) fn merge_working(stage: &Stage, pass: u32) -> Result<Performed, EffectError> {
    let layer = working_layer(&stage.session, pass);
    stage.production.layer_merge(&stage.production_vm, &layer)?;
    Ok(Performed::plain())
}

pub(super) fn merge_pre_failback(stage: &Stage) -> Result<Performed, EffectError> {
    let layer = pre_failback_layer(&stage.session);
    let size = stage.production.layer_size(&stage.production_vm, &layer)?;
    stage.production.layer_merge(&stage.production_vm, &layer)?;
    Ok(Performed::saying(format!("{size} merged")))
}

pub(super) fn drop_working(stage: &Stage, pass: u32) -> Result<Performed, EffectError> {
    let layer = working_layer(&stage.session, pass);
    stage.production.layer_drop(&stage.production_vm, &layer)?;
    Ok(Performed::plain())
}

pub(super) fn drop_pre_failback(stage: &Stage) -> Result<Performed, EffectError> {
    let layer = pre_failback_layer(&stage.session);
    stage.production.layer_drop(&stage.production_vm, &layer)?;
    Ok(Performed::plain())
}

pub(super) fn associate_policy(
    stage: &Stage,
    policy: Option<&str>,
) -> Result<Performed, EffectError> {
    stage
        .production
        .set_storage_policy(&stage.production_vm, policy)?;
    Ok(Performed::saying(policy.unwrap_or("none")))
}

pub(super) fn write_epoch(stage: &Stage) -> Result<Performed, EffectError> {
    let epoch = stage.production.write_epoch(&stage.production_vm)?;
    Ok(Performed::with(Done::WriteEpoch(epoch)))
}

pub(super) fn release(stage: &Stage) -> Result<Performed, EffectError> {
    stage
        .production
        .release(&stage.production_vm, stage.holder())?;
    Ok(Performed::plain())
}

pub(super) fn power_on(stage: &Stage) -> Result<Performed, EffectError> {
    stage.production.power_on(&stage.production_vm, None)?;
    Ok(Performed::plain())
}
