//! Trying a connection before it is saved.

use std::{iter, path::Path, time::Duration};

use disk::{Access, Locator};
use model::{DiskFormat, with_causes};
use roxmltree::Document;

use super::{
    LibvirtSettings,
    domain::{child, text},
    ssh::{Ssh, SshError},
    uri::ConnectionUri,
    virsh::Virsh,
};

/// How long a host may take for a question.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a host said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReport {
    /// The id that it calls itself by, the same whatever its address.
    pub id: String,
    /// Its name.
    pub host: String,
    /// The version of libvirt there: `11.3.0`.
    pub libvirt: String,
    /// The version of QEMU there: `10.0.2`.
    pub qemu: String,
    /// How many VMs it has.
    pub vms: usize,
}

/// Connects, asks what is there, and changes nothing.
///
/// # Errors
/// Why it cannot be reached, in words for an operator.
pub fn test_connection(
    settings: &LibvirtSettings,
    uri: &ConnectionUri,
) -> Result<ConnectionReport, String> {
    let client = Virsh::new(settings.virsh.clone(), uri.clone());
    let commands = [
        "hostname",
        "version --daemon",
        "list --all --uuid",
        "capabilities",
    ]
    .map(str::to_owned);
    let batch = client
        .batch(&commands)
        .map_err(|error| with_causes(&error))?;
    if let Some(address) = uri.ssh() {
        let ssh = Ssh::new(settings.ssh.clone(), address);
        tools(&ssh)?;
    }
    let answers = batch.answers;
    let answer = |index: usize| answers.get(index).cloned().flatten().unwrap_or_default();
    let versions = answer(1);
    let id = host_id(&answer(3)).ok_or("its libvirt does not say which host it is")?;
    Ok(ConnectionReport {
        id,
        host: answer(0),
        libvirt: version(&versions, "Running against daemon: "),
        qemu: version(&versions, "Running hypervisor: QEMU "),
        vms: answer(2)
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count(),
    })
}

/// What moves data there, and that it can.
fn tools(ssh: &Ssh) -> Result<(), String> {
    for tool in ["qemu-img", "qemu-nbd"] {
        ssh.run("\"$1\" --version", &[tool], PATIENCE)
            .map_err(|error| match error {
                SshError::Start { .. } | SshError::Unreachable(_) => with_causes(&error),
                SshError::Failed(words) => format!(
                    "{tool} cannot be run there, by which data moves. Install it (Debian: qemu-utils), \
                     for the user that the address names. {words}"
                ),
            })?;
    }
    serves(ssh).map_err(|why| {
        format!(
            "its disks cannot be reached over the connection. sshd there must allow the forwarding of \
             sockets (AllowStreamLocalForwarding, and no `restrict` at the key). {why}"
        )
    })
}

/// Opens a small file as a disk would be opened.
fn serves(ssh: &Ssh) -> Result<(), String> {
    let words = |error: SshError| with_causes(&error);
    let make = "f=$(mktemp) && head -c 65536 /dev/zero >\"$f\" && echo \"$f\"";
    let file = ssh.run(make, &[], PATIENCE).map_err(words)?;
    let file = file.trim();
    let opened = ssh
        .export(Path::new(file), DiskFormat::Raw, false)
        .map_err(words)
        .and_then(|uri| {
            let opened = disk::open(&Locator::Nbd(uri), Access::Read);
            opened.map(drop).map_err(|error| with_causes(&error))
        });
    ssh.end(iter::once(Path::new(file)));
    ssh.run("rm -f -- \"$1\"", &[file], PATIENCE)
        .map_err(words)?;
    opened
}

fn host_id(capabilities: &str) -> Option<String> {
    let document = Document::parse(capabilities).ok()?;
    text(child(document.root_element(), "host")?, "uuid")
}

fn version(lines: &str, before: &str) -> String {
    let found = lines
        .lines()
        .find_map(|line| line.trim().strip_prefix(before));
    found.unwrap_or("unknown").to_owned()
}
