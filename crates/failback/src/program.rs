//! What each activity does, step by step. Every effect may be asked for twice; the second time it
//! finds what the first one did.

use model::{CancelKind, CommonPoint, Destination, EpochId, StepName};

use crate::{Activity, Session};

/// How much of the disks a transfer looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Whole,
    /// What the replica wrote since this epoch opened.
    Since(EpochId),
    /// What either side wrote since both held the same: a hint, checked by a sample of the rest.
    SinceCommon(CommonPoint),
}

/// What to do with sectors of the replica that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Stop and ask.
    Stop,
    /// Leave what production has there, and go on.
    Leave,
}

/// One thing the shell does at a platform. Layers and points are named by session and pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make an empty VM from the replica's configuration, where the operator chose.
    CreateProductionVm,
    /// Prove identity and layout of the target.
    ProveTarget,
    /// Keep everybody else from starting the production VM.
    HoldProduction,
    /// Power off the production VM.
    PowerOffProduction,
    /// Make the layer below which production's own content stays.
    CreatePreFailbackLayer,
    /// Make the layer in which a pass lands.
    CreateWorkingLayer {
        /// The pass.
        pass: u32,
    },
    /// Take the protective point of a pass while the replica serves.
    FreezeReplica {
        /// The pass.
        pass: u32,
    },
    /// Take the protective point of the pre-failback state, after the replica went off.
    FreezeReplicaFinal {
        /// The pass.
        pass: u32,
    },
    /// Find, send and verify what differs, from the pass's point into its layer.
    Transfer {
        /// The pass.
        pass: u32,
        /// How much to look at.
        scope: Scope,
        /// What to do with sectors of the replica that cannot be read.
        unreadable: Unreadable,
    },
    /// Merge the layer of a pass into the one below.
    MergeWorkingLayer {
        /// The pass.
        pass: u32,
    },
    /// Read production's write epoch and compare it, when one is expected.
    CheckProductionUntouched {
        /// What it was when Landfall took hold; none to read it for the first time.
        expected: Option<u64>,
    },
    /// Sign what this pass and those before it proved, before production can start.
    Certify {
        /// The pass.
        pass: u32,
        /// The epoch since which the pass looked at what was written; none of a whole one.
        since: Option<EpochId>,
    },
    /// Shut down the replica's guest, after the time-out power it off.
    ShutDownReplica,
    /// Remove the protective point of a pass; the replica's content stays.
    DropProtectivePoint {
        /// The pass.
        pass: u32,
    },
    /// Put replication of the VM on hold.
    HoldReplication,
    /// Record the production VM in the original's place.
    MoveProductionPointer,
    /// Record again what was recorded before the session.
    RestoreProductionPointer,
    /// Associate the production VM with the storage policy that was chosen.
    AssociateStoragePolicy,
    /// Associate it with the storage policy that it had before the session.
    RestoreStoragePolicy,
    /// Give the firmware of the VM that this session made what the replica's keeps on no disk.
    CarryFirmwareState,
    /// Make every job that named the original name the production VM.
    RepointJobs,
    /// Remove the VM that this session made, and nothing else.
    RemoveProductionVm,
    /// Let everybody start the production VM again.
    ReleaseProduction,
    /// Power on the production VM.
    PowerOnProduction,
    /// Merge the layer above production's old content into it.
    MergePreFailbackLayer,
    /// Make the protective point of a pass a restore point and the replica Ready.
    KeepRestorePoint {
        /// The pass.
        pass: u32,
        /// Both sides hold the same as of it: nothing was left out.
        common: bool,
    },
    /// Let replication of the VM go on.
    ReleaseReplication,
    /// Drop the layer of a pass.
    DropWorkingLayer {
        /// The pass.
        pass: u32,
    },
    /// Drop the layer above production's old content.
    DropPreFailbackLayer,
    /// Return the replica to the protective point of a pass.
    RevertReplica {
        /// The pass.
        pass: u32,
    },
    /// Power on the replica.
    PowerOnReplica,
}

