//! Literal cases of one round, and of tasks that must leave.

use std::collections::BTreeSet;

use model::{
    DatastoreId, HostId, ModeLimit, ProxyId, ProxyState, Reach,
    TransportMode::{self, DirectStorage, Network, VirtualAppliance},
};

use super::{end, listed, proxy, rated, request, running, with};
use crate::{
    Block, End, LeaveWhy, Lost, Obstacle, Proxy, Refusal, Request, Round, Snapshot, assign, leaving,
};

fn round(proxies: &[Proxy], tasks: &[(&str, &str, TransportMode)], waiting: &[Request]) -> Round {
    assign(&Snapshot {
        proxies: proxies.to_vec(),
        running: running(tasks),
        waiting: waiting.to_vec(),
    })
}

/// The pair for one disk from `dr` to `prod` while tasks run.
fn check(proxies: &[Proxy], tasks: &[(&str, &str, TransportMode)], expected: (&str, &str)) {
    check_request(proxies, tasks, request("dr", "prod"), expected);
}

fn check_request(
    proxies: &[Proxy],
    tasks: &[(&str, &str, TransportMode)],
    request: Request,
    expected: (&str, &str),
) {
    let round = round(proxies, tasks, &[request]);
    let found = round.assignments.first().map(|it| {
        let (source, target) = (it.source.proxy.as_str(), it.target.proxy.as_str());
        (source, target)
    });
    assert_eq!(found, Some(expected), "{:?}", round.waiting);
}

/// Why nobody at `prod` can write.
fn refusals(proxies: &[Proxy], request: Request) -> Vec<(String, Refusal)> {
    let round = round(proxies, &[], &[request]);
    let blocked = &round.waiting[0].blocked;
    let at_target = blocked.iter().find(|it| it.end == End::Target);
    match &at_target.expect("the target is blocked").why {
        Block::NoProxy => Vec::new(),
        Block::NoneCan(refused) => refused
            .iter()
            .map(|(id, why)| (id.to_string(), why.clone()))
            .collect(),
    }
}

#[test]
fn a_better_mode_beats_a_lower_load() {
    check(
        &[
            proxy("a", "dr", &[Network], 4),
            proxy("b", "dr", &[Network, DirectStorage], 4),
            proxy("c", "prod", &[VirtualAppliance], 4),
        ],
        &[("b", "c", DirectStorage), ("b", "c", DirectStorage)],
        ("b", "c"),
    );
}

#[test]
fn a_lower_share_of_used_slots_beats_a_smaller_number() {
    check(
        &[
            proxy("a", "dr", &[Network], 2),
            proxy("b", "dr", &[Network], 8),
            proxy("c", "prod", &[Network], 9),
        ],
        &[
            ("a", "c", Network),
            ("b", "c", Network),
            ("b", "c", Network),
        ],
        ("b", "c"),
    );
}

#[test]
fn of_equal_loads_the_faster_is_taken_and_one_that_was_never_measured_first() {
    let target = proxy("c", "prod", &[Network], 1);
    let slow = rated(proxy("a", "dr", &[Network], 1), 10 << 20);
    let fast = rated(proxy("b", "dr", &[Network], 1), 100 << 20);
    check(
        &[slow.clone(), fast.clone(), target.clone()],
        &[],
        ("b", "c"),
    );
    let new = proxy("n", "dr", &[Network], 1);
    check(&[slow, fast, new, target], &[], ("n", "c"));
}

#[test]
fn rates_that_differ_by_noise_are_equal() {
    check(
        &[
            rated(proxy("a", "dr", &[Network], 1), 100 << 20),
            rated(proxy("b", "dr", &[Network], 1), 103 << 20),
            proxy("c", "prod", &[Network], 1),
        ],
        &[],
        ("a", "c"),
    );
}

#[test]
fn a_mode_out_of_reach_falls_back_to_the_next() {
    let elsewhere = with(proxy("a", "dr", &TransportMode::ALL, 1), |it| {
        it.datastores = Reach::Only([DatastoreId::new("store-2")].into());
    });
    let proxies = [elsewhere, proxy("c", "prod", &[Network], 1)];
    let round = round(&proxies, &[], &[request("dr", "prod")]);
    let seat = &round.assignments[0].source;
    assert_eq!(seat.mode, Network);
    let store = || Obstacle::Datastore(DatastoreId::new("store-1"));
    let expected = [(DirectStorage, store()), (VirtualAppliance, store())];
    assert_eq!(seat.passed_over, expected);
}

