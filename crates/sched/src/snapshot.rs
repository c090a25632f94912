//! What the scheduler is told: the proxies, the tasks that run, and the disks that wait for one.

use model::{
    BytesPerSecond, DatastoreId, DiskKey, HostId, ProxyChoice, ProxyId, ProxySettings, SessionId,
    SiteId, TransportMode,
};

/// A proxy as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// As it was set up.
    pub settings: ProxySettings,
    /// Whether it answers.
    pub answers: bool,
    /// What one task of it was measured to do lately; none before the first.
    pub rate: Option<BytesPerSecond>,
}

impl Proxy {
    pub(crate) const fn id(&self) -> &ProxyId {
        &self.settings.id
    }
}

/// Which end of a disk's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Reading.
    Source,
    /// Writing.
    Target,
}

/// Where one end of a disk's task lies: what a proxy must reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskEnd {
    /// The site.
    pub site: SiteId,
    /// The VM's host; none where it is not known.
    pub host: Option<HostId>,
    /// The disk's datastore; none where it is not known.
    pub datastore: Option<DatastoreId>,
    /// How the site's platform lets its disks be reached.
    pub modes: Vec<TransportMode>,
}

/// One disk that waits for proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The failback it belongs to.
    pub session: SessionId,
    /// The disk.
    pub disk: DiskKey,
    /// Where it is read.
    pub source: DiskEnd,
    /// Where it is written.
    pub target: DiskEnd,
    /// Which proxies may carry it.
    pub choice: ProxyChoice,
}

impl Request {
    /// One end of it.
    #[must_use]
    pub const fn end(&self, end: End) -> &DiskEnd {
        match end {
            End::Source => &self.source,
            End::Target => &self.target,
        }
    }
}

/// A running task, as its owner numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// A proxy that a running task uses, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The proxy.
    pub proxy: ProxyId,
    /// How it reaches the disk.
    pub mode: TransportMode,
}

/// A task that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Which.
    pub task: TaskId,
    /// Who reads.
    pub source: Held,
    /// Who writes.
    pub target: Held,
}

impl Running {
    /// Who serves one end.
    #[must_use]
    pub const fn held(&self, end: End) -> &Held {
        match end {
            End::Source => &self.source,
            End::Target => &self.target,
        }
    }
}

/// Everything one scheduling round looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All proxies of all sites, each id once.
    pub proxies: Vec<Proxy>,
    /// The tasks that run.
    pub running: Vec<Running>,
    /// Disks without a task, in the order in which they are to be served.
    pub waiting: Vec<Request>,
}
