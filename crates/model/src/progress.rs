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

/// Byte counters of one disk in one pass.
///
/// At all times `scanned = equal + different + skipped + unread`, `sent + seeded <= different`,
/// `written = sent + zeroed + seeded` and `packed <= sent`; when done `verified = written`. What a
/// far end wrote, verified, reread and hashed is known once it is done.
///
/// Each side's part of `scanned` is accounted for: it was read, or there is a reason. At all times
/// between two requests, and when done,
/// `scanned = read_source + source_known + source_zero + skipped + resumed + proved + unread`, and
/// the same with `read_target`, `target_known` and `target_zero`. What is read by this try is
/// counted by this try: an earlier one's reads are in `resumed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskCounters {
    /// What the task is doing.
    pub phase: DiskPhase,
    /// Bytes that this pass looks at.
    pub to_scan: ByteCount,
    /// Bytes of the disk that it does not look at: outside the ranges that it was given.
    pub outside: ByteCount,
    /// Of those to scan, looked at so far.
    pub scanned: ByteCount,
    /// Of those, holes or zeroes on both sides, which were not read.
    pub skipped: ByteCount,
    /// Of those, taken from the journal of an earlier try instead of being read again.
    pub resumed: ByteCount,
    /// Of those, equal by digests that were kept, and read on neither side.
    pub proved: ByteCount,
    /// Of those, known to be zero at the source and read at the target only.
    pub source_zero: ByteCount,
    /// Of those, known to be zero at the target and read at the source only.
    pub target_zero: ByteCount,
    /// Of those, known at the source by digests that were kept: read only to be sent.
    pub source_known: ByteCount,
    /// Of those, known at the target by digests that were kept.
    pub target_known: ByteCount,
    /// Of those, unreadable at the source: neither equal nor different, and left as they were.
    pub unread: ByteCount,
    /// Read at the source to compare.
    pub read_source: ByteCount,
    /// Read at the target to compare.
    pub read_target: ByteCount,
    /// Read after the comparison: back from the target to prove, on either side to repair, and at
    /// a source known by its digests to send.
    pub reread: ByteCount,
    /// Compared outside the ranges, on either side, as a sample of what change tracking left out;
    /// in none of the other counters.
    pub sampled: ByteCount,
    /// Content that was digested, on either side as far as it is known here.
    pub hashed: ByteCount,
    /// Equal on both sides.
    pub equal: ByteCount,
    /// Different.
    pub different: ByteCount,
    /// Payload handed from the source's side to the target's.
    pub sent: ByteCount,
    /// Of `sent`, sent by an earlier try and named by its journal: not sent again by this one.
    pub sent_before: ByteCount,
    /// What `sent` came to on the link, packed where that paid; nothing without a link.
    pub packed: ByteCount,
    /// Different, and written from content that the target's side already had.
    pub seeded: ByteCount,
    /// Different ranges that are zero at the source and were made holes or zeroes at the target.
    pub zeroed: ByteCount,
    /// Written at the target, `sent`, `seeded` and `zeroed` together.
    pub written: ByteCount,
    /// Read back from the target and found equal to what was sent.
    pub verified: ByteCount,
    /// Of `written`, not right when it was read back, and written a second time.
    pub repaired: ByteCount,
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
