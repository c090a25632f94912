//! Literal cases, then properties over random inventories.

use std::collections::BTreeMap;

use model::{
    DiskKey, ProxyId, SessionId, SiteId, Timestamp,
    TransportMode::{self, DirectStorage, Network, VirtualAppliance},
};
use proptest::prelude::*;

use crate::{Assignment, Proxy, Request, Snapshot, Waiting, assign};

const MODES: [TransportMode; 3] = [DirectStorage, VirtualAppliance, Network];

fn proxy(id: &str, site: &str, modes: &[TransportMode], slots: u32, used: u32) -> Proxy {
    Proxy {
        id: ProxyId::new(id),
        site: SiteId::new(site),
        modes: modes.to_vec(),
        slots,
        used,
        enabled: true,
        healthy: true,
    }
}

fn request(source: &str, target: &str) -> Request {
    Request {
        session: SessionId::new("s"),
        disk: DiskKey::new("d"),
        source_site: SiteId::new(source),
        target_site: SiteId::new(target),
        source_modes: MODES.to_vec(),
        target_modes: MODES.to_vec(),
    }
}

fn round(proxies: &[Proxy], waiting: &[Request]) -> (Vec<Assignment>, Vec<Waiting>) {
    let snapshot = Snapshot {
        proxies: proxies.to_vec(),
        waiting: waiting.to_vec(),
    };
    assign(&snapshot, Timestamp(0))
}

/// The pair chosen for one request, or the waiting reason.
fn check(proxies: &[Proxy], expected: Result<(&str, &str), &str>) {
    let (assigned, waiting) = round(proxies, &[request("dr", "prod")]);
    let found = assigned
        .first()
        .map(|a| (a.source_proxy.as_str(), a.target_proxy.as_str()))
        .ok_or_else(|| waiting[0].reason.as_str());
    assert_eq!(found, expected);
}

#[test]
fn a_better_mode_beats_a_lower_load() {
    check(
        &[
            proxy("a", "dr", &[Network], 4, 0),
            proxy("b", "dr", &[Network, DirectStorage], 4, 3),
            proxy("c", "prod", &[VirtualAppliance], 1, 0),
        ],
        Ok(("b", "c")),
    );
}

#[test]
fn a_lower_share_of_used_slots_beats_a_smaller_number() {
    check(
        &[
            proxy("a", "dr", &[Network], 2, 1),
            proxy("b", "dr", &[Network], 8, 2),
            proxy("c", "prod", &[Network], 1, 0),
        ],
        Ok(("b", "c")),
    );
}

#[test]
fn equal_proxies_are_taken_by_name() {
    check(
        &[
            proxy("b", "dr", &[Network], 2, 0),
            proxy("a", "dr", &[Network], 2, 0),
            proxy("c", "prod", &[Network], 1, 0),
        ],
        Ok(("a", "c")),
    );
}

#[test]
fn waiting_names_each_proxy_and_its_reason() {
    let mut off = proxy("b", "prod", &[Network], 1, 0);
    off.enabled = false;
    let mut dead = proxy("c", "prod", &[Network], 1, 0);
    dead.healthy = false;
    check(
        &[
            proxy("a", "dr", &[Network], 1, 0),
            off,
            dead,
            proxy("d", "prod", &[Network], 1, 1),
            proxy("e", "prod", &[], 1, 0),
        ],
        Err("No proxy at site prod can write the target disk now: \
             proxy b: it is disabled; \
             proxy c: it does not answer; \
             proxy e: it has no transport mode that reaches this disk; \
             proxy d: it has no free slot, with 1 of 1 slots in use."),
    );
}

#[test]
fn a_site_without_proxies_is_a_reason_to_wait() {
    check(
        &[proxy("a", "dr", &[Network], 1, 0)],
        Err("Site prod has no proxy that could write the target disk; register one there."),
    );
}

#[test]
fn one_proxy_serves_both_ends_in_one_slot() {
    let proxies = [proxy("a", "dr", &[Network], 2, 0)];
    let (assigned, waiting) = round(
        &proxies,
        &[
            request("dr", "dr"),
            request("dr", "dr"),
            request("dr", "dr"),
        ],
    );
    assert_eq!((assigned.len(), waiting.len()), (2, 1));
}

