//! Counters of one disk's transfer, which add up, and what limits it.

use serde::{Deserialize, Serialize};

use crate::{ByteCount, BytesPerSecond};

/// What a disk's task is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskPhase {
    /// Not begun.
    #[default]
    Waiting,
    /// Reading both sides, sending what differs and verifying it.
    Moving,
    /// Held by the operator.
    Paused,
    /// Everything of this pass is proved.
    Done,
    /// It ended before everything was proved; what was proved is kept.
    Stopped,
}

/// Byte counters of one disk in one pass. `scanned = equal + different + skipped` at all times,
/// `sent <= different`, `written = sent + zeroed`, and when done `verified = written`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskCounters {
    /// What the task is doing.
    pub phase: DiskPhase,
    /// Bytes that this pass looks at.
    pub to_scan: ByteCount,
    /// Of those, looked at so far.
    pub scanned: ByteCount,
    /// Of those, holes or zeroes on both sides, which were not read.
    pub skipped: ByteCount,
    /// Equal on both sides.
    pub equal: ByteCount,
    /// Different.
    pub different: ByteCount,
    /// Payload handed from the source's side to the target's.
    pub sent: ByteCount,
    /// Different ranges that are zero at the source and were made holes or zeroes at the target.
    pub zeroed: ByteCount,
    /// Written at the target, `sent` and `zeroed` together.
    pub written: ByteCount,
    /// Read back from the target and found equal to what was sent.
    pub verified: ByteCount,
    /// Of `scanned`, taken from the journal of an earlier try instead of being read again.
    pub resumed: ByteCount,
    /// Scanning rate of the recent past.
    pub rate: BytesPerSecond,
    /// Seconds left at that rate; none while the rate is unknown.
    pub remaining_seconds: Option<u64>,
}

/// What decides the remaining time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limiter {
    /// Reading the disks.
    Reading,
    /// The operator's limit of bytes per second.
    SpeedLimit,
    /// Writing.
    Writing,
    /// No task slot is free.
    WaitingForSlot,
}
