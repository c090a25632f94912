//! One scheduling round.

use model::{ProxyId, Timestamp, TransportMode};

use crate::{
    Proxy, Request, Snapshot,
    side::{End, Want, candidates},
    words,
};

/// Proxies found for one waiting disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Index into [`Snapshot::waiting`].
    pub request: usize,
    /// Reads the source.
    pub source_proxy: ProxyId,
    /// Writes the target; may be the same one.
    pub target_proxy: ProxyId,
    /// How the source is reached.
    pub source_mode: TransportMode,
    /// How the target is reached.
    pub target_mode: TransportMode,
    /// Why these and not others, as sentences.
    pub reasons: Vec<String>,
}

/// A disk that no proxy can carry now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Index into [`Snapshot::waiting`].
    pub request: usize,
    /// What it waits for, as a sentence.
    pub reason: String,
}

/// Assigns proxies to the waiting disks in their order; every disk is in exactly one of the lists.
///
/// The best transport mode wins, then the lowest share of used slots, then the id. Slots given in
/// this round count as used for the disks that follow. `now` is for throttle windows, of which
/// there are none yet.
#[must_use]
pub fn assign(snapshot: &Snapshot, _now: Timestamp) -> (Vec<Assignment>, Vec<Waiting>) {
    let mut proxies = snapshot.proxies.clone();
    let (mut assignments, mut waiting) = (Vec::new(), Vec::new());
    for (index, request) in snapshot.waiting.iter().enumerate() {
        match assign_one(&proxies, index, request) {
            Ok(assignment) => {
                take_slots(&mut proxies, &assignment);
                assignments.push(assignment);
            }
            Err(reason) => waiting.push(Waiting {
                request: index,
                reason,
            }),
        }
    }
    (assignments, waiting)
}

fn assign_one(proxies: &[Proxy], index: usize, request: &Request) -> Result<Assignment, String> {
    let source = choose(
        proxies,
        Want {
            end: End::Source,
            site: &request.source_site,
            modes: &request.source_modes,
        },
    )?;
    let target = choose(
        proxies,
        Want {
            end: End::Target,
            site: &request.target_site,
            modes: &request.target_modes,
        },
    )?;
    let mut reasons = source.reasons;
    reasons.extend(target.reasons);
    if source.proxy == target.proxy {
        reasons.push(format!(
            "Proxy {} serves both ends and takes one slot.",
            source.proxy
        ));
    }
    Ok(Assignment {
        request: index,
        source_proxy: source.proxy,
        target_proxy: target.proxy,
        source_mode: source.mode,
        target_mode: target.mode,
        reasons,
    })
}

struct Choice {
    proxy: ProxyId,
    mode: TransportMode,
    reasons: Vec<String>,
}

fn choose(proxies: &[Proxy], want: Want<'_>) -> Result<Choice, String> {
    let ranked = candidates(proxies, want);
    let best = ranked
        .first()
        .and_then(|best| best.verdict.ok().map(|mode| (best.proxy, mode)));
    let Some((proxy, mode)) = best else {
        return Err(words::nobody(want, &ranked));
    };
    Ok(Choice {
        proxy: proxy.id.clone(),
        mode,
        reasons: words::choice(want, mode, &ranked),
    })
}

fn take_slots(proxies: &mut [Proxy], assignment: &Assignment) {
    for proxy in proxies {
        if proxy.id == assignment.source_proxy || proxy.id == assignment.target_proxy {
            proxy.used = proxy.used.saturating_add(1);
        }
    }
}
