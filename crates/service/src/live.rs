//! What moves right now, which the engine holds in memory and the store has only at its last save.

use std::collections::BTreeMap;

use blockmap::DiskMap;
use model::{
    ByteCount, BytesPerSecond, DiskCounters, DiskKey, DraftId, GateAnswer, Limiter, ProxyId,
    SessionId, Timestamp, TransportMode,
};

/// One disk's task as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDisk {
    /// The disk.
    pub key: DiskKey,
    /// What the pass looks at, in words.
    pub scope: String,
    /// Its counters.
    pub counters: DiskCounters,
    /// Which proxies carry it and how, as a sentence.
    pub proxies: Option<String>,
    /// Why it waits, where it does.
    pub waiting: Option<String>,
}

/// The transfer of a session as it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSession {
    /// Its disks.
    pub disks: Vec<LiveDisk>,
    /// What decides the remaining time.
    pub limiter: Option<Limiter>,
}

/// The map of a disk in a pass, as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveMap {
    /// The map.
    pub map: DiskMap,
    /// When it was so.
    pub as_of: Timestamp,
    /// A mover draws it now; otherwise it is as it was kept.
    pub moves: bool,
}

/// How far a dry run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DryRunProgress {
    /// Bytes to scan in all.
    pub to_scan: ByteCount,
    /// Of those, scanned.
    pub scanned: ByteCount,
}

/// A disk that a proxy carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTask {
    /// Its session.
    pub session: SessionId,
    /// The disk.
    pub disk: DiskKey,
    /// The proxy reads the source by this mode.
    pub reads: Option<TransportMode>,
    /// It writes the target by this mode.
    pub writes: Option<TransportMode>,
    /// Scanning rate of the recent past.
    pub rate: BytesPerSecond,
}

/// What one proxy does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveProxy {
    /// The disks that it carries.
    pub tasks: Vec<LiveTask>,
    /// What one task of it was measured to do lately.
    pub rate: Option<BytesPerSecond>,
}

/// What the proxies do, and which disks wait for them and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveProxies {
    /// By proxy; of one that is not named, nothing is known.
    pub proxies: BTreeMap<ProxyId, LiveProxy>,
    /// In the order in which they are served.
    pub waiting: Vec<(SessionId, DiskKey, String)>,
}

/// What the engine knows of work that runs right now.
pub trait Live: Send + Sync {
    /// A session's transfer; none when nothing of it runs.
    fn session(&self, id: &SessionId) -> Option<LiveSession>;

    /// A draft's dry run; none when it does not run.
    fn dry_run(&self, id: &DraftId) -> Option<DryRunProgress>;

    /// The map of one of a session's disks in a pass, live or as it was kept; none where none is
    /// drawn yet, or was kept. May read a file.
    fn disk_map(&self, _id: &SessionId, _disk: &DiskKey, _pass: u32) -> Option<LiveMap> {
        None
    }

    /// What the proxies do right now.
    fn proxies(&self) -> LiveProxies {
        LiveProxies::default()
    }

    /// What a session's health gates said last; empty while nobody tries them.
    fn gates(&self, _id: &SessionId) -> Vec<GateAnswer> {
        Vec::new()
    }

    /// Bytes that a session's pre-failback snapshot takes now; none when nobody measured it.
    fn undo_space(&self, _id: &SessionId) -> Option<ByteCount> {
        None
    }
}

/// For when no engine runs.
#[derive(Clone, Copy, Debug)]
pub struct NothingLive;

impl Live for NothingLive {
    fn session(&self, _id: &SessionId) -> Option<LiveSession> {
        None
    }

    fn dry_run(&self, _id: &DraftId) -> Option<DryRunProgress> {
        None
    }
}
