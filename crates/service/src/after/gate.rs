//! Health gates as they are typed: one a line, each checked where it can be without trying it.

use model::{ApiError, HealthGate};

use crate::refusal::invalid;

/// Gates of one session: each is tried every few seconds.
const MOST: usize = 16;
const LONGEST: usize = 2_000;
const HINT: &str = "Give one a line, such as tcp://10.0.0.5:443 or http://10.0.0.5/health.";

/// The gates of a text, one a line; empty lines do not count, and a gate counts once.
pub(super) fn list(text: &str) -> Result<Vec<HealthGate>, ApiError> {
    let mut gates = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let gate = one(line)?;
        if !gates.contains(&gate) {
            gates.push(gate);
        }
    }
    if gates.len() > MOST {
        return Err(refused(
            format!("{} health gates are more than {MOST}.", gates.len()),
            "Keep those that tell most.",
        ));
    }
    Ok(gates)
}

fn one(line: &str) -> Result<HealthGate, ApiError> {
    if line.len() > LONGEST {
        return Err(refused(
            format!("A health gate is longer than {LONGEST} characters."),
            HINT,
        ));
    }
    if !line.chars().all(|it| it.is_ascii_graphic()) {
        return Err(refused(
            format!("\"{line}\" has a blank or a character that no address has."),
            HINT,
        ));
    }
    match line.split_once("://") {
        Some(("tcp", rest)) => tcp(line, rest),
        Some(("http", rest)) => http(line, rest),
        Some(("https", rest)) => Err(refused(
            format!("\"{line}\" is https, which gates do not speak: they know no certificates."),
            format!(
                "Use tcp instead, such as tcp://{}.",
                with_port(rest.split(['/', '?', '#']).next().unwrap_or_default(), 443)
            ),
        )),
        Some((scheme, _)) => Err(refused(
            format!("\"{line}\" begins with {scheme}://, which gates do not speak."),
            HINT,
        )),
        None => Err(refused(
            format!("\"{line}\" does not say how the gate is tried."),
            HINT,
        )),
    }
}

fn tcp(line: &str, rest: &str) -> Result<HealthGate, ApiError> {
    match host_and_port(rest) {
        Some((host, Some(port))) => Ok(HealthGate::Tcp {
            host: host.to_owned(),
            port,
        }),
        Some((host, None)) => Err(refused(
            format!("\"{line}\" names no port."),
            format!(
                "Add it, such as tcp://{rest_host}:443.",
                rest_host = shown(host)
            ),
        )),
        None => Err(refused(
            format!("\"{line}\" is not a host and a port from 1 to 65535."),
            HINT,
        )),
    }
}

fn http(line: &str, rest: &str) -> Result<HealthGate, ApiError> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest.contains('#') {
        return Err(refused(
            format!("\"{line}\" has a #, which no server sees."),
            "Leave out what follows the #.",
        ));
    }
    if host_and_port(&rest[..end]).is_none() {
        return Err(refused(
            format!("\"{line}\" names no host, or a port that is not from 1 to 65535."),
            HINT,
        ));
    }
    Ok(HealthGate::Http {
        url: line.to_owned(),
    })
}

/// The host without brackets, and its port where one is named; none when they cannot be.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':')?)
                },
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
    if host.is_empty() || (!text.starts_with('[') && !host.chars().all(is_name)) {
        return None;
    }
    let port = match port {
        // A sign would be read as part of the number.
        Some(port) if port.starts_with('+') => return None,
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
        None => None,
    };
    Some((host, port))
}

/// A host as it is typed.
fn shown(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// A host with its port, or with another where it names none.
fn with_port(text: &str, port: u16) -> String {
    match host_and_port(text) {
        Some((host, named)) => format!("{}:{}", shown(host), named.unwrap_or(port)),
        None => format!("10.0.0.5:{port}"),
    }
}

fn refused(message: String, hint: impl Into<String>) -> ApiError {
    invalid("gates", message, hint)
}
