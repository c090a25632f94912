//! A libvirt connection URI: checked before anything is started with it.
//!
//! Only QEMU hosts, only ways in that are either local or encrypted and verified, and nothing that
//! would make the client run a program of the URI's choice.

use std::fmt;

use thiserror::Error;

/// Parameters that may stand after the `?`. Others are refused: some run programs, some turn
/// verification off.
const PARAMETERS: [&str; 7] = [
    "socket",
    "pkipath",
    "keyfile",
    "known_hosts",
    "sshauth",
    "proxy",
    "mode",
];

/// The URI of a libvirt host, as its `virsh -c` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionUri(String);

/// A host that ssh goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SshAddress {
    /// `USER@HOST`, or the host alone.
    pub(super) destination: String,
    pub(super) port: Option<String>,
    /// The private key to go with.
    pub(super) keyfile: Option<String>,
}

/// A URI that is refused. Each text names the cause and the next step.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectionUriError {
    /// It is not of the form that libvirt takes.
    #[error(
        "{0:?} is no libvirt URI. Write qemu:///system for this machine, \
         qemu+ssh://USER@HOST/system, or qemu+tls://HOST/system"
    )]
    Form(String),
    /// Not a QEMU host.
    #[error(
        "{0}: only QEMU hosts are supported. Write qemu:///system or qemu+ssh://USER@HOST/system"
    )]
    Driver(String),
    /// A way in that is not encrypted.
    #[error(
        "{0} is not encrypted, so whoever is on the way can run VMs there. Use qemu+ssh:// or \
         qemu+tls://"
    )]
    Transport(String),
    /// A password in the address.
    #[error("a password in the address would be seen in lists and logs. Use a key (keyfile=FILE)")]
    Password,
    /// A parameter that is not taken.
    #[error("the parameter {0} is not taken. These are: {list}", list = PARAMETERS.join(", "))]
    Parameter(String),
    /// The path is neither of the two that QEMU hosts have.
    #[error("the path is {0}; a QEMU host has /system and /session")]
    Path(String),
}

impl ConnectionUri {
    /// Checks a URI.
    ///
    /// # Errors
    /// [`ConnectionUriError`] with what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, ConnectionUriError> {
        let form = || ConnectionUriError::Form(text.to_owned());
        let odd = |c: char| c.is_whitespace() || c.is_control() || ";#%".contains(c);
        if text.chars().any(odd) {
            return Err(form());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').ok_or_else(form)?;
        check_scheme(scheme, authority)?;
        if authority
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
        {
            return Err(ConnectionUriError::Password);
        }
        // A host that begins so would be an option of `ssh`.
        let host = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
        if host.starts_with('-') || authority.starts_with('-') {
            return Err(form());
        }
        if !matches!(path, "system" | "session") {
            return Err(ConnectionUriError::Path(format!("/{path}")));
        }
        for parameter in parameters.split('&').filter(|it| !it.is_empty()) {
            let name = parameter
                .split_once('=')
                .map_or(parameter, |(name, _)| name);
            if !PARAMETERS.contains(&name) {
                return Err(ConnectionUriError::Parameter(name.to_owned()));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who is reached how, where the way in is ssh.
    pub(super) fn ssh(&self) -> Option<SshAddress> {
        let rest = self.0.strip_prefix("qemu+ssh://")?;
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, _) = place.split_once('/')?;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        // An address of IPv6 stands in brackets.
        let (host, port) = match host.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match host.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (host, None),
            },
        };
        let parameter = |name: &str| {
            let mut all = parameters.split('&').filter_map(|it| it.split_once('='));
            all.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
        };
        Some(SshAddress {
            destination: user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}")),
            port: port.map(str::to_owned),
            keyfile: parameter("keyfile"),
        })
    }

    /// As the client gets it: one that would ask at a terminal fails instead.
    pub(super) fn for_client(&self) -> String {
        if !self.0.starts_with("qemu+ssh://") {
            return self.0.clone();
        }
        let join = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{join}no_tty=1", self.0)
    }
}

