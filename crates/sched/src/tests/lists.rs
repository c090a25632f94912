//! The rules of proxies picked by hand.

use model::{SiteId, TransportMode::Network};

use super::{ids, proxy};
use crate::{End, ListFinding, check_list};

fn check(listed: &[&str], routes: &[(&str, &str)], expected: &[ListFinding]) {
    let proxies = [
        proxy("d1", "dr", &[Network], 1),
        proxy("d2", "dr", &[Network], 1),
        proxy("p1", "prod", &[Network], 1),
        proxy("p2", "prod", &[Network], 1),
    ];
    let routes = routes
        .iter()
        .map(|(source, target)| (SiteId::new(*source), SiteId::new(*target)))
        .collect();
    assert_eq!(check_list(&proxies, &ids(listed), &routes), expected);
}

fn few(site: &str) -> ListFinding {
    ListFinding::Few {
        site: SiteId::new(site),
        listed: 1,
    }
}

fn none(end: End, site: &str) -> ListFinding {
    ListFinding::None {
        end,
        site: SiteId::new(site),
    }
}

#[test]
fn two_at_each_site_are_fine() {
    check(&["d1", "d2", "p1", "p2"], &[("dr", "prod")], &[]);
}

#[test]
fn one_at_a_site_is_a_warning() {
    check(&["d1", "p1", "p2"], &[("dr", "prod")], &[few("dr")]);
    assert!(!few("dr").refuses());
}

#[test]
fn none_at_a_site_is_refused_for_its_end() {
    check(
        &["d1", "d2"],
        &[("dr", "prod")],
        &[none(End::Target, "prod")],
    );
    check(&["p1", "p2"], &[("dr", "prod")], &[none(End::Source, "dr")]);
    assert!(none(End::Source, "dr").refuses());
}

#[test]
fn within_one_site_one_list_is_enough() {
    check(&["d1", "d2"], &[("dr", "dr")], &[]);
    check(&["d1"], &[("dr", "dr")], &[few("dr")]);
    check(&["p1"], &[("dr", "dr")], &[none(End::Source, "dr")]);
}

#[test]
fn a_proxy_that_is_not_there_any_more_is_refused() {
    let gone = ListFinding::Unknown(model::ProxyId::new("x"));
    assert!(gone.refuses());
    check(&["d1", "d2", "p1", "p2", "x"], &[("dr", "prod")], &[gone]);
}

#[test]
fn a_site_of_several_routes_is_judged_once() {
    check(
        &["d1", "p1", "p2"],
        &[("dr", "dr"), ("dr", "prod")],
        &[few("dr")],
    );
}
