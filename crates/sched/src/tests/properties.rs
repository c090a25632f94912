//! Random estates, judged by the oracle.

use std::collections::BTreeSet;

use model::{
    BytesPerSecond, DatastoreId, HostId, ModeLimit, ProxyChoice, ProxyId, ProxyState, Reach,
    SiteId, TransportMode,
};
use proptest::prelude::*;

use super::{end, oracle, proxy, request, with};
use crate::{
    Assignment, Block, DiskEnd, End, Held, Lost, Proxy, Refusal, Request, Running, Snapshot,
    TaskId, assign,
};

fn modes() -> impl Strategy<Value = Vec<TransportMode>> {
    proptest::sample::subsequence(TransportMode::ALL.to_vec(), 0..=3).prop_shuffle()
}

/// Everything, or some of three.
fn reach<T: Ord + Clone + std::fmt::Debug + 'static>(
    of: impl Fn(u8) -> T + 'static,
) -> impl Strategy<Value = Reach<T>> {
    let some = proptest::collection::btree_set(0..3_u8, 0..3);
    proptest::option::weighted(0.4, some).prop_map(move |some| match some {
        None => Reach::All,
        Some(some) => Reach::Only(some.into_iter().map(&of).collect()),
    })
}

fn host(number: u8) -> HostId {
    HostId::new(format!("host-{number}"))
}

fn store(number: u8) -> DatastoreId {
    DatastoreId::new(format!("store-{number}"))
}

fn one_proxy() -> impl Strategy<Value = Proxy> {
    let state = prop_oneof![
        6 => Just(ProxyState::Enabled),
        1 => Just(ProxyState::Draining),
        1 => Just(ProxyState::Disabled),
    ];
    let modes = proptest::collection::vec(
        (0..3_usize, proptest::option::weighted(0.3, 0..3_u32)),
        0..4,
    );
    let rate = proptest::option::of(1..200_u64);
    let flags = (proptest::bool::weighted(0.8), proptest::bool::weighted(0.9));
    let reach = (reach(host), reach(store));
    (0..3_u8, modes, 0..4_u32, state, rate, flags, reach).prop_map(
        |(site, modes, slots, state, rate, (falls_back, answers), (hosts, datastores))| Proxy {
            answers,
            rate: rate.map(BytesPerSecond),
            ..with(proxy("", &format!("site{site}"), &[], slots), |it| {
                it.modes = modes
                    .into_iter()
                    .map(|(mode, most)| ModeLimit {
                        mode: TransportMode::ALL[mode],
                        most,
                    })
                    .collect();
                it.falls_back = falls_back;
                it.state = state;
                it.hosts = hosts;
                it.datastores = datastores;
            })
        },
    )
}

fn proxies() -> impl Strategy<Value = Vec<Proxy>> {
    proptest::collection::vec(one_proxy(), 0..8).prop_map(|all| {
        let all = all.into_iter().zip(0..);
        all.map(|(proxy, index)| with(proxy, |it| it.id = ProxyId::new(format!("p{index}"))))
            .collect()
    })
}

fn one_end() -> impl Strategy<Value = DiskEnd> {
    let place = (
        proptest::option::weighted(0.8, 0..3_u8),
        proptest::option::weighted(0.8, 0..3_u8),
    );
    (0..3_u8, place, modes()).prop_map(|(site, (on, lies), modes)| DiskEnd {
        host: on.map(host),
        datastore: lies.map(store),
        modes,
        ..end(&format!("site{site}"))
    })
}

fn one_request() -> impl Strategy<Value = Request> {
    let listed = proptest::collection::btree_set(0..8_u8, 0..8);
    let choice = proptest::option::weighted(0.3, listed);
    (one_end(), one_end(), choice).prop_map(|(source, target, choice)| Request {
        source,
        target,
        choice: choice.map_or(ProxyChoice::Automatic, |ids| {
            let ids = ids.into_iter().map(|id| ProxyId::new(format!("p{id}")));
            ProxyChoice::Listed(ids.collect())
        }),
        ..request("", "")
    })
}

