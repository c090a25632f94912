//! The choice of one proxy for one end of a disk.

use model::{ProxyId, SiteId, TransportMode};

use crate::Proxy;

/// Which end of a disk's transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Reading.
    Source,
    /// Writing.
    Target,
}

/// What one end asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want<'a> {
    pub(crate) end: End,
    pub(crate) site: &'a SiteId,
    pub(crate) modes: &'a [TransportMode],
}

/// Why a proxy of the right site cannot serve an end now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Disabled,
    Unhealthy,
    NoSharedMode,
    NoFreeSlot,
}

/// What a proxy of the right site is for an end.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) proxy: &'a Proxy,
    pub(crate) verdict: Result<TransportMode, Refusal>,
}

/// Every proxy of the wanted site, the best first, those that cannot serve last; each part by id.
pub(crate) fn candidates<'a>(proxies: &'a [Proxy], want: Want<'_>) -> Vec<Candidate<'a>> {
    let mut all: Vec<Candidate<'a>> = proxies
        .iter()
        .filter(|proxy| proxy.site == *want.site)
        .map(|proxy| Candidate {
            proxy,
            verdict: verdict(proxy, want.modes),
        })
        .collect();
    all.sort_by(|a, b| rank(a).cmp(&rank(b)));
    all
}

fn verdict(proxy: &Proxy, modes: &[TransportMode]) -> Result<TransportMode, Refusal> {
    if !proxy.enabled {
        return Err(Refusal::Disabled);
    }
    if !proxy.healthy {
        return Err(Refusal::Unhealthy);
    }
    let shared = proxy.modes.iter().filter(|mode| modes.contains(mode));
    let best = shared.copied().min().ok_or(Refusal::NoSharedMode)?;
    if proxy.has_free_slot() {
        Ok(best)
    } else {
        Err(Refusal::NoFreeSlot)
    }
}

/// Less is better. `TransportMode` is ordered best first.
fn rank<'a>(candidate: &Candidate<'a>) -> (bool, Option<TransportMode>, u64, &'a ProxyId) {
    let mode = candidate.verdict.ok();
    let proxy = candidate.proxy;
    (mode.is_none(), mode, proxy.load(), &proxy.id)
}
