//! What a session's page shows of its certificate, and the evidence of a session, whole.

use serde::{Deserialize, Serialize};

use super::{EffectView, LogLine, SessionPlan};
use crate::{
    Actor, ByteCount, BytesPerSecond, Destination, DigestHex, DiskCounters, DiskKey, EpochId,
    Outcome, PointName, Seconds, SessionChoices, SessionId, Timestamp, VisibleState, VmRef,
};

/// What an evidence bundle's `format` is.
pub const EVIDENCE_FORMAT: &str = "landfall evidence 2";

/// What became of certifying a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateView {
    /// It is signed.
    Signed(CertificateShown),
    /// Nothing was signed, and why.
    Not {
        /// Why, as the end of a sentence.
        why: String,
    },
}

/// A signed certificate, without what only a checker needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateShown {
    /// Fingerprint of the key that signed it.
    pub signer: DigestHex,
    /// The instant for which it holds.
    pub verified_at: Timestamp,
    /// What was so at that instant, in words.
    pub instant: String,
    /// The point of the replica that production equals.
    pub point: PointName,
    /// Everything written before this epoch had been proved by earlier passes.
    pub carried_since: Option<EpochId>,
    /// Bytes of a block.
    pub block_size: ByteCount,
    /// Pairs of disks.
    pub disks: Vec<CertifiedDiskView>,
}

/// A pair of disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedDiskView {
    /// Its name.
    pub name: String,
    /// Virtual size of both.
    pub size: ByteCount,
    /// The root over the replica's disk.
    pub replica_root: DigestHex,
    /// The root over production's disk.
    pub production_root: DigestHex,
    /// Blocks.
    pub leaves: u64,
    /// Of those, carried over from earlier passes.
    pub carried: u64,
    /// Of those, proved by the last pass.
    pub proved_last: u64,
}

/// Everything that is known of a session, to be kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// [`EVIDENCE_FORMAT`].
    pub format: String,
    /// When it was put together.
    pub made_at: Timestamp,
    /// The session.
    pub session: SessionId,
    /// Its state then.
    pub state: VisibleState,
    /// How it ended; none while it is at work.
    pub outcome: Option<Outcome>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What was to be done, as it was chosen.
    pub plan: PlanView,
    /// The preflight report and the estimate that it was started with; none for sessions from
    /// before they were kept.
    pub report: Option<SessionPlan>,
    /// What came of it.
    pub actual: ActualView,
    /// Every step with its times.
    pub steps: Vec<EffectView>,
    /// Every disk, pass by pass.
    pub passes: Vec<PassView>,
    /// The certificate; none before the switchover came that far.
    pub certificate: Option<CertificateView>,
    /// The certificate's file, byte for byte: what `landfall certificate check` reads.
    pub certificate_file: Option<String>,
    /// The log.
    pub log: Vec<LogLine>,
}

/// What was chosen for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Name of the VM.
    pub vm_name: String,
    /// From where to where, in words.
    pub route: String,
    /// Name of the replica VM.
    pub replica_name: String,
    /// The replica VM.
    pub replica_vm: VmRef,
    /// Name of the production VM.
    pub production_name: String,
    /// The production VM.
    pub production_vm: VmRef,
    /// Where it returns to.
    pub destination: Destination,
    /// When the switchover follows phase 1, in words.
    pub mode: String,
    /// Power on the production VM after switchover.
    pub power_on: bool,
    /// Limit of bytes per second.
    pub limit: Option<BytesPerSecond>,
    /// The VM to make and the storage policy, where they were chosen.
    pub choices: SessionChoices,
    /// Pairs of disks.
    pub disks: Vec<PlannedDisk>,
    /// Who started it.
    pub started_by: Actor,
    /// When.
    pub started_at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A pair of disks that a session was planned for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDisk {
    /// What operators call it.
    pub name: String,
    /// Its key at the replica.
    pub replica_key: DiskKey,
    /// Its key at production.
    pub production_key: DiskKey,
    /// Virtual size of both.
    pub size: ByteCount,
}

/// What a session did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualView {
    /// Bytes looked at by the first pass, which is what a dry run tells.
    pub looked_at: ByteCount,
    /// Of those, different.
    pub different: ByteCount,
    /// Bytes sent by the first pass.
    pub sent: ByteCount,
    /// Bytes sent by all passes.
    pub sent_in_all: ByteCount,
    /// How long phase 1 took; none before it is over.
    pub phase_1: Option<Seconds>,
    /// From the replica's shutdown to the end of the switchover; none before it is over.
    pub downtime: Option<Seconds>,
}

/// One disk in one pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassView {
    /// The pass.
    pub pass: u32,
    /// The disk's name.
    pub disk: String,
    /// What the pass looked at, in words.
    pub scope: String,
    /// Its counters.
    pub counters: DiskCounters,
    /// Which proxies carried it and why, in words.
    pub proxies: Option<String>,
}
