//! Reasons as sentences for an operator.

use model::TransportMode;

use crate::{
    Proxy,
    side::{Candidate, End, Refusal, Want},
};

/// Why the first of `candidates` was taken and each other one was not.
pub(crate) fn choice(
    want: Want<'_>,
    mode: TransportMode,
    candidates: &[Candidate<'_>],
) -> Vec<String> {
    let Some((winner, losers)) = candidates.split_first() else {
        return Vec::new();
    };
    let mut reasons = vec![format!(
        "{} at site {} through proxy {}: {}, {}.",
        verb(want.end),
        want.site,
        winner.proxy.id,
        mode_words(mode),
        taken(winner.proxy),
    )];
    reasons.extend(losers.iter().map(|loser| lost(mode, winner.proxy, loser)));
    reasons
}

fn lost(best: TransportMode, winner: &Proxy, loser: &Candidate<'_>) -> String {
    let id = &loser.proxy.id;
    let why = match loser.verdict {
        Err(refusal) => refused(refusal, loser.proxy),
        Ok(mode) if mode != best => format!("it can use {} only", mode_words(mode)),
        Ok(_) if loser.proxy.load() > winner.load() => {
            format!("it carries more, with {}", slots(loser.proxy))
        }
        Ok(_) => format!(
            "it is as good as proxy {}, which comes first by name",
            winner.id
        ),
    };
    format!("Proxy {id} was not taken: {why}.")
}

/// Why no proxy can serve an end now.
pub(crate) fn nobody(want: Want<'_>, candidates: &[Candidate<'_>]) -> String {
    let purpose = match want.end {
        End::Source => "read the source disk",
        End::Target => "write the target disk",
    };
    if candidates.is_empty() {
        return format!(
            "Site {} has no proxy that could {purpose}; register one there.",
            want.site
        );
    }
    let each: Vec<String> = candidates.iter().map(unable).collect();
    format!(
        "No proxy at site {} can {purpose} now: {}.",
        want.site,
        each.join("; ")
    )
}

fn unable(candidate: &Candidate<'_>) -> String {
    let why = match candidate.verdict {
        Err(refusal) => refused(refusal, candidate.proxy),
        Ok(mode) => format!("it could use {}", mode_words(mode)),
    };
    format!("proxy {}: {why}", candidate.proxy.id)
}

fn refused(refusal: Refusal, proxy: &Proxy) -> String {
    match refusal {
        Refusal::Disabled => "it is disabled".to_owned(),
        Refusal::Unhealthy => "it does not answer".to_owned(),
        Refusal::NoSharedMode => "it has no transport mode that reaches this disk".to_owned(),
        Refusal::NoFreeSlot => format!("it has no free slot, with {}", slots(proxy)),
    }
}

const fn verb(end: End) -> &'static str {
    match end {
        End::Source => "Read",
        End::Target => "Written",
    }
}

const fn mode_words(mode: TransportMode) -> &'static str {
    match mode {
        TransportMode::DirectStorage => "direct storage access",
        TransportMode::VirtualAppliance => "virtual appliance",
        TransportMode::Network => "network",
    }
}

/// The slots once this task has its own.
fn taken(proxy: &Proxy) -> String {
    let used = proxy.used.saturating_add(1);
    format!("{used} of {} slots in use with this one", proxy.slots)
}

fn slots(proxy: &Proxy) -> String {
    format!("{} of {} slots in use", proxy.used, proxy.slots)
}
