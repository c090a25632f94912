//! Hosts and writes, as tables.

use super::*;

type Pairs<'a> = &'a [(&'static str, &'static str)];

fn headers(pairs: Pairs<'_>) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn local_hosts() -> Hosts {
    let address = "127.0.0.1:3000".parse().expect("a literal address");
    Hosts::new(address, &["Console.Example".to_owned()])
}

#[test]
fn only_our_names_are_answered() {
    let hosts = local_hosts();
    for ours in [
        "127.0.0.1:3000",
        "127.0.0.1",
        "localhost:9000",
        "LOCALHOST",
        "[::1]:3000",
        "console.example:3000",
    ] {
        assert!(hosts.allow(ours), "{ours} is ours");
    }
    for foreign in [
        "",
        "evil.example",
        "127.0.0.1.evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1:3000:1",
        "127.0.0.1:port",
        "192.0.2.1:3000",
        "[::1",
        "[::2]:3000",
        "user@localhost:3000",
    ] {
        assert!(!hosts.allow(foreign), "{foreign} is not ours");
    }
}

#[test]
fn beyond_loopback_addresses_are_ours_and_names_are_not() {
    let address = "0.0.0.0:3000".parse().expect("a literal address");
    let hosts = Hosts::new(address, &[]);
    assert!(hosts.allow("192.0.2.1:3000"));
    assert!(hosts.allow("[2001:db8::1]:3000"));
    assert!(!hosts.allow("evil.example:3000"));
}

#[test]
fn writes_of_other_sites_are_refused() {
    let host = ("host", "127.0.0.1:3000");
    let own_origin = ("origin", "http://127.0.0.1:3000");
    let cases: [(Pairs<'_>, Result<(), Refusal>); 10] = [
        (&[host], Ok(())),
        (&[host, own_origin], Ok(())),
        (
            &[host, own_origin, ("sec-fetch-site", "same-origin")],
            Ok(()),
        ),
        (&[host, ("sec-fetch-site", "none")], Ok(())),
        (&[host, ("origin", "https://127.0.0.1:3000")], Ok(())),
        (
            &[host, own_origin, ("sec-fetch-site", "cross-site")],
            Err(Refusal::CrossSiteWrite),
        ),
        (
            &[host, own_origin, ("sec-fetch-site", "same-site")],
            Err(Refusal::CrossSiteWrite),
        ),
        (
            &[host, ("origin", "http://evil.example")],
            Err(Refusal::CrossSiteWrite),
        ),
        (
            &[host, ("origin", "http://127.0.0.1:3001")],
            Err(Refusal::CrossSiteWrite),
        ),
        (&[host, ("origin", "null")], Err(Refusal::CrossSiteWrite)),
    ];
    for (pairs, expected) in cases {
        let checked = check(
            &local_hosts(),
            &Method::POST,
            &Uri::from_static("/api/anything"),
            &headers(pairs),
        );
        assert_eq!(checked, expected, "{pairs:?}");
    }
}

#[test]
fn a_link_from_another_site_may_open_a_page() {
    let checked = check(
        &local_hosts(),
        &Method::GET,
        &Uri::from_static("/"),
        &headers(&[("host", "localhost:3000"), ("sec-fetch-site", "cross-site")]),
    );
    assert_eq!(checked, Ok(()));
}

#[test]
fn a_request_without_a_single_host_is_refused() {
    let mut two = headers(&[("host", "localhost")]);
    two.append(header::HOST, HeaderValue::from_static("evil.example"));
    for wrong in [HeaderMap::new(), two] {
        let checked = check(&local_hosts(), &Method::GET, &Uri::from_static("/"), &wrong);
        assert_eq!(checked, Err(Refusal::NoHost));
    }
}
