//! What the scheduler should find, by trying everything in the plainest way.

use model::{ProxyChoice, ProxyId, ProxyState, Reach, TransportMode};

use crate::{DiskEnd, Held, Proxy, Request, Running};

/// Tasks that use a proxy, by a mode or by any.
pub(super) fn tasks(running: &[Running], id: &ProxyId, mode: Option<TransportMode>) -> u32 {
    let uses = |held: &Held| held.proxy == *id && mode.is_none_or(|mode| held.mode == mode);
    let count = running
        .iter()
        .filter(|task| uses(&task.source) || uses(&task.target))
        .count();
    u32::try_from(count).unwrap()
}

/// The modes by which a proxy could serve an end, best first; empty when it may not.
pub(super) fn modes(
    proxy: &Proxy,
    end: &DiskEnd,
    choice: &ProxyChoice,
    running: &[Running],
) -> Vec<TransportMode> {
    let set = &proxy.settings;
    let may = set.site == end.site
        && set.state == ProxyState::Enabled
        && proxy.answers
        && tasks(running, &set.id, None) < set.slots
        && match choice {
            ProxyChoice::Automatic => true,
            ProxyChoice::Listed(ids) => ids.contains(&set.id),
        };
    if !may {
        return Vec::new();
    }
    let sees_host = match &set.hosts {
        Reach::All => true,
        Reach::Only(hosts) => end.host.as_ref().is_some_and(|host| hosts.contains(host)),
    };
    let sees_store = match &set.datastores {
        Reach::All => true,
        Reach::Only(all) => end.datastore.as_ref().is_some_and(|one| all.contains(one)),
    };
    let works = |mode: TransportMode| {
        let room = set.modes.iter().filter(|it| it.mode == mode).all(|it| {
            it.most
                .is_none_or(|most| tasks(running, &set.id, Some(mode)) < most)
        });
        let reached = match mode {
            TransportMode::DirectStorage => sees_store,
            TransportMode::VirtualAppliance => sees_host && sees_store,
            TransportMode::Network => sees_host,
        };
        end.modes.contains(&mode) && room && reached
    };
    let has = |mode: &TransportMode| set.modes.iter().any(|it| it.mode == *mode);
    let mut its: Vec<_> = TransportMode::ALL.into_iter().filter(has).collect();
    if !set.falls_back {
        its.truncate(1);
    }
    its.retain(|mode| works(*mode));
    its
}

/// A pair as the oracle weighs it: modes, proxies, load, pace, ids.
pub(super) type Weight = (usize, usize, u64, u64, ProxyId, ProxyId);

/// Every pair that could carry a disk.
pub(super) fn pairs(proxies: &[Proxy], request: &Request, running: &[Running]) -> Vec<Weight> {
    let mut all = Vec::new();
    for source in proxies {
        for target in proxies {
            let read = modes(source, &request.source, &request.choice, running);
            let write = modes(target, &request.target, &request.choice, running);
            let (Some(read), Some(write)) = (read.first(), write.first()) else {
                continue;
            };
            let place = |mode| TransportMode::ALL.iter().position(|it| it == mode).unwrap();
            let two = [source, target];
            all.push((
                place(read) + place(write),
                if source == target { 1 } else { 2 },
                two.iter().map(|it| load(it, running)).sum(),
                two.iter().map(|it| pace(it)).sum(),
                source.settings.id.clone(),
                target.settings.id.clone(),
            ));
        }
    }
    all
}

pub(super) fn load(proxy: &Proxy, running: &[Running]) -> u64 {
    let used = u64::from(tasks(running, &proxy.settings.id, None));
    used * 1_000_000 / u64::from(proxy.settings.slots)
}

/// Nanoseconds for a MiB at the rate with all but its three leading bits cleared.
pub(super) fn pace(proxy: &Proxy) -> u64 {
    let Some(rate) = proxy.rate else { return 0 };
    let mut kept = rate.0;
    while kept > 7 {
        kept /= 2;
    }
    while kept * 2 <= rate.0 && kept > 0 {
        kept *= 2;
    }
    (1_000_000_000 << 20) / kept.max(1)
}
