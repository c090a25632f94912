//! The session page: steps with times, disks with counters, the log, and what may be done.

use serde::{Deserialize, Serialize};

use super::CarrierView;
use crate::{
    Actor, Allowed, Attention, BatchId, ByteCount, BytesPerSecond, Destination, DiskCounters,
    DiskKey, FailbackMode, Limiter, LogLevel, Operation, Outcome, SessionId, StepName, Timestamp,
    VisibleState,
};

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its id.
    pub id: SessionId,
    /// The batch that it was started in.
    pub batch: BatchId,
    /// Name of the VM.
    pub vm_name: String,
    /// From where to where, in words.
    pub route: String,
    /// Its state; the last one when it is over.
    pub state: VisibleState,
    /// It has not begun: why it waits, as a sentence.
    pub queued: Option<String>,
    /// Movers are held.
    pub paused: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// It needs a person, with the cause.
    pub attention: Option<Attention>,
    /// It waits for a decision that only the operator can take.
    pub waits_for_you: bool,
    /// Who started it.
    pub started_by: Actor,
    /// When.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One entry of the effect log, as a step with its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectView {
    /// The step.
    pub step: StepName,
    /// What it belongs to: "Phase 1", "Switchover", "Undo".
    pub activity: String,
    /// When it began; none while it is to come.
    pub started_at: Option<Timestamp>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// What came of it, in words, where there is something to say.
    pub result: Option<String>,
    /// It failed.
    pub failed: bool,
}

/// One disk of a session with the counters of the newest pass and of all passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskView {
    /// Its key.
    pub key: DiskKey,
    /// Its name.
    pub name: String,
    /// Virtual size.
    pub size: ByteCount,
    /// What the newest pass looks at: "whole disk", "written since the last pass".
    pub scope: String,
    /// The newest pass.
    pub counters: DiskCounters,
    /// Sent in all passes.
    pub sent_total: ByteCount,
    /// Which proxies carry it and how, as a sentence.
    pub proxies: Option<String>,
}

/// A line of a session's log. Its number is the event id from which a stream goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Number in the session, from 1 without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// What, as a sentence.
    pub text: String,
}

/// Progress of the whole session in the phase at work: one honest bar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressView {
    /// Bytes that the pass at work looks at, all disks together.
    pub to_scan: ByteCount,
    /// Of those, looked at.
    pub scanned: ByteCount,
    /// Different so far.
    pub different: ByteCount,
    /// Sent so far.
    pub sent: ByteCount,
    /// Verified so far.
    pub verified: ByteCount,
    /// Scanning rate of the recent past, all disks together.
    pub rate: BytesPerSecond,
    /// Seconds left at that rate.
    pub remaining_seconds: Option<u64>,
    /// What decides the remaining time.
    pub limiter: Option<Limiter>,
    /// Why nothing moves, where nothing does.
    pub waiting: Option<String>,
}

/// A session, whole. This is also the snapshot that the live stream carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// In short.
    pub summary: SessionSummary,
    /// When the answer was made.
    pub now: Timestamp,
    /// Name of the replica VM.
    pub replica_name: String,
    /// Name of the production VM.
    pub production_name: String,
    /// Which site is authoritative now, as a sentence.
    pub authoritative: String,
    /// Where it returns to.
    pub destination: Destination,
    /// When the switchover follows.
    pub mode: FailbackMode,
    /// The mode in words, with the zone.
    pub mode_words: String,
    /// Power on the production VM after switchover.
    pub power_on: bool,
    /// Limit of bytes per second; none when unlimited.
    pub limit: Option<BytesPerSecond>,
    /// The reason given.
    pub reason: String,
    /// Steps done, at work and to come, in order.
    pub steps: Vec<EffectView>,
    /// The bar.
    pub progress: ProgressView,
    /// What it was expected to cost; none where its plan had no estimate.
    #[serde(default)]
    pub estimate: Option<super::PlanEstimate>,
    /// What came of that so far.
    #[serde(default)]
    pub actual: super::ActualView,
    /// Disks.
    pub disks: Vec<DiskView>,
    /// Which proxies carried the disks in the newest pass, and every hand-over, in order.
    #[serde(default)]
    pub carriers: Vec<CarrierView>,
    /// Bytes that the pre-failback snapshot takes now, for undo.
    pub undo_space: ByteCount,
    /// What it does by itself around its switchover.
    pub after: super::AfterView,
    /// Until when undo is possible, as a sentence.
    pub undo_until: String,
    /// What may be done now, and why not.
    pub operations: Vec<Allowed>,
    /// For each operation, what it will do to which VM, as the confirmation says it.
    pub consequences: Vec<(Operation, String)>,
    /// What became of certifying it; none before the switchover came that far.
    #[serde(default)]
    pub certificate: Option<super::CertificateView>,
    /// The log from its first line.
    pub log: Vec<LogLine>,
}

/// What an operator asks of a session; fields apply to the operations that need them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRequest {
    /// The operation.
    pub operation: Operation,
    /// The new mode, for `change_mode`.
    pub mode: Option<super::ModeInput>,
    /// Mebibytes per second, for `set_limit`; 0 is unlimited.
    pub limit_mib: Option<u64>,
    /// What follows the switchover by itself, for `set_timer`.
    pub timer: Option<super::TimerInput>,
    /// Time between catch-up passes as [`super::AfterInput`] has it, for `set_catch_up`.
    pub catch_up: Option<String>,
}
