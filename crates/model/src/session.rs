//! A failback session as it is stored and shown: states, modes, operations and outcomes.
//!
//! The pure crate `failback` owns the rules; these are its plain twins for table and wire.

use serde::{Deserialize, Serialize};

use crate::{CommonPoint, EpochId, HealthGate, Timestamp};

/// Where replicas return to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The VM that was replicated.
    OriginalVm,
    /// The original VM, already restored somewhere else by other means.
    RecoveredVm,
    /// A VM that the session creates.
    SpecifiedLocation,
}

impl Destination {
    /// The destination as people read it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::OriginalVm => "The original VM",
            Self::RecoveredVm => "The original VM, recovered elsewhere",
            Self::SpecifiedLocation => "A specified location",
        }
    }
}

/// When the switchover follows phase 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
pub enum FailbackMode {
    /// At once.
    Auto,
    /// At a time, and not later than another.
    Scheduled {
        /// The instant.
        at: Timestamp,
        /// The IANA name of the zone in which it was chosen.
        zone: String,
        /// Past this instant it does not switch by itself.
        not_later_than: Timestamp,
    },
    /// On command.
    Manual,
}

/// Short passes while the session is ready to switch, so that the last one is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatchUp {
    /// Seconds from the end of one pass to the begin of the next; at least 1.
    pub every_seconds: u32,
}

/// What follows the switchover by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "timer")]
pub enum CommitTimer {
    /// Nothing: the operator decides.
    #[default]
    None,
    /// Commit when this long has passed since the switchover and every health gate is green then.
    CommitAfter {
        /// Seconds since the switchover.
        seconds: u32,
    },
    /// Undo once a health gate has failed for this long without a break.
    UndoAfter {
        /// Seconds of failure.
        seconds: u32,
    },
}

/// The states that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisibleState {
    /// The replica is kept up to date and does not run.
    Ready,
    /// The replica is being brought up to date.
    Processing,
    /// The replica runs in place of the production VM.
    Failover,
    /// Phase 1 is at work; the replica runs.
    Synchronizing,
    /// Phase 1 is done; the replica runs until the switchover.
    ReadyToSwitch,
    /// Phase 2 is at work.
    Switching,
    /// The production VM has taken over; commit or undo is to follow.
    Failback,
    /// Commit is at work.
    Committing,
    /// Undo is at work.
    Undoing,
    /// Cancel is at work.
    Cancelling,
}

impl VisibleState {
    /// The state in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Processing => "Processing",
            Self::Failover => "Failover",
            Self::Synchronizing => "Synchronizing",
            Self::ReadyToSwitch => "Ready to switch",
            Self::Switching => "Switching",
            Self::Failback => "Failback",
            Self::Committing => "Committing",
            Self::Undoing => "Undoing",
            Self::Cancelling => "Cancelling",
        }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The production VM has taken over for good.
    Committed,
    /// Both sides are as they were before the session.
    Undone,
    /// Stopped before the switchover; production's content is as before.
    Cancelled,
}

impl Outcome {
    /// The outcome in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Committed => "Committed",
            Self::Undone => "Undone",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// The steps of a session, as people see them and as the effect log names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// An empty VM is made from the replica's configuration.
    CreateProductionVm,
    /// Identity and layout of the target are proved.
    ProveTarget,
    /// The production VM is held so that nobody can start it.
    HoldProduction,
    /// The production VM is powered off.
    PowerOffProduction,
    /// Production's own content is kept below a new layer.
    CreatePreFailbackLayer,
    /// Transferred data lands in a layer of its own.
    CreateWorkingLayer,
    /// The protective snapshot of the replica, which opens a tracking epoch.
    FreezeReplica,
    /// Differences are found, sent and verified.
    Transfer,
    /// The working layer merges into the one below.
    MergeWorkingLayer,
    /// Nobody else wrote to production's disks.
    CheckProductionUntouched,
    /// The certificate says what was proved, while production is still off.
    Certify,
    /// The replica's guest is shut down.
    ShutDownReplica,
    /// The protective snapshot of the pre-failback state.
    FreezeReplicaFinal,
    /// A protective snapshot that is no longer needed goes.
    DropProtectivePoint,
    /// Replication of this VM goes on hold.
    HoldReplication,
    /// The pointer to the production VM moves.
    MoveProductionPointer,
    /// The pointer to the production VM returns to what it was.
    RestoreProductionPointer,
    /// The production VM is associated with the storage policy that was chosen.
    AssociateStoragePolicy,
    /// The production VM has the storage policy of before the session again.
    RestoreStoragePolicy,
    /// The production VM's firmware gets what the replica's keeps on no disk.
    CarryFirmwareState,
    /// Jobs that named the original VM name the production VM.
    RepointJobs,
    /// The VM that the session made is removed.
    RemoveProductionVm,
    /// The production VM may be started again.
    ReleaseProduction,
    /// The production VM is powered on.
    PowerOnProduction,
    /// Production's old content goes: the layer above merges into it.
    MergePreFailbackLayer,
    /// The protective snapshot becomes a restore point and the replica goes back to Ready.
    KeepRestorePoint,
    /// Replication of this VM resumes.
    ReleaseReplication,
    /// The working layer goes.
    DropWorkingLayer,
    /// Production gets its own content back.
    DropPreFailbackLayer,
    /// The replica returns to its protective snapshot.
    RevertReplica,
    /// The replica is powered on.
    PowerOnReplica,
}