impl fmt::Display for ConnectionUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_scheme(scheme: &str, authority: &str) -> Result<(), ConnectionUriError> {
    let (driver, transport) = scheme.split_once('+').unwrap_or((scheme, ""));
    if driver != "qemu" {
        return Err(ConnectionUriError::Driver(scheme.to_owned()));
    }
    match (transport, authority.is_empty()) {
        ("" | "unix", true) | ("ssh" | "tls" | "", false) => Ok(()),
        ("tcp", _) => Err(ConnectionUriError::Transport(scheme.to_owned())),
        _ => Err(ConnectionUriError::Form(format!("{scheme}://{authority}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_in_that_are_local_or_verified_are_taken() {
        for uri in [
            "qemu:///system",
            "qemu:///session",
            "qemu:///system?socket=/run/a/libvirt-sock",
            "qemu+unix:///system",
            "qemu+ssh://root@host.example/system?keyfile=/root/.ssh/id",
            "qemu+tls://host.example:16514/system?pkipath=/etc/pki/landfall",
        ] {
            assert_eq!(ConnectionUri::parse(uri).map(|it| it.0), Ok(uri.to_owned()));
        }
    }

    #[test]
    fn the_way_by_ssh_is_told_apart() {
        let ssh = |uri: &str| {
            let it = ConnectionUri::parse(uri).expect("an address").ssh()?;
            Some([Some(it.destination), it.port, it.keyfile].map(Option::unwrap_or_default))
        };
        let told = |uri, parts: [&str; 3]| assert_eq!(ssh(uri), Some(parts.map(str::to_owned)));
        told("qemu+ssh://host/system", ["host", "", ""]);
        told(
            "qemu+ssh://root@host:2222/system?mode=auto&keyfile=/k",
            ["root@host", "2222", "/k"],
        );
        told(
            "qemu+ssh://root@[fe80::1]:22/system",
            ["root@fe80::1", "22", ""],
        );
        assert_eq!(ssh("qemu:///system"), None);
        assert_eq!(ssh("qemu+tls://host/system"), None);
    }

    #[test]
    fn what_would_run_a_program_or_trust_anybody_is_refused() {
        use ConnectionUriError as E;
        let parameter = |name: &str| E::Parameter(name.to_owned());
        for (uri, why) in [
            ("qemu+ssh://h/system?command=/tmp/x", parameter("command")),
            ("qemu+ssh://h/system?netcat=/tmp/x", parameter("netcat")),
            ("qemu+tls://h/system?no_verify=1", parameter("no_verify")),
            ("qemu+ssh://u:secret@h/system", E::Password),
            ("qemu+tcp://h/system", E::Transport("qemu+tcp".to_owned())),
            ("esx://h/system", E::Driver("esx".to_owned())),
            ("test:///default", E::Driver("test".to_owned())),
            ("qemu:///embed", E::Path("/embed".to_owned())),
            (
                "qemu+ssh://-oProxyCommand=x/system",
                E::Form("qemu+ssh://-oProxyCommand=x/system".to_owned()),
            ),
            ("qemu+ssh:///system", E::Form("qemu+ssh://".to_owned())),
            (
                "qemu+tls://h/system?pkipath=/x;no_verify=1",
                E::Form("qemu+tls://h/system?pkipath=/x;no_verify=1".to_owned()),
            ),
            ("nonsense", E::Form("nonsense".to_owned())),
            (
                "qemu:///system --help",
                E::Form("qemu:///system --help".to_owned()),
            ),
        ] {
            assert_eq!(ConnectionUri::parse(uri), Err(why), "{uri}");
        }
    }

    #[test]
    fn nobody_is_asked_at_a_terminal() {
        let of = |uri: &str| ConnectionUri::parse(uri).unwrap().for_client();
        assert_eq!(of("qemu+ssh://h/system"), "qemu+ssh://h/system?no_tty=1");
        assert_eq!(
            of("qemu+ssh://h/system?keyfile=/k"),
            "qemu+ssh://h/system?keyfile=/k&no_tty=1"
        );
        assert_eq!(of("qemu:///system"), "qemu:///system");
    }
}
