//! Effects on the replica.

use std::time::{Duration, Instant};

use failback::Done;
use hypervisor::{Consistency, KeptPoint, Platform};
use model::{PowerState, ReplicaState, VmRef};
use mover::Controls;

use super::{Performed, Stage};
use crate::{
    failure::{Contradiction, EffectError},
    names::protective_point,
};

/// How often a guest that shuts down is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How often a guest is asked to shut down: one that has just begun to boot does not hear it.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// Asks the guest to shut down, waits as long as the platform grants, then powers off.
pub(super) async fn shut_down(stage: Stage, controls: Controls) -> Result<Performed, EffectError> {
    let timeout = stage.dr.capabilities().shutdown_timeout;
    let (dr, vm) = (stage.dr.clone(), stage.replica_vm.clone());
    if power(&dr, &vm).await? == PowerState::Off {
        return Ok(Performed::saying("was off"));
    }
    let began = Instant::now();
    blocking(&dr, &vm, |dr, vm| dr.request_shutdown(vm)).await?;
    let mut asked = began;
    while power(&dr, &vm).await? != PowerState::Off {
        if controls.is_cancelled() {
            return Err(EffectError::Stopped);
        }
        if began.elapsed() >= timeout {
            blocking(&dr, &vm, |dr, vm| dr.power_off(vm)).await?;
            if power(&dr, &vm).await? != PowerState::Off {
                return Err(EffectError::Contradiction(Contradiction::StillOn));
            }
            let text = format!(
                "The guest did not shut down within {} s and was powered off.",
                timeout.as_secs()
            );
            return Ok(Performed {
                warnings: vec![text],
                ..Performed::saying("powered off")
            });
        }
        if asked.elapsed() >= ASK_AGAIN {
            asked = Instant::now();
            // It may have gone off just now, and then there is nobody to ask.
            if let Err(error) = blocking(&dr, &vm, |dr, vm| dr.request_shutdown(vm)).await {
                tracing::debug!(%error, "the guest was not asked again");
            }
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(Performed::saying(format!(
        "the guest shut down in {:.1} s",
        began.elapsed().as_secs_f64()
    )))
}

async fn power(
    platform: &std::sync::Arc<dyn Platform>,
    vm: &VmRef,
) -> Result<PowerState, EffectError> {
    blocking(platform, vm, |platform, vm| {
        platform.vm(vm).map(|vm| vm.power)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    platform: &std::sync::Arc<dyn Platform>,
    vm: &VmRef,
    call: impl FnOnce(&dyn Platform, &VmRef) -> Result<T, hypervisor::PlatformError> + Send + 'static,
) -> Result<T, EffectError> {
    let (platform, vm) = (platform.clone(), vm.clone());
    Ok(tokio::task::spawn_blocking(move || call(platform.as_ref(), &vm)).await??)
}

pub(super) fn freeze(stage: &Stage, pass: u32) -> Result<Performed, EffectError> {
    let point = protective_point(&stage.session, pass);
    let frozen = stage.dr.freeze(&stage.replica_vm, &point, stage.holder())?;
    let performed = Performed::with(Done::Frozen(frozen.epoch));
    Ok(match frozen.consistency {
        failed @ Consistency::AgentFailed(_) => Performed {
            warnings: vec![format!("The replica's point is {failed}.")],
            ..performed
        },
        as_asked @ (Consistency::Off | Consistency::Frozen | Consistency::NoAgent) => Performed {
            said: Some(as_asked.to_string()),
            ..performed
        },
    })
}

pub(super) fn drop_point(stage: &Stage, pass: u32) -> Result<Performed, EffectError> {
    let point = protective_point(&stage.session, pass);
    stage
        .dr
        .drop_point(&stage.replica_vm, &point, stage.holder())?;
    Ok(Performed::plain())
}

pub(super) fn set_hold(stage: &Stage, on_hold: bool) -> Result<Performed, EffectError> {
    stage.dr.set_replication_hold(&stage.replica, on_hold)?;
    Ok(Performed::plain())
}

pub(super) fn keep_restore_point(
    stage: &Stage,
    pass: u32,
    common: bool,
) -> Result<Performed, EffectError> {
    let name = &protective_point(&stage.session, pass);
    let kept = Some(KeptPoint { name, common });
    stage
        .dr
        .set_replica_state(&stage.replica, ReplicaState::Ready, kept)?;
    Ok(Performed::plain())
}

pub(super) fn repoint_jobs(stage: &Stage) -> Result<Performed, EffectError> {
    stage
        .dr
        .repoint_jobs(&stage.replica, &stage.production_vm, &stage.renamed_pairs())?;
    Ok(Performed::plain())
}

pub(super) fn revert(stage: &Stage, pass: u32) -> Result<Performed, EffectError> {
    stage
        .dr
        .revert(&stage.replica_vm, &protective_point(&stage.session, pass))?;
    Ok(Performed::plain())
}

pub(super) fn power_on(stage: &Stage) -> Result<Performed, EffectError> {
    stage.dr.power_on(&stage.replica_vm, None)?;
    Ok(Performed::plain())
}
