//! What the scheduler is told: the proxies as they are now and the disks that wait for a task.

use model::{DiskKey, ProxyId, SessionId, SiteId, TransportMode};

/// A proxy as it is now.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Which one.
    pub id: ProxyId,
    /// Where it stands.
    pub site: SiteId,
    /// How it can reach disks.
    pub modes: Vec<TransportMode>,
    /// How many tasks it may carry at a time.
    pub slots: u32,
    /// How many it carries.
    pub used: u32,
    /// Whether the operator lets it work.
    pub enabled: bool,
    /// Whether it answered lately.
    pub healthy: bool,
}

impl Proxy {
    /// Whether one more task fits.
    pub(crate) const fn has_free_slot(&self) -> bool {
        self.used < self.slots
    }

    /// Slots in use in millionths of all, so that proxies of different sizes compare.
    pub(crate) fn load(&self) -> u64 {
        (u64::from(self.used) * 1_000_000)
            .checked_div(u64::from(self.slots))
            .unwrap_or(u64::MAX)
    }
}

/// One disk that waits for proxies.
#[derive(Clone, Debug)]
pub struct Request {
    /// The failback it belongs to.
    pub session: SessionId,
    /// The disk.
    pub disk: DiskKey,
    /// Where it is read.
    pub source_site: SiteId,
    /// Where it is written.
    pub target_site: SiteId,
    /// How the source's storage can be reached.
    pub source_modes: Vec<TransportMode>,
    /// How the target's storage can be reached.
    pub target_modes: Vec<TransportMode>,
}

/// Everything one scheduling round looks at.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// All proxies of all sites.
    pub proxies: Vec<Proxy>,
    /// Disks without a task, in the order in which they are to be served.
    pub waiting: Vec<Request>,
}
