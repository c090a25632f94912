//! Effects performed at platforms: first asked whether they are done, then done, then told.
//!
//! One path for the first try, a retry and a restart: every effect is probed before it is
//! performed, so that nothing is done twice.

mod carry;
mod certify;
mod created;
mod pointer;
mod probe;
mod production;
mod replica;
mod transfer;

use std::{path::PathBuf, sync::Arc};

use failback::{Done, Effect};
use hypervisor::Platform;
use model::{
    BytesPerSecond, Destination, DiskPair, ProtectedVmId, ReplicaId, SessionChoices, SessionId,
    VmRef,
};
use mover::Controls;
use proof::KeyStore;
use store::{SessionDisk, Store};

use crate::{digests, failure::EffectError, live::LiveWork, proxies::Proxies};

/// What one session's effects work on.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) session: SessionId,
    pub(crate) replica: ReplicaId,
    pub(crate) protected: ProtectedVmId,
    /// What was the production VM before the session; none where that was not recorded.
    pub(crate) previous_production: Option<VmRef>,
    pub(crate) destination: Destination,
    pub(crate) choices: SessionChoices,
    pub(crate) replica_vm: VmRef,
    pub(crate) production_vm: VmRef,
    pub(crate) disks: Vec<SessionDisk>,
    pub(crate) limit: Option<BytesPerSecond>,
    /// The platform of the replica's site.
    pub(crate) dr: Arc<dyn Platform>,
    /// The platform of the production VM's site.
    pub(crate) production: Arc<dyn Platform>,
    pub(crate) data_dir: PathBuf,
    pub(crate) proxies: Proxies,
    pub(crate) live: LiveWork,
    pub(crate) store: Store,
    pub(crate) keys: KeyStore,
}

/// What came of an effect, and what there is to say about it.
#[derive(Clone, Debug)]
pub(crate) struct Performed {
    pub(crate) done: Done,
    pub(crate) said: Option<String>,
    /// Lines for the session's log that people should not miss.
    pub(crate) warnings: Vec<String>,
}

impl Performed {
    fn plain() -> Self {
        Self::with(Done::Plain)
    }

    fn with(done: Done) -> Self {
        Self {
            done,
            said: None,
            warnings: Vec::new(),
        }
    }

    fn saying(text: impl Into<String>) -> Self {
        Self {
            said: Some(text.into()),
            ..Self::plain()
        }
    }
}

impl Stage {
    fn holder(&self) -> &str {
        self.session.as_str()
    }

    /// The pairs of disks whose keys differ.
    fn renamed_pairs(&self) -> Vec<DiskPair> {
        let differ = self.disks.iter().filter(|disk| disk.key != disk.target);
        differ
            .map(|disk| DiskPair {
                replica: disk.key.clone(),
                production: disk.target.clone(),
            })
            .collect()
    }

    /// Bytes that the layer above production's own content takes.
    pub(crate) fn undo_space(&self) -> Result<model::ByteCount, EffectError> {
        let layer = crate::names::pre_failback_layer(&self.session);
        Ok(self.production.layer_size(&self.production_vm, &layer)?)
    }

    /// Performs an effect unless it is done already.
    pub(crate) async fn perform(
        self,
        effect: Effect,
        controls: Controls,
    ) -> Result<Performed, EffectError> {
        if let Effect::Transfer {
            pass,
            scope,
            unreadable,
        } = effect
        {
            let pass = transfer::Pass {
                number: pass,
                scope,
                unreadable,
            };
            return transfer::run(self, pass, controls).await;
        }
        if let Effect::Certify { pass, since } = effect {
            return certify::run(self, pass, since).await;
        }
        if effect == Effect::ShutDownReplica {
            return replica::shut_down(self, controls).await;
        }
        if effect == Effect::MoveProductionPointer {
            return pointer::move_to_production(&self).await;
        }
        if effect == Effect::RestoreProductionPointer {
            return pointer::restore(&self).await;
        }
        tokio::task::spawn_blocking(move || self.perform_once(effect)).await?
    }

    fn perform_once(&self, effect: Effect) -> Result<Performed, EffectError> {
        // Also of an effect that is done: the console may have died between the two.
        match becomes_of_newest(effect) {
            Newest::Same => {}
            Newest::Other => self.forget_digests()?,
            Newest::Base { pass } => self.disown_digests(pass)?,
        }
        match self.probe(effect)? {
            Some(done) => Ok(Performed {
                said: Some("nothing to do, it is so already".to_owned()),
                ..Performed::with(done)
            }),
            None => self.perform_blocking(effect),
        }
    }

    /// Before production's newest layer holds something else than what was kept of it.
    fn forget_digests(&self) -> Result<(), EffectError> {
        digests::remove(&self.data_dir, &self.production_vm)
            .map_err(|source| EffectError::Digests { source })
    }

