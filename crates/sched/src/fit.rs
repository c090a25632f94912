//! Whether a proxy can serve one end of a disk now, by which mode, or why not.

use model::{
    DatastoreId, HostId, ModeLimit, ProxyChoice, ProxyState, Reach, SiteId, TransportMode,
};

use crate::{DiskEnd, Proxy, Usage};

/// How a proxy can serve an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// By its best mode that reaches the disk and has room.
    pub mode: TransportMode,
    /// Better modes of it, and what was in their way.
    pub passed_over: Vec<(TransportMode, Obstacle)>,
}

/// What is in the way of one mode of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The platform does not let its disks be reached so.
    NotOffered,
    /// The proxy does not reach the VM's host.
    Host(HostId),
    /// The proxy reaches certain hosts only, and the VM's is not known.
    HostUnknown,
    /// The proxy does not reach the disk's datastore.
    Datastore(DatastoreId),
    /// The proxy reaches certain datastores only, and the disk's is not known.
    DatastoreUnknown,
    /// As many tasks as may use the mode do.
    Full {
        /// Tasks that use it.
        running: u32,
        /// Tasks that may.
        most: u32,
    },
}

/// Why a proxy cannot serve an end now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It stands at another site.
    Elsewhere(SiteId),
    /// It is not on the operator's list.
    NotListed,
    /// The operator disabled it.
    Disabled,
    /// It gets no new tasks.
    Draining,
    /// It does not answer.
    Silent,
    /// None of its modes will do.
    NoMode {
        /// Each that was tried, best first, with what was in its way; empty when it has none.
        tried: Vec<(TransportMode, Obstacle)>,
        /// Modes of it that were not tried, because it does not fall back.
        untried: Vec<TransportMode>,
    },
    /// All its slots are in use.
    NoFreeSlot {
        /// Tasks that it carries.
        running: u32,
        /// Tasks that it may carry.
        slots: u32,
    },
}

/// Whether a proxy can serve an end of a disk while `usage` is in use.
///
/// # Errors
/// Why not; what the operator wants comes first, then health, modes and slots.
pub fn fit(
    proxy: &Proxy,
    end: &DiskEnd,
    choice: &ProxyChoice,
    usage: &Usage,
) -> Result<Fit, Refusal> {
    let settings = &proxy.settings;
    if settings.site != end.site {
        return Err(Refusal::Elsewhere(settings.site.clone()));
    }
    if let ProxyChoice::Listed(listed) = choice
        && !listed.contains(&settings.id)
    {
        return Err(Refusal::NotListed);
    }
    match settings.state {
        ProxyState::Enabled => {}
        ProxyState::Draining => return Err(Refusal::Draining),
        ProxyState::Disabled => return Err(Refusal::Disabled),
    }
    if !proxy.answers {
        return Err(Refusal::Silent);
    }
    let fit = by_mode(proxy, end, usage)?;
    let (running, slots) = (usage.tasks(&settings.id), settings.slots);
    if running < slots {
        Ok(fit)
    } else {
        Err(Refusal::NoFreeSlot { running, slots })
    }
}

/// The best mode without an obstacle. One that does not fall back has only its best to offer.
fn by_mode(proxy: &Proxy, end: &DiskEnd, usage: &Usage) -> Result<Fit, Refusal> {
    let modes = ordered(&proxy.settings.modes);
    let most = if proxy.settings.falls_back {
        modes.len()
    } else {
        1
    };
    let mut tried = Vec::new();
    for limit in modes.iter().take(most) {
        match obstacle(proxy, *limit, end, usage) {
            None => {
                return Ok(Fit {
                    mode: limit.mode,
                    passed_over: tried,
                });
            }
            Some(obstacle) => tried.push((limit.mode, obstacle)),
        }
    }
    Err(Refusal::NoMode {
        tried,
        untried: modes.iter().skip(most).map(|limit| limit.mode).collect(),
    })
}

/// Best first; of a mode that is named twice, the stricter limit.
fn ordered(modes: &[ModeLimit]) -> Vec<ModeLimit> {
    let mut modes = modes.to_vec();
    modes.sort_by_key(|limit| (limit.mode, limit.most.unwrap_or(u32::MAX)));
    modes.dedup_by_key(|limit| limit.mode);
    modes
}

fn obstacle(proxy: &Proxy, limit: ModeLimit, end: &DiskEnd, usage: &Usage) -> Option<Obstacle> {
    if !end.modes.contains(&limit.mode) {
        return Some(Obstacle::NotOffered);
    }
    let settings = &proxy.settings;
    let storage = || datastore_obstacle(&settings.datastores, end.datastore.as_ref());
    let host = || host_obstacle(&settings.hosts, end.host.as_ref());
    let unreached = match limit.mode {
        // The proxy itself opens the storage; no host is in between.
        TransportMode::DirectStorage => storage(),
        // The proxy's own VM gets the disk attached: its host must see where it lies.
        TransportMode::VirtualAppliance => host().or_else(storage),
        // The VM's host reads and writes for it.
        TransportMode::Network => host(),
    };
    unreached.or_else(|| {
        let running = usage.by_mode(&settings.id, limit.mode);
        let most = limit.most?;
        (running >= most).then_some(Obstacle::Full { running, most })
    })
}

fn host_obstacle(reach: &Reach<HostId>, host: Option<&HostId>) -> Option<Obstacle> {
    match (reach, host) {
        (Reach::All, _) => None,
        (Reach::Only(_), None) => Some(Obstacle::HostUnknown),
        (Reach::Only(hosts), Some(host)) => {
            (!hosts.contains(host)).then(|| Obstacle::Host(host.clone()))
        }
    }
}

fn datastore_obstacle(
    reach: &Reach<DatastoreId>,
    datastore: Option<&DatastoreId>,
) -> Option<Obstacle> {
    match (reach, datastore) {
        (Reach::All, _) => None,
        (Reach::Only(_), None) => Some(Obstacle::DatastoreUnknown),
        (Reach::Only(stores), Some(store)) => {
            (!stores.contains(store)).then(|| Obstacle::Datastore(store.clone()))
        }
    }
}