impl StepName {
    /// The step in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::CreateProductionVm => "Create the production VM",
            Self::ProveTarget => "Prove identity and layout of the target",
            Self::HoldProduction => "Hold the production VM",
            Self::PowerOffProduction => "Power off the production VM",
            Self::CreatePreFailbackLayer => "Take the pre-failback snapshot",
            Self::CreateWorkingLayer => "Take the working snapshot",
            Self::FreezeReplica => "Take the protective snapshot of the replica",
            Self::Transfer => "Find, send and verify differences",
            Self::MergeWorkingLayer => "Remove the working snapshot",
            Self::CheckProductionUntouched => "Check that nobody wrote to production",
            Self::Certify => "Sign the certificate",
            Self::ShutDownReplica => "Shut down the replica",
            Self::FreezeReplicaFinal => "Take the protective snapshot of the pre-failback state",
            Self::DropProtectivePoint => "Remove the protective snapshot",
            Self::HoldReplication => "Put replication on hold",
            Self::MoveProductionPointer => "Record the production VM",
            Self::RestoreProductionPointer => "Record the original VM again",
            Self::AssociateStoragePolicy => "Associate the storage policy",
            Self::RestoreStoragePolicy => "Associate the storage policy of before again",
            Self::CarryFirmwareState => "Carry UEFI variables and TPM state over",
            Self::RepointJobs => "Point jobs at the production VM",
            Self::RemoveProductionVm => "Remove the created VM",
            Self::ReleaseProduction => "Release the production VM",
            Self::PowerOnProduction => "Power on the production VM",
            Self::MergePreFailbackLayer => "Remove the pre-failback snapshot",
            Self::KeepRestorePoint => "Keep the protective snapshot as a restore point",
            Self::ReleaseReplication => "Resume replication",
            Self::DropWorkingLayer => "Drop the working snapshot",
            Self::DropPreFailbackLayer => "Restore production's own content",
            Self::RevertReplica => "Return the replica to its protective snapshot",
            Self::PowerOnReplica => "Power on the replica",
        }
    }
}

/// What an operator may ask of a session or a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Start a failback of a replica.
    StartFailback,
    /// Hold the movers.
    Pause,
    /// Let the movers go on.
    Resume,
    /// Stop before the switchover is done.
    Cancel,
    /// Begin phase 2.
    SwitchNow,
    /// Change when phase 2 begins.
    ChangeMode,
    /// Send what the replica wrote since the last pass, now.
    CatchUp,
    /// Change what follows the switchover by itself.
    SetTimer,
    /// Change the time between catch-up passes.
    SetCatchUp,
    /// Accept the production VM.
    Commit,
    /// Return both sides to what they were.
    Undo,
    /// Try the step again that needs attention.
    Retry,
    /// Go on without the sectors of the replica that cannot be read.
    LeaveUnreadable,
    /// Change the limit of bytes per second.
    SetLimit,
}

/// Whether an operation is possible now, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The operation.
    pub operation: Operation,
    /// None when it is possible; else the reason as a sentence.
    pub why_not: Option<String>,
}

/// Something only a person can decide, carried on top of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// The step that stopped.
    pub step: StepName,
    /// The cause as a sentence.
    pub cause: String,
    /// Since when.
    pub since: Timestamp,
    /// It stopped at sectors of the replica that cannot be read: the session can go on without them.
    #[serde(default)]
    pub unreadable: bool,
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What happened.
    Info,
    /// What to know.
    Warning,
    /// What stopped.
    Error,
}

