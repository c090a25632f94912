//! Under which names the console answers.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// The host names that are ours. Ports are not compared: `ssh -L` may change them.
#[derive(Clone, Debug)]
pub struct Hosts {
    names: Arc<[String]>,
    /// Listening beyond loopback, any address literal is ours: a rebound name is never a literal.
    any_address: bool,
}

impl Hosts {
    /// The names for a server that listens on `address`: the loopback ones and what was allowed.
    #[must_use]
    pub fn new(address: SocketAddr, allowed: &[String]) -> Self {
        let names = std::iter::once("localhost".to_owned())
            .chain(allowed.iter().map(|name| name.to_ascii_lowercase()))
            .collect();
        Self {
            names,
            any_address: !address.ip().is_loopback(),
        }
    }

    /// Whether a `Host` header, with or without a port, is one of ours.
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        match address_literal(name) {
            Some(address) => self.any_address || address.is_loopback(),
            None => self.names.contains(&name.to_ascii_lowercase()),
        }
    }
}

/// `name`, `1.2.3.4` or `[::1]` of `host[:port]`; none when what follows is no port.
fn without_port(host: &str) -> Option<&str> {
    let name_end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, rest) = host.split_at(name_end);
    let port_is_fine = rest.is_empty()
        || rest
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    port_is_fine.then_some(name)
}

fn address_literal(name: &str) -> Option<IpAddr> {
    match name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    }
}