#[test]
fn reasons_name_the_losers() {
    let (assigned, _) = round(
        &[
            proxy("a", "dr", &[DirectStorage], 4, 1),
            proxy("b", "dr", &[DirectStorage], 4, 2),
            proxy("c", "dr", &[Network], 4, 0),
            proxy("d", "dr", &[DirectStorage], 4, 1),
            proxy("z", "prod", &[Network], 1, 0),
        ],
        &[request("dr", "prod")],
    );
    assert_eq!(
        assigned[0].reasons,
        [
            "Read at site dr through proxy a: direct storage access, 2 of 4 slots in use with this one.",
            "Proxy d was not taken: it is as good as proxy a, which comes first by name.",
            "Proxy b was not taken: it carries more, with 2 of 4 slots in use.",
            "Proxy c was not taken: it can use network only.",
            "Written at site prod through proxy z: network, 1 of 1 slots in use with this one.",
        ]
    );
}

fn modes() -> impl Strategy<Value = Vec<TransportMode>> {
    proptest::sample::subsequence(MODES.to_vec(), 0..=3).prop_shuffle()
}

fn proxies() -> impl Strategy<Value = Vec<Proxy>> {
    let one = (0..3_u8, modes(), 0..4_u32, 0..5_u32, any::<u8>());
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let each = all.into_iter().enumerate();
        each.map(|(index, (site, modes, slots, used, flags))| Proxy {
            id: ProxyId::new(format!("p{index}")),
            site: SiteId::new(format!("site{site}")),
            modes,
            slots,
            used,
            enabled: flags & 7 != 0,
            healthy: flags & 56 != 0,
        })
        .collect()
    })
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let one = (0..3_u8, 0..3_u8, modes(), modes());
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let each = all.into_iter();
        each.map(|(source, target, source_modes, target_modes)| Request {
            source_modes,
            target_modes,
            ..request(&format!("site{source}"), &format!("site{target}"))
        })
        .collect()
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (proxies(), requests()).prop_map(|(proxies, waiting)| Snapshot { proxies, waiting })
}

fn usable(proxy: &Proxy, site: &SiteId, modes: &[TransportMode]) -> bool {
    proxy.enabled
        && proxy.healthy
        && proxy.used < proxy.slots
        && proxy.site == *site
        && proxy.modes.iter().any(|mode| modes.contains(mode))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn slots_are_never_exceeded(snapshot in snapshot()) {
        let (assigned, _) = assign(&snapshot, Timestamp(0));
        let mut taken: BTreeMap<&ProxyId, u32> = BTreeMap::new();
        for one in &assigned {
            *taken.entry(&one.source_proxy).or_default() += 1;
            if one.target_proxy != one.source_proxy {
                *taken.entry(&one.target_proxy).or_default() += 1;
            }
        }
        for proxy in &snapshot.proxies {
            let more = taken.get(&proxy.id).copied().unwrap_or(0);
            prop_assert!(more == 0 || proxy.used + more <= proxy.slots);
        }
    }

    #[test]
    fn every_request_is_answered_once_and_assignments_are_allowed(snapshot in snapshot()) {
        let (assigned, waiting) = assign(&snapshot, Timestamp(0));
        let mut seen: Vec<usize> = assigned.iter().map(|a| a.request).collect();
        seen.extend(waiting.iter().map(|w| w.request));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..snapshot.waiting.len()).collect::<Vec<_>>());
        for one in &assigned {
            let request = &snapshot.waiting[one.request];
            for (id, mode, site, modes) in [
                (&one.source_proxy, one.source_mode, &request.source_site, &request.source_modes),
                (&one.target_proxy, one.target_mode, &request.target_site, &request.target_modes),
            ] {
                let proxy = snapshot.proxies.iter().find(|proxy| proxy.id == *id).unwrap();
                prop_assert!(usable(proxy, site, modes));
                prop_assert!(proxy.modes.contains(&mode) && modes.contains(&mode));
            }
        }
    }

    #[test]
    fn a_feasible_single_request_is_assigned(proxies in proxies(), requests in requests()) {
        for request in requests {
            let feasible = proxies.iter().any(|p| usable(p, &request.source_site, &request.source_modes))
                && proxies.iter().any(|p| usable(p, &request.target_site, &request.target_modes));
            let (assigned, _) = round(&proxies, &[request]);
            prop_assert_eq!(assigned.len() == 1, feasible);
        }
    }

    #[test]
    fn the_order_of_proxies_does_not_matter(snapshot in snapshot()) {
        let mut turned = snapshot.clone();
        turned.proxies.reverse();
        prop_assert_eq!(assign(&snapshot, Timestamp(0)), assign(&turned, Timestamp(0)));
    }
}
