//! Whether an effect is done already: asked of the platform, never remembered.

use failback::{Done, Effect};
use hypervisor::{LayerName, ReplicaRecord};
use model::{PointName, PowerState, ReplicaState};

use super::{Stage, created};
use crate::{
    failure::{Contradiction, EffectError},
    names::{pre_failback_layer, protective_point, working_layer},
};

impl Stage {
    /// What came of the effect when it is done; none when it is still to do.
    ///
    /// # Errors
    /// When the platform cannot say, or what is there contradicts the effect: unknown means stop
    /// and ask.
    pub(super) fn probe(&self, effect: Effect) -> Result<Option<Done>, EffectError> {
        let done = match effect {
            Effect::HoldProduction => self.held_by_us()?,
            // Whoever else holds it got it from somebody other than us.
            Effect::ReleaseProduction => {
                self.holder_of_production()? != Some(self.holder().to_owned())
            }
            Effect::PowerOffProduction => {
                self.production.vm(&self.production_vm)?.power == PowerState::Off
            }
            Effect::PowerOnProduction => {
                self.production.vm(&self.production_vm)?.power == PowerState::On
            }
            Effect::PowerOnReplica => self.dr.vm(&self.replica_vm)?.power == PowerState::On,
            Effect::CreatePreFailbackLayer => self.layer(&pre_failback_layer(&self.session))?,
            Effect::CreateWorkingLayer { pass } => {
                self.layer(&working_layer(&self.session, pass))?
            }
            Effect::MergePreFailbackLayer | Effect::DropPreFailbackLayer => {
                !self.layer(&pre_failback_layer(&self.session))?
            }
            Effect::MergeWorkingLayer { pass } | Effect::DropWorkingLayer { pass } => {
                !self.layer(&working_layer(&self.session, pass))?
            }
            Effect::FreezeReplica { pass } | Effect::FreezeReplicaFinal { pass } => {
                let point = protective_point(&self.session, pass);
                return Ok(self.point_epoch(&point)?.map(Done::Frozen));
            }
            Effect::DropProtectivePoint { pass } => self
                .point_epoch(&protective_point(&self.session, pass))?
                .is_none(),
            Effect::HoldReplication => self.replication_on_hold()?,
            Effect::ReleaseReplication => !self.replication_on_hold()?,
            Effect::KeepRestorePoint { pass, .. } => self.kept(pass)?,
            Effect::CreateProductionVm => created::is_made(self)?,
            Effect::RemoveProductionVm => created::is_gone(self)?,
            Effect::AssociateStoragePolicy => {
                self.production_policy()? == self.choices.storage_policy
            }
            Effect::RestoreStoragePolicy => self.production_policy()? == self.choices.policy_before,
            Effect::CarryFirmwareState => created::has_firmware(self)?,
            Effect::RepointJobs => self.jobs_name_production()?,
            // The store is asked where the pointer is moved and the certificate signed; reading has no trace, a transfer has its journal, reverting twice is reverting once.
            Effect::MoveProductionPointer
            | Effect::RestoreProductionPointer
            | Effect::ProveTarget
            | Effect::CheckProductionUntouched { .. }
            | Effect::Certify { .. }
            | Effect::Transfer { .. }
            | Effect::ShutDownReplica
            | Effect::RevertReplica { .. } => false,
        };
        Ok(done.then_some(Done::Plain))
    }

    fn holder_of_production(&self) -> Result<Option<String>, EffectError> {
        Ok(self.production.vm(&self.production_vm)?.held_by)
    }

    fn held_by_us(&self) -> Result<bool, EffectError> {
        match self.holder_of_production()? {
            None => Ok(false),
            Some(holder) if holder == self.holder() => Ok(true),
            Some(holder) => Err(EffectError::Contradiction(Contradiction::HeldByOther {
                holder,
            })),
        }
    }

    fn layer(&self, layer: &LayerName) -> Result<bool, EffectError> {
        Ok(self.production.layer_exists(&self.production_vm, layer)?)
    }

    pub(super) fn point_epoch(
        &self,
        point: &PointName,
    ) -> Result<Option<model::EpochId>, EffectError> {
        let points = self.dr.points(&self.replica_vm)?;
        Ok(points
            .into_iter()
            .find(|there| there.name == *point)
            .map(|there| there.epoch))
    }

    fn production_policy(&self) -> Result<Option<String>, EffectError> {
        Ok(self.production.vm(&self.production_vm)?.storage_policy)
    }

    fn replication_on_hold(&self) -> Result<bool, EffectError> {
        Ok(self
            .replica_record()?
            .is_some_and(|replica| replica.on_hold))
    }

    /// The replica follows the production VM, with the same pairs of disks, and no job names
    /// another VM in its place.
    fn jobs_name_production(&self) -> Result<bool, EffectError> {
        Ok(self.replica_record()?.is_some_and(|replica| {
            replica.original == self.production_vm && replica.disk_pairs == self.renamed_pairs()
        }))
    }

    /// The replica is Ready, and its restore point is that of the pass: an older one may be kept.
    fn kept(&self, pass: u32) -> Result<bool, EffectError> {
        let point = protective_point(&self.session, pass);
        Ok(self.replica_record()?.is_some_and(|replica| {
            let kept = replica.restore_point.is_some_and(|kept| kept.name == point);
            replica.state == ReplicaState::Ready && kept
        }))
    }

    fn replica_record(&self) -> Result<Option<ReplicaRecord>, EffectError> {
        let inventory = self.dr.inventory(&self.replica_vm.site)?;
        let mut replicas = inventory.replicas.into_iter();
        Ok(replicas.find(|replica| replica.id == self.replica))
    }
}