/// What a cancel takes back, which decides where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelKind {
    /// Phase 1: leads to the end of the session.
    Synchronization,
    /// Phase 2: leads back to Ready to switch.
    Switchover,
    /// Phase 2, because somebody wrote to production: leads back to phase 1.
    Resynchronization,
    /// A catch-up pass: leads back to Ready to switch.
    CatchUp,
}

/// The stored form of a session's state, version 1. Converted by hand in crate `failback`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SessionStateRecord {
    /// Phase 1.
    Synchronizing {
        /// Index of the step at work in the program of this activity.
        at: u32,
        /// True when phase 1 runs again over kept layers.
        again: bool,
        /// Movers are held.
        paused: bool,
    },
    /// Waiting for the switchover.
    ReadyToSwitch {
        /// Since when.
        since: Timestamp,
    },
    /// A short pass while waiting for the switchover.
    CatchingUp {
        /// Index of the step at work.
        at: u32,
        /// The switchover was asked for meanwhile and follows at once.
        then_switch: bool,
    },
    /// Phase 2.
    Switching {
        /// Index of the step at work.
        at: u32,
    },
    /// Waiting for commit or undo.
    Failback {
        /// Since when.
        since: Timestamp,
    },
    /// Commit is at work.
    Committing {
        /// Index of the step at work.
        at: u32,
    },
    /// Undo is at work.
    Undoing {
        /// Index of the step at work.
        at: u32,
        /// True when the switchover had been done.
        switched: bool,
    },
    /// Cancel is at work.
    Cancelling {
        /// Index of the step at work.
        at: u32,
        /// What is being cancelled.
        what: CancelKind,
    },
    /// Over.
    Ended {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// Where a session that is not over stands in the queue of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It has not begun.
    Queued,
    /// It takes one of the places that the batch may have at once: movers are at work for it, or
    /// will be without anybody's doing.
    AtWork,
    /// It began, and waits for its time or a person: it takes no place.
    Resting,
}

/// The stored form of a whole session's machine: state, mode, attention and gathered facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Version of this form; 2. Version 1 knew the original VM as the only destination.
    pub version: u32,
    /// It is out of its batch's queue. Sessions from before there were queues are.
    #[serde(default = "begun")]
    pub begun: bool,
    /// Where the replica returns to.
    #[serde(default = "original_vm")]
    pub destination: Destination,
    /// A storage policy is associated at the switchover.
    #[serde(default)]
    pub storage_policy: bool,
    /// Passes while ready to switch; none is off.
    #[serde(default)]
    pub catch_up: Option<CatchUp>,
    /// When the newest pass ended.
    #[serde(default)]
    pub caught_up_at: Option<Timestamp>,
    /// Phase 1 looks only at what was written since; none looks at everything.
    #[serde(default)]
    pub quick: Option<CommonPoint>,
    /// What follows the switchover by itself.
    #[serde(default)]
    pub timer: CommitTimer,
    /// What the timer asks before it acts.
    #[serde(default)]
    pub gates: Vec<HealthGate>,
    /// Since when a health gate fails without a break.
    #[serde(default)]
    pub gates_failed_since: Option<Timestamp>,
    /// Why the timer was stopped and asks, as a sentence, until it is set anew.
    #[serde(default)]
    pub timer_stopped: Option<String>,
    /// The state.
    pub state: SessionStateRecord,
    /// When the switchover follows.
    pub mode: FailbackMode,
    /// Power on the production VM after the switchover.
    pub power_on: bool,
    /// What needs a person.
    pub attention: Option<Attention>,
    /// Tries of the step at work that failed for a passing reason.
    pub attempts: u32,
    /// Number of working layers and protective points made so far; names them.
    pub pass: u32,
    /// The pass whose protective point the next difference starts from.
    pub settled_pass: Option<u32>,
    /// Epoch opened by the newest freeze.
    pub frozen_epoch: Option<EpochId>,
    /// Everything the replica wrote before this epoch opened is on production.
    pub settled_epoch: Option<EpochId>,
    /// Production's write epoch after Landfall's own last write.
    pub write_epoch: Option<u64>,
    /// Whether the production VM ran when the session began.
    pub production_was_on: Option<bool>,
    /// The activity at work leaves out sectors of the replica that cannot be read.
    #[serde(default)]
    pub leave_unreadable: bool,
    /// Sectors were left out, and no pass over everything has read them since.
    #[serde(default)]
    pub left_out: bool,
}

const fn begun() -> bool {
    true
}

/// The destination of a record that names none.
const fn original_vm() -> Destination {
    Destination::OriginalVm
}
