//! The rules of proxies picked by hand.

use std::collections::BTreeSet;

use model::{ProxyId, SiteId};

use crate::{End, Proxy};

/// With fewer at a site, a failback stands still when one fails.
const ENOUGH: usize = 2;

/// What a list of proxies picked by hand lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFinding {
    /// Refused: it names a proxy that is not there.
    Unknown(ProxyId),
    /// Refused: nobody on it stands where the disks are at this end.
    None {
        /// The end.
        end: End,
        /// The site.
        site: SiteId,
    },
    /// A warning: so few that the failback stands still when one of them fails.
    Few {
        /// The site.
        site: SiteId,
        /// How many.
        listed: usize,
    },
}

impl ListFinding {
    /// Whether a failback with such a list is refused.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::None { .. } => true,
            Self::Few { .. } => false,
        }
    }
}

/// Checks a list against the sites that the disks are read and written at. Where both ends are at
/// one site, one proxy there is enough, and it may serve both.
#[must_use]
pub fn check_list(
    proxies: &[Proxy],
    listed: &BTreeSet<ProxyId>,
    routes: &BTreeSet<(SiteId, SiteId)>,
) -> Vec<ListFinding> {
    let unknown = listed
        .iter()
        .filter(|id| !proxies.iter().any(|proxy| proxy.id() == *id));
    let mut findings: Vec<ListFinding> = unknown.cloned().map(ListFinding::Unknown).collect();
    let mut seen = BTreeSet::new();
    for (source, target) in routes {
        for (end, site) in [(End::Source, source), (End::Target, target)] {
            if !seen.insert(site) {
                continue;
            }
            let there = proxies
                .iter()
                .filter(|proxy| proxy.settings.site == *site && listed.contains(proxy.id()));
            let site = site.clone();
            match there.count() {
                0 => findings.push(ListFinding::None { end, site }),
                listed if listed < ENOUGH => findings.push(ListFinding::Few { site, listed }),
                _ => {}
            }
        }
    }
    findings
}
