//! URIs.

use disk::{NbdAddress, NbdTls, NbdUri, UriError};

fn tcp(host: &str, port: u16) -> NbdAddress {
    NbdAddress::Tcp {
        host: host.to_owned(),
        port,
    }
}

fn unix(path: &str) -> NbdAddress {
    NbdAddress::Unix { path: path.into() }
}

fn known_by(certificates: &str, hostname: Option<&str>) -> Option<NbdTls> {
    Some(NbdTls {
        certificates: certificates.into(),
        hostname: hostname.map(str::to_owned),
    })
}

#[test]
fn uris_are_parsed_and_written_as_they_were_meant() {
    for (text, address, export, tls) in [
        ("nbd://example.org", tcp("example.org", 10_809), "", None),
        ("nbd://h:1234/a%20b", tcp("h", 1234), "a b", None),
        ("nbd://[::1]:99/x/y", tcp("::1", 99), "x/y", None),
        (
            "nbd+unix:///x?socket=/run/a%3Fb",
            unix("/run/a?b"),
            "x",
            None,
        ),
        (
            "nbds://h/x?tls-certificates=/etc/pki",
            tcp("h", 10_809),
            "x",
            known_by("/etc/pki", None),
        ),
        (
            "nbds+unix:///x?tls-hostname=backup.example&socket=/s&tls-certificates=/p%26q",
            unix("/s"),
            "x",
            known_by("/p&q", Some("backup.example")),
        ),
    ] {
        let uri = NbdUri::parse(text).expect(text);
        assert_eq!(
            (&uri.address, uri.export.as_str(), &uri.tls),
            (&address, export, &tls)
        );
        assert_eq!(NbdUri::parse(&uri.to_string()), Ok(uri), "{text}");
    }
}

#[test]
fn wrong_uris_say_what_is_wrong() {
    let parameter = |text: &str| UriError::Parameter(text.to_owned());
    for (text, error) in [
        ("http://h", UriError::Scheme),
        ("nbd", UriError::Scheme),
        ("nbd:///x", UriError::NoHost),
        ("nbd://h:no/x", UriError::Port("no".to_owned())),
        ("nbd+unix:///x", UriError::NoSocket),
        ("nbd+unix:///x?socket=/a&sock=/a", parameter("sock=/a")),
        ("nbd://h/x?socket=/a", parameter("socket=/a")),
        ("nbd://h/%2", UriError::Escape),
        ("nbds://h", UriError::NoCertificates),
        (
            "nbd://h?tls-certificates=/a",
            parameter("tls-certificates=/a"),
        ),
        (
            "nbds://h?tls-certificates=/a&tls-verify-peer=false",
            parameter("tls-verify-peer=false"),
        ),
    ] {
        assert_eq!(NbdUri::parse(text), Err(error), "{text}");
    }
}
