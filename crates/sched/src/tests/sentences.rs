//! What an operator reads.

use model::{
    DatastoreId, ProxyState, Reach,
    TransportMode::{DirectStorage, Network},
};

use super::{proxy, rated, request, running, with};
use crate::{Proxy, Snapshot, assign, words};

fn check(proxies: &[Proxy], expected: &[&str]) {
    let snapshot = Snapshot {
        proxies: proxies.to_vec(),
        running: running(&[("a", "z", DirectStorage), ("b", "z", DirectStorage)]),
        waiting: vec![request("dr", "prod")],
    };
    let round = assign(&snapshot);
    let said = match (round.assignments.first(), round.waiting.first()) {
        (Some(assignment), _) => words::reasons(assignment, proxies),
        (None, Some(waiting)) => vec![words::waiting(waiting, proxies)],
        (None, None) => Vec::new(),
    };
    assert_eq!(said, expected);
}

#[test]
fn reasons_name_the_losers() {
    let off = with(proxy("e", "dr", &[DirectStorage], 4), |it| {
        it.state = ProxyState::Draining;
    });
    check(
        &[
            proxy("a", "dr", &[DirectStorage], 4),
            proxy("b", "dr", &[DirectStorage], 2),
            proxy("c", "dr", &[Network], 4),
            proxy("d", "dr", &[DirectStorage], 4),
            off,
            rated(proxy("f", "dr", &[DirectStorage], 4), 50 << 20),
            proxy("z", "prod", &[DirectStorage], 3),
        ],
        &[
            "Read through proxy d by direct storage, 1 of 4 slots in use with this disk.",
            "Written through proxy z by direct storage, 3 of 3 slots in use with this disk.",
            "proxy a was not taken to read: it carries more, with 1 of 4 slots in use.",
            "proxy b was not taken to read: it carries more, with 1 of 2 slots in use.",
            "proxy c was not taken to read: it can use network only.",
            "proxy e was not taken to read: it is draining and gets no new tasks.",
            "proxy f was not taken to read: its tasks were slower, with 50 MiB/s.",
        ],
    );
}

#[test]
fn a_fallback_is_told_with_what_was_in_the_way() {
    let part = with(proxy("q", "dr", &[DirectStorage, Network], 4), |it| {
        it.datastores = Reach::Only([DatastoreId::new("store-9")].into());
    });
    check(
        &[part, proxy("z", "prod", &[DirectStorage], 3)],
        &[
            "Read through proxy q by network, 1 of 4 slots in use with this disk. Not by direct \
             storage: which does not reach datastore store-1.",
            "Written through proxy z by direct storage, 3 of 3 slots in use with this disk.",
        ],
    );
}

#[test]
fn a_wait_names_each_end_that_nobody_can_serve() {
    let off = with(proxy("y", "prod", &[Network], 1), |it| {
        it.state = ProxyState::Disabled;
    });
    check(
        &[off, proxy("z", "prod", &[DirectStorage], 2)],
        &[
            "dr has no proxy that could read the source disk: add one on the proxies page. No proxy \
           at prod can write the target disk now. proxy y: it is disabled; proxy z: it has no free \
           slot, with 2 of 2 in use.",
        ],
    );
}
