//! Trying a connection before it is saved.

use std::path::Path;

use super::{
    uri::ConnectionUri,
    virsh::{Virsh, VirshError},
};

/// What a host said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReport {
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
pub fn test_connection(virsh: &Path, uri: &ConnectionUri) -> Result<ConnectionReport, String> {
    let client = Virsh::new(virsh.to_owned(), uri.clone());
    let commands = ["hostname", "version --daemon", "list --all --uuid"].map(str::to_owned);
    let batch = client.batch(&commands).map_err(|error| words(&error))?;
    let answers = batch.answers;
    let answer = |index: usize| answers.get(index).cloned().flatten().unwrap_or_default();
    let versions = answer(1);
    Ok(ConnectionReport {
        host: answer(0),
        libvirt: version(&versions, "Running against daemon: "),
        qemu: version(&versions, "Running hypervisor: QEMU "),
        vms: answer(2)
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count(),
    })
}

fn version(lines: &str, before: &str) -> String {
    let found = lines
        .lines()
        .find_map(|line| line.trim().strip_prefix(before));
    found.unwrap_or("unknown").to_owned()
}

fn words(error: &VirshError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