impl Effect {
    /// The effect's name for people and for the effect log.
    #[must_use]
    pub const fn step(self) -> StepName {
        match self {
            Self::CreateProductionVm => StepName::CreateProductionVm,
            Self::ProveTarget => StepName::ProveTarget,
            Self::HoldProduction => StepName::HoldProduction,
            Self::PowerOffProduction => StepName::PowerOffProduction,
            Self::CreatePreFailbackLayer => StepName::CreatePreFailbackLayer,
            Self::CreateWorkingLayer { .. } => StepName::CreateWorkingLayer,
            Self::FreezeReplica { .. } => StepName::FreezeReplica,
            Self::FreezeReplicaFinal { .. } => StepName::FreezeReplicaFinal,
            Self::Transfer { .. } => StepName::Transfer,
            Self::MergeWorkingLayer { .. } => StepName::MergeWorkingLayer,
            Self::CheckProductionUntouched { .. } => StepName::CheckProductionUntouched,
            Self::Certify { .. } => StepName::Certify,
            Self::ShutDownReplica => StepName::ShutDownReplica,
            Self::DropProtectivePoint { .. } => StepName::DropProtectivePoint,
            Self::HoldReplication => StepName::HoldReplication,
            Self::MoveProductionPointer => StepName::MoveProductionPointer,
            Self::RestoreProductionPointer => StepName::RestoreProductionPointer,
            Self::AssociateStoragePolicy => StepName::AssociateStoragePolicy,
            Self::RestoreStoragePolicy => StepName::RestoreStoragePolicy,
            Self::CarryFirmwareState => StepName::CarryFirmwareState,
            Self::RepointJobs => StepName::RepointJobs,
            Self::RemoveProductionVm => StepName::RemoveProductionVm,
            Self::ReleaseProduction => StepName::ReleaseProduction,
            Self::PowerOnProduction => StepName::PowerOnProduction,
            Self::MergePreFailbackLayer => StepName::MergePreFailbackLayer,
            Self::KeepRestorePoint { .. } => StepName::KeepRestorePoint,
            Self::ReleaseReplication => StepName::ReleaseReplication,
            Self::DropWorkingLayer { .. } => StepName::DropWorkingLayer,
            Self::DropPreFailbackLayer => StepName::DropPreFailbackLayer,
            Self::RevertReplica { .. } => StepName::RevertReplica,
            Self::PowerOnReplica => StepName::PowerOnReplica,
        }
    }
}

/// The effects of an activity in order. They depend only on fields of the session that stay as
/// they are while the activity is at work.
pub(crate) fn of(session: &Session, activity: Activity) -> Vec<Effect> {
    match activity {
        Activity::Synchronize { again } => synchronize(session, again),
        Activity::CatchUp => catch_up(session),
        Activity::Switch => switch(session),
        Activity::Commit => commit(session),
        Activity::Undo { switched: true } => undo_after_switch(session),
        Activity::Undo { switched: false } | Activity::Cancel(CancelKind::Synchronization) => {
            restore_production(session)
        }
        Activity::Cancel(CancelKind::Switchover | CancelKind::Resynchronization) => {
            take_back_switch(session)
        }
        Activity::Cancel(CancelKind::CatchUp) => take_back_pass(session.pass),
    }
}

/// What a destination means for the steps.
impl Session {
    /// The session makes its production VM, so there is no content of before to keep.
    const fn creates_vm(&self) -> bool {
        matches!(self.destination, Destination::SpecifiedLocation)
    }

    /// What the operator chose; nothing is left out unasked.
    const fn unreadable(&self) -> Unreadable {
        if self.leave_unreadable {
            Unreadable::Leave
        } else {
            Unreadable::Stop
        }
    }

    /// Another VM takes the original's place.
    const fn moves_pointer(&self) -> bool {
        matches!(
            self.destination,
            Destination::RecoveredVm | Destination::SpecifiedLocation
        )
    }
}

fn synchronize(session: &Session, again: bool) -> Vec<Effect> {
    let pass = session.pass;
    let mut effects = Vec::new();
    if session.creates_vm() && !again {
        effects.push(Effect::CreateProductionVm);
    }
    effects.extend([
        Effect::ProveTarget,
        Effect::HoldProduction,
        Effect::PowerOffProduction,
        Effect::CheckProductionUntouched { expected: None },
    ]);
    if !session.creates_vm() && !again {
        effects.push(Effect::CreatePreFailbackLayer);
    }
    effects.extend([
        Effect::CreateWorkingLayer { pass },
        Effect::FreezeReplica { pass },
        Effect::Transfer {
            pass,
            scope: first_scope(session, again),
            unreadable: session.unreadable(),
        },
        Effect::MergeWorkingLayer { pass },
    ]);
    if let Some(old) = session.settled_pass {
        effects.push(Effect::DropProtectivePoint { pass: old });
    }
    effects
}

/// Phase 1 runs again because somebody wrote to production: then nothing is hinted at any more.
fn first_scope(session: &Session, again: bool) -> Scope {
    let quick = session.quick.filter(|_| !again && !session.moves_pointer());
    quick.map_or(Scope::Whole, Scope::SinceCommon)
}