#[test]
fn a_proxy_that_does_not_fall_back_uses_its_best_mode_or_none() {
    let strict = with(proxy("c", "prod", &[Network, VirtualAppliance], 1), |it| {
        it.falls_back = false;
        it.hosts = Reach::Only(BTreeSet::from([HostId::new("host-2")]));
    });
    let found = refusals(&[strict], request("dr", "prod"));
    let expected = Refusal::NoMode {
        tried: vec![(VirtualAppliance, Obstacle::Host(HostId::new("host-1")))],
        untried: vec![Network],
    };
    assert_eq!(found, [("c".to_owned(), expected)]);
}

#[test]
fn a_mode_at_its_limit_falls_back_though_slots_are_free() {
    let limited = with(proxy("a", "dr", &[], 4), |it| {
        let most = Some(1);
        it.modes = vec![
            ModeLimit {
                mode: DirectStorage,
                most,
            },
            ModeLimit {
                mode: Network,
                most: None,
            },
        ];
    });
    let proxies = [limited, proxy("c", "prod", &[DirectStorage], 4)];
    let disks = [request("dr", "prod"), request("dr", "prod")];
    let round = round(&proxies, &[], &disks);
    let modes: Vec<_> = round.assignments.iter().map(|it| it.source.mode).collect();
    assert_eq!(modes, [DirectStorage, Network]);
}

#[test]
fn where_a_disk_lies_must_be_known_to_a_proxy_that_reaches_a_part() {
    let part = with(proxy("c", "prod", &[DirectStorage], 1), |it| {
        it.datastores = Reach::Only([DatastoreId::new("store-1")].into());
    });
    let mut unknown = request("dr", "prod");
    unknown.target.datastore = None;
    let found = refusals(&[part], unknown);
    let expected = Refusal::NoMode {
        tried: vec![(DirectStorage, Obstacle::DatastoreUnknown)],
        untried: vec![],
    };
    assert_eq!(found, [("c".to_owned(), expected)]);
}

#[test]
fn waiting_names_each_proxy_of_the_site_and_its_reason() {
    let state = |id, state| with(proxy(id, "prod", &[Network], 1), |it| it.state = state);
    let mut silent = proxy("d", "prod", &[Network], 1);
    silent.answers = false;
    let mut request = request("dr", "prod");
    request.choice = listed(&["a", "b", "c", "d", "e", "f"]);
    let proxies = [
        proxy("a", "dr", &[Network], 1),
        state("b", ProxyState::Disabled),
        state("c", ProxyState::Draining),
        silent,
        proxy("e", "prod", &[], 1),
        proxy("f", "prod", &[Network], 0),
        proxy("g", "prod", &[Network], 1),
    ];
    let no_mode = Refusal::NoMode {
        tried: vec![],
        untried: vec![],
    };
    let full = Refusal::NoFreeSlot {
        running: 0,
        slots: 0,
    };
    let expected = [
        ("b", Refusal::Disabled),
        ("c", Refusal::Draining),
        ("d", Refusal::Silent),
        ("e", no_mode),
        ("f", full),
        ("g", Refusal::NotListed),
    ];
    let expected = expected.map(|(id, why)| (id.to_owned(), why));
    assert_eq!(refusals(&proxies, request), expected);
}

#[test]
fn a_site_without_proxies_is_a_reason_to_wait() {
    let found = refusals(&[proxy("a", "dr", &[Network], 1)], request("dr", "prod"));
    assert_eq!(found, []);
}

#[test]
fn one_proxy_serves_both_ends_in_one_slot() {
    let proxies = [proxy("a", "dr", &[Network], 2)];
    let disk = || request("dr", "dr");
    let round = round(&proxies, &[], &[disk(), disk(), disk()]);
    assert_eq!((round.assignments.len(), round.waiting.len()), (2, 1));
    assert_eq!(round.assignments[1].source.running, 2);
}