    /// Before production returns to what it held when the pass began. What the pass kept of it is
    /// not believed any more; the next one carries over what lies outside its own ranges.
    fn disown_digests(&self, pass: u32) -> Result<(), EffectError> {
        for disk in &self.disks {
            let kept = transfer::newest_digests(self, disk, None)?;
            mover::disown(&kept, &transfer::task_key(self, disk, pass)).map_err(|source| {
                EffectError::Digests {
                    source: std::io::Error::other(source),
                }
            })?;
        }
        Ok(())
    }

    /// A session that is over leaves both VMs to their guests: what was kept of their disks is of no
    /// more use.
    pub(crate) fn end_digests(&self) {
        for vm in [&self.production_vm, &self.replica_vm] {
            if let Err(error) = digests::remove(&self.data_dir, vm) {
                tracing::warn!(session.id = %self.session, %error, "digests stay behind");
            }
        }
    }

    fn perform_blocking(&self, effect: Effect) -> Result<Performed, EffectError> {
        match effect {
            Effect::ProveTarget => production::prove(self),
            Effect::HoldProduction => production::hold(self),
            Effect::PowerOffProduction => production::power_off(self),
            Effect::CreatePreFailbackLayer => production::create_pre_failback(self),
            Effect::CreateWorkingLayer { pass } => production::create_working(self, pass),
            Effect::MergeWorkingLayer { pass } => production::merge_working(self, pass),
            Effect::CheckProductionUntouched { .. } => production::write_epoch(self),
            Effect::ReleaseProduction => production::release(self),
            Effect::PowerOnProduction => production::power_on(self),
            Effect::MergePreFailbackLayer => production::merge_pre_failback(self),
            Effect::DropWorkingLayer { pass } => production::drop_working(self, pass),
            Effect::DropPreFailbackLayer => production::drop_pre_failback(self),
            Effect::FreezeReplica { pass } | Effect::FreezeReplicaFinal { pass } => {
                replica::freeze(self, pass)
            }
            Effect::DropProtectivePoint { pass } => replica::drop_point(self, pass),
            Effect::HoldReplication => replica::set_hold(self, true),
            Effect::ReleaseReplication => replica::set_hold(self, false),
            Effect::KeepRestorePoint { pass, common } => {
                replica::keep_restore_point(self, pass, common)
            }
            Effect::RevertReplica { pass } => replica::revert(self, pass),
            Effect::PowerOnReplica => replica::power_on(self),
            Effect::CreateProductionVm => created::create(self),
            Effect::RemoveProductionVm => created::remove(self),
            Effect::AssociateStoragePolicy => {
                production::associate_policy(self, self.choices.storage_policy.as_deref())
            }
            Effect::RestoreStoragePolicy => {
                production::associate_policy(self, self.choices.policy_before.as_deref())
            }
            Effect::CarryFirmwareState => created::carry_firmware(self),
            Effect::RepointJobs => replica::repoint_jobs(self),
            Effect::Transfer { .. }
            | Effect::Certify { .. }
            | Effect::ShutDownReplica
            | Effect::MoveProductionPointer
            | Effect::RestoreProductionPointer => {
                unreachable!("performed by their own async paths")
            }
        }
    }
}

/// What production's newest layer holds after an effect.
enum Newest {
    /// The same, or what a transfer wrote, which keeps the digests up to date.
    Same,
    /// What it held when a pass began.
    Base {
        /// The pass.
        pass: u32,
    },
    /// Something else.
    Other,
}

const fn becomes_of_newest(effect: Effect) -> Newest {
    match effect {
        Effect::CreateProductionVm | Effect::RemoveProductionVm | Effect::DropPreFailbackLayer => {
            Newest::Other
        }
        Effect::DropWorkingLayer { pass } => Newest::Base { pass },
        Effect::ProveTarget
        | Effect::HoldProduction
        | Effect::PowerOffProduction
        | Effect::CreatePreFailbackLayer
        | Effect::CreateWorkingLayer { .. }
        | Effect::FreezeReplica { .. }
        | Effect::FreezeReplicaFinal { .. }
        | Effect::Transfer { .. }
        | Effect::MergeWorkingLayer { .. }
        | Effect::CheckProductionUntouched { .. }
        | Effect::Certify { .. }
        | Effect::ShutDownReplica
        | Effect::DropProtectivePoint { .. }
        | Effect::HoldReplication
        | Effect::MoveProductionPointer
        | Effect::RestoreProductionPointer
        | Effect::AssociateStoragePolicy
        | Effect::RestoreStoragePolicy
        | Effect::CarryFirmwareState
        | Effect::RepointJobs
        | Effect::ReleaseProduction
        | Effect::PowerOnProduction
        | Effect::MergePreFailbackLayer
        | Effect::KeepRestorePoint { .. }
        | Effect::ReleaseReplication
        | Effect::RevertReplica { .. }
        | Effect::PowerOnReplica => Newest::Same,
    }
}