/// As the switchover moves what changed, but the replica serves on.
fn catch_up(session: &Session) -> Vec<Effect> {
    let pass = session.pass;
    let expected = session.write_epoch;
    // What was left out may be readable by now, and no record of writes names it.
    let since = session.settled_epoch.filter(|_| !session.left_out);
    let scope = since.map_or(Scope::Whole, Scope::Since);
    let mut effects = vec![
        Effect::CheckProductionUntouched { expected },
        Effect::CreateWorkingLayer { pass },
        Effect::FreezeReplica { pass },
        Effect::Transfer {
            pass,
            scope,
            unreadable: session.unreadable(),
        },
        Effect::CheckProductionUntouched { expected },
        Effect::MergeWorkingLayer { pass },
    ];
    if let Some(old) = session.settled_pass {
        effects.push(Effect::DropProtectivePoint { pass: old });
    }
    effects
}

fn switch(session: &Session) -> Vec<Effect> {
    let pass = session.pass;
    let expected = session.write_epoch;
    let scope = session.settled_epoch.map_or(Scope::Whole, Scope::Since);
    let mut effects = vec![
        Effect::CheckProductionUntouched { expected },
        Effect::CreateWorkingLayer { pass },
        Effect::ShutDownReplica,
        Effect::FreezeReplicaFinal { pass },
        Effect::Transfer {
            pass,
            scope,
            unreadable: session.unreadable(),
        },
        Effect::CheckProductionUntouched { expected },
        Effect::MergeWorkingLayer { pass },
        Effect::Certify {
            pass,
            since: session.settled_epoch,
        },
    ];
    if let Some(old) = session.settled_pass {
        effects.push(Effect::DropProtectivePoint { pass: old });
    }
    effects.push(Effect::HoldReplication);
    if session.moves_pointer() {
        effects.push(Effect::MoveProductionPointer);
    }
    if session.storage_policy {
        effects.push(Effect::AssociateStoragePolicy);
    }
    if session.creates_vm() {
        effects.push(Effect::CarryFirmwareState);
    }
    effects.push(Effect::ReleaseProduction);
    if session.power_on {
        effects.push(Effect::PowerOnProduction);
    }
    effects
}

fn commit(session: &Session) -> Vec<Effect> {
    let mut effects = Vec::new();
    if !session.creates_vm() {
        effects.push(Effect::MergePreFailbackLayer);
    }
    effects.push(Effect::KeepRestorePoint {
        pass: session.pass,
        common: !session.left_out,
    });
    if session.moves_pointer() {
        effects.push(Effect::RepointJobs);
    }
    effects.push(Effect::ReleaseReplication);
    effects
}

fn undo_after_switch(session: &Session) -> Vec<Effect> {
    let pass = session.pass;
    // A switchover that stopped on its way has not settled its pass.
    let stopped_on_the_way = session.settled_pass != Some(pass);
    let mut effects = vec![Effect::HoldProduction, Effect::PowerOffProduction];
    if session.creates_vm() {
        effects.push(Effect::RemoveProductionVm);
    } else {
        if stopped_on_the_way {
            effects.push(Effect::DropWorkingLayer { pass });
        }
        effects.push(Effect::DropPreFailbackLayer);
        if session.storage_policy {
            effects.push(Effect::RestoreStoragePolicy);
        }
    }
    effects.extend([
        Effect::RevertReplica { pass },
        Effect::DropProtectivePoint { pass },
    ]);
    if let Some(old) = session.settled_pass.filter(|_| stopped_on_the_way) {
        effects.push(Effect::DropProtectivePoint { pass: old });
    }
    if session.moves_pointer() {
        effects.push(Effect::RestoreProductionPointer);
    }
    effects.extend([Effect::ReleaseReplication, Effect::PowerOnReplica]);
    if !session.creates_vm() {
        effects.push(Effect::ReleaseProduction);
    }
    effects
}

/// The replica runs on untouched; what was done at production goes.
fn restore_production(session: &Session) -> Vec<Effect> {
    let mut effects = if session.creates_vm() {
        vec![Effect::RemoveProductionVm]
    } else {
        vec![
            Effect::DropWorkingLayer { pass: session.pass },
            Effect::DropPreFailbackLayer,
        ]
    };
    effects.push(Effect::DropProtectivePoint { pass: session.pass });
    if let Some(old) = session.settled_pass.filter(|old| *old != session.pass) {
        effects.push(Effect::DropProtectivePoint { pass: old });
    }
    if !session.creates_vm() {
        effects.push(Effect::ReleaseProduction);
    }
    effects
}

fn take_back_switch(session: &Session) -> Vec<Effect> {
    let mut effects = take_back_pass(session.pass);
    effects.push(Effect::PowerOnReplica);
    effects
}

fn take_back_pass(pass: u32) -> Vec<Effect> {
    vec![
        Effect::DropWorkingLayer { pass },
        Effect::DropProtectivePoint { pass },
    ]
}