#[test]
fn one_proxy_in_both_roles_goes_before_two_idle_ones() {
    // Alone, `b` and `c` would be less busy; `a` takes one slot where they would take two.
    let mut only_reads = request("dr", "dr");
    only_reads.source.datastore = Some(DatastoreId::new("store-2"));
    let reach = |id, store: &str| {
        let stores = Reach::Only([DatastoreId::new(store)].into());
        with(proxy(id, "dr", &[DirectStorage], 4), |it| {
            it.datastores = stores;
        })
    };
    let proxies = [
        proxy("a", "dr", &[DirectStorage], 4),
        reach("b", "store-2"),
        reach("c", "store-1"),
    ];
    check_request(
        &proxies,
        &[("a", "a", DirectStorage)],
        only_reads.clone(),
        ("a", "a"),
    );
    let round = round(&proxies, &[("a", "a", DirectStorage)], &[only_reads]);
    let first = &round.assignments[0].losers[0];
    assert_eq!(
        (first.proxy.as_str(), &first.why),
        ("b", &Lost::TakesASecond)
    );
}

#[test]
fn two_proxies_go_before_one_that_needs_a_worse_mode() {
    let proxies = [
        proxy("a", "dr", &[Network], 4),
        with(proxy("b", "dr", &[DirectStorage], 4), |it| {
            it.datastores = Reach::Only([DatastoreId::new("store-1")].into());
        }),
    ];
    let mut disk = request("dr", "dr");
    disk.target.datastore = Some(DatastoreId::new("store-2"));
    check_request(&proxies, &[], disk, ("b", "a"));
}

#[test]
fn a_listed_proxy_goes_before_a_better_one_that_is_not() {
    let mut disk = request("dr", "prod");
    disk.choice = listed(&["b", "c"]);
    check_request(
        &[
            proxy("a", "dr", &[DirectStorage], 4),
            proxy("b", "dr", &[Network], 4),
            proxy("c", "prod", &[Network], 4),
        ],
        &[],
        disk,
        ("b", "c"),
    );
}

#[test]
fn a_task_leaves_a_proxy_that_is_disabled_silent_or_gone_and_stays_while_it_drains() {
    let state = |id, state| with(proxy(id, "dr", &[Network], 4), |it| it.state = state);
    let mut silent = proxy("s", "prod", &[Network], 4);
    silent.answers = false;
    let proxies = [
        state("off", ProxyState::Disabled),
        state("drains", ProxyState::Draining),
        silent,
        proxy("fine", "prod", &[Network], 4),
    ];
    let tasks = running(&[
        ("off", "fine", Network),
        ("drains", "fine", Network),
        ("drains", "s", Network),
        ("gone", "s", Network),
    ]);
    let found: Vec<_> = leaving(&proxies, &tasks)
        .into_iter()
        .map(|it| (it.task.0, it.end, it.proxy.to_string(), it.why))
        .collect();
    let expected = [
        (0, End::Source, "off".to_owned(), LeaveWhy::Disabled),
        (2, End::Target, "s".to_owned(), LeaveWhy::Silent),
        (3, End::Source, "gone".to_owned(), LeaveWhy::Gone),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_running_task_keeps_its_slot_until_it_is_taken_off() {
    let proxies = [
        proxy("a", "dr", &[Network], 1),
        proxy("c", "prod", &[Network], 9),
    ];
    let round = round(&proxies, &[("a", "c", Network)], &[request("dr", "prod")]);
    let blocked = &round.waiting[0].blocked;
    let full = Refusal::NoFreeSlot {
        running: 1,
        slots: 1,
    };
    assert_eq!(blocked.len(), 1);
    assert_eq!(
        blocked[0].why,
        Block::NoneCan(vec![(ProxyId::new("a"), full)])
    );
}

#[test]
fn a_mode_that_the_platform_does_not_offer_is_not_used() {
    let mut disk = request("dr", "prod");
    disk.target = crate::DiskEnd {
        modes: vec![DirectStorage],
        ..end("prod")
    };
    let found = refusals(&[proxy("c", "prod", &[Network], 1)], disk);
    let expected = Refusal::NoMode {
        tried: vec![(Network, Obstacle::NotOffered)],
        untried: vec![],
    };
    assert_eq!(found, [("c".to_owned(), expected)]);
}