fn tasks() -> impl Strategy<Value = Vec<Running>> {
    let held = || {
        (0..8_u8, 0..3_usize).prop_map(|(id, mode)| Held {
            proxy: ProxyId::new(format!("p{id}")),
            mode: TransportMode::ALL[mode],
        })
    };
    let pairs = proptest::collection::vec((held(), held()), 0..6);
    pairs.prop_map(|all| {
        let all = all.into_iter().zip(0..);
        all.map(|((source, target), task)| Running {
            task: TaskId(task),
            source,
            target,
        })
        .collect()
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let waiting = proptest::collection::vec(one_request(), 0..6);
    (proxies(), tasks(), waiting).prop_map(|(proxies, running, waiting)| Snapshot {
        proxies,
        running,
        waiting,
    })
}

fn held(assignment: &Assignment, end: End) -> Held {
    let seat = match end {
        End::Source => &assignment.source,
        End::Target => &assignment.target,
    };
    Held {
        proxy: seat.proxy.clone(),
        mode: seat.mode,
    }
}

/// The round played again by the oracle: each request with what runs when its turn comes.
fn replay(snapshot: &Snapshot, mut judge: impl FnMut(usize, &[Running], Option<&Assignment>)) {
    let round = assign(snapshot);
    let mut running = snapshot.running.clone();
    for index in 0..snapshot.waiting.len() {
        let found = round.assignments.iter().find(|it| it.request == index);
        judge(index, &running, found);
        running.extend(found.map(|it| Running {
            task: TaskId(1_000 + u64::try_from(index).unwrap()),
            source: held(it, End::Source),
            target: held(it, End::Target),
        }));
    }
}

fn find<'a>(snapshot: &'a Snapshot, id: &ProxyId) -> &'a Proxy {
    let mut all = snapshot.proxies.iter();
    all.find(|proxy| proxy.settings.id == *id).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_pair_is_the_best_of_all_pairs_and_a_wait_means_that_there_is_none(snapshot in snapshot()) {
        replay(&snapshot, |index, running, found| {
            let request = &snapshot.waiting[index];
            let best = oracle::pairs(&snapshot.proxies, request, running).into_iter().min();
            let found = found.map(|it| (
                usize::from(it.score.modes),
                usize::from(it.score.proxies),
                it.score.load,
                it.score.pace,
                it.source.proxy.clone(),
                it.target.proxy.clone(),
            ));
            assert_eq!(found, best, "request {index}");
        });
    }

    #[test]
    fn every_request_is_answered_once(snapshot in snapshot()) {
        let round = assign(&snapshot);
        let mut seen: Vec<usize> = round.assignments.iter().map(|it| it.request).collect();
        seen.extend(round.waiting.iter().map(|it| it.request));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..snapshot.waiting.len()).collect::<Vec<_>>());
    }

    #[test]
    fn slots_and_limits_of_modes_are_never_exceeded(snapshot in snapshot()) {
        let mut all = snapshot.running.clone();
        replay(&snapshot, |_, _, found| {
            all.extend(found.map(|it| Running {
                task: TaskId(0),
                source: held(it, End::Source),
                target: held(it, End::Target),
            }));
        });
        for proxy in &snapshot.proxies {
            let set = &proxy.settings;
            let grew = |mode| {
                let before = oracle::tasks(&snapshot.running, &set.id, mode);
                let after = oracle::tasks(&all, &set.id, mode);
                (after > before).then_some(after)
            };
            prop_assert!(grew(None).is_none_or(|after| after <= set.slots));
            for limit in &set.modes {
                let fits = |after| limit.most.is_none_or(|most| after <= most);
                prop_assert!(grew(Some(limit.mode)).is_none_or(fits));
            }
        }
    }

    #[test]
    fn the_mode_is_the_best_that_works_and_every_better_one_has_its_obstacle(snapshot in snapshot()) {
        replay(&snapshot, |index, running, found| {
            let Some(found) = found else { return };
            let request = &snapshot.waiting[index];
            for (end, seat) in [(End::Source, &found.source), (End::Target, &found.target)] {
                let proxy = find(&snapshot, &seat.proxy);
                let works = oracle::modes(proxy, request.end(end), &request.choice, running);
                assert_eq!(works.first(), Some(&seat.mode));
                let has: BTreeSet<_> = proxy.settings.modes.iter().map(|it| it.mode).collect();
                let better = has.into_iter().filter(|mode| *mode < seat.mode);
                let passed: Vec<_> = seat.passed_over.iter().map(|(mode, _)| *mode).collect();
                assert_eq!(passed, better.collect::<Vec<_>>());
            }
        });
    }

    #[test]
    fn every_loser_has_a_true_reason(snapshot in snapshot()) {
        replay(&snapshot, |index, running, found| {
            let Some(found) = found else { return };
            let request = &snapshot.waiting[index];
            let pairs = oracle::pairs(&snapshot.proxies, request, running);
            for end in [End::Source, End::Target] {
                let winner = held(found, end);
                let site = &request.end(end).site;
                let told: Vec<_> = found.losers.iter().filter(|it| it.end == end).collect();
                let others = snapshot.proxies.iter().filter(|it| {
                    it.settings.site == *site && it.settings.id != winner.proxy
                });
                let others: BTreeSet<_> = others.map(|it| it.settings.id.clone()).collect();
                let named: BTreeSet<_> = told.iter().map(|it| it.proxy.clone()).collect();
                assert_eq!((named, told.len()), (others.clone(), others.len()));
                for loser in told {
                    let proxy = find(&snapshot, &loser.proxy);
                    let works = oracle::modes(proxy, request.end(end), &request.choice, running);
                    // The best that could be had with the loser at this end.
                    let with_it = pairs.iter().filter(|pair| {
                        let at = match end { End::Source => &pair.4, End::Target => &pair.5 };
                        *at == loser.proxy
                    }).min();
                    let best = pairs.iter().min().unwrap();
                    let winner_proxy = find(&snapshot, &winner.proxy);
                    match &loser.why {
                        Lost::Refused(why) => {
                            assert_eq!((works.len(), with_it), (0, None));
                            is_true(why, proxy, request.end(end), &request.choice, running);
                        }
                        Lost::WorseMode(mode) => {
                            assert_eq!(works.first(), Some(mode));
                            assert!(*mode > winner.mode && with_it.unwrap().0 > best.0);
                        }
                        Lost::TakesASecond => {
                            let (with_it, best) = (with_it.unwrap(), best);
                            assert_eq!((best.1, with_it.0), (1, best.0));
                            assert_eq!(with_it.1, 2);
                        }
                        Lost::Busier { running: tasks, slots } => {
                            let with_it = with_it.unwrap();
                            assert_eq!((with_it.0, with_it.1), (best.0, best.1));
                            assert_eq!(*tasks, oracle::tasks(running, &loser.proxy, None));
                            assert_eq!(*slots, proxy.settings.slots);
                            assert!(oracle::load(proxy, running) > oracle::load(winner_proxy, running));
                        }
                        Lost::Slower(rate) => {
                            let with_it = with_it.unwrap();
                            assert_eq!(proxy.rate, Some(*rate));
                            assert_eq!((with_it.0, with_it.1, with_it.2), (best.0, best.1, best.2));
                            assert!(oracle::pace(proxy) > oracle::pace(winner_proxy));
                        }
                        Lost::Later => {
                            let with_it = with_it.unwrap();
                            let equal = (with_it.0, with_it.1, with_it.2, with_it.3);
                            assert_eq!(equal, (best.0, best.1, best.2, best.3));
                            assert!(loser.proxy > winner.proxy);
                        }
                    }
                }
            }
        });
    }

    #[test]
    fn a_wait_names_every_proxy_of_an_end_that_nobody_can_serve(snapshot in snapshot()) {
        let round = assign(&snapshot);
        let mut running = snapshot.running.clone();
        for index in 0..snapshot.waiting.len() {
            if let Some(it) = round.assignments.iter().find(|it| it.request == index) {
                let (source, target) = (held(it, End::Source), held(it, End::Target));
                running.push(Running { task: TaskId(0), source, target });
                continue;
            }
            let waiting = round.waiting.iter().find(|it| it.request == index).unwrap();
            let request = &snapshot.waiting[index];
            for end in [End::Source, End::Target] {
                let place = request.end(end);
                let at = |site: &SiteId| {
                    let there = snapshot.proxies.iter().filter(|it| it.settings.site == *site);
                    there.collect::<Vec<_>>()
                };
                let able = at(&place.site).into_iter().any(|it| {
                    !oracle::modes(it, place, &request.choice, &running).is_empty()
                });
                let blocked = waiting.blocked.iter().find(|it| it.end == end);
                prop_assert_eq!(blocked.is_none(), able);
                match blocked.map(|it| &it.why) {
                    None => {}
                    Some(Block::NoProxy) => prop_assert!(at(&place.site).is_empty()),
                    Some(Block::NoneCan(refused)) => {
                        let named: Vec<_> = refused.iter().map(|(id, _)| id.clone()).collect();
                        let there = at(&place.site).into_iter().map(|it| it.settings.id.clone());
                        prop_assert_eq!(named, there.collect::<Vec<_>>());
                        for (id, why) in refused {
                            let proxy = find(&snapshot, id);
                            is_true(why, proxy, place, &request.choice, &running);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_order_of_proxies_and_tasks_does_not_matter(snapshot in snapshot()) {
        let mut turned = snapshot.clone();
        turned.proxies.reverse();
        turned.running.reverse();
        prop_assert_eq!(assign(&snapshot), assign(&turned));
    }
}

/// Whether a refusal says what is so. That it refuses at all is judged by the oracle's modes.
fn is_true(why: &Refusal, proxy: &Proxy, end: &DiskEnd, choice: &ProxyChoice, running: &[Running]) {
    let set = &proxy.settings;
    match why {
        Refusal::Elsewhere(_) => panic!("only proxies of the site are named"),
        Refusal::NotListed => {
            let ProxyChoice::Listed(ids) = choice else {
                panic!("nothing is listed");
            };
            assert!(!ids.contains(&set.id));
        }
        Refusal::Disabled => assert_eq!(set.state, ProxyState::Disabled),
        Refusal::Draining => assert_eq!(set.state, ProxyState::Draining),
        Refusal::Silent => assert!(!proxy.answers),
        Refusal::NoFreeSlot {
            running: tasks,
            slots,
        } => {
            assert_eq!(*tasks, oracle::tasks(running, &set.id, None));
            assert!(*slots == set.slots && tasks >= slots);
        }
        Refusal::NoMode { tried, untried } => {
            let has: BTreeSet<_> = set.modes.iter().map(|it| it.mode).collect();
            let named = tried.iter().map(|(mode, _)| *mode).chain(untried.clone());
            assert_eq!(
                named.collect::<Vec<_>>(),
                has.into_iter().collect::<Vec<_>>()
            );
            assert!(untried.is_empty() || !set.falls_back);
            // With slots to spare and every mode allowed, still none would do.
            let roomy = with(proxy.clone(), |it| it.slots = u32::MAX);
            assert!(oracle::modes(&roomy, end, choice, running).is_empty());
        }
    }
}
