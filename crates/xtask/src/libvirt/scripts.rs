//! The small programs beside a host and on the path of its clients.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{stamp, workspace};

/// Becomes a host.
pub(super) const HOST: &str = include_str!("host.sh");

/// Starts a host's libvirtd; needed once more after the next one only.
pub(super) const START: &str = "start-libvirtd";
/// Starts a host's sshd.
pub(super) const START_SSHD: &str = "start-sshd";
/// Kills a host's libvirtd with signal 9. Its virtual machines go on.
const KILL: &str = "kill-libvirtd";
/// Kills the QEMU of one virtual machine with signal 9.
const KILL_VM: &str = "kill-vm";

/// Writes what acts within the host whose first process has this number.
pub(super) fn write_host(folder: &Path, first: i32) -> Result<()> {
    let within = format!(
        "#!/bin/sh\nexec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \\\n    \
         nsenter --target {first} --mount --uts --pid --root --wd \\\n    "
    );
    let kill = |file: &str| format!("busybox sh -c 'read -r pid < {file}; kill -9 $pid'");
    let start = "libvirtd --daemon --listen --config /etc/libvirt/libvirtd.conf \
                 --pid-file /run/libvirt/libvirtd.pid\n";
    let daemon = kill("/run/libvirt/libvirtd.pid");
    let machine = kill("/run/libvirt/qemu/$0.pid");
    let sshd = "/usr/sbin/sshd -f /etc/libvirt/sshd/sshd_config -E /var/log/libvirt/sshd.log\n";
    program(&folder.join(START), &format!("{within}{start}"))?;
    program(&folder.join(START_SSHD), &format!("{within}{sshd}"))?;
    program(&folder.join(KILL), &format!("{within}{daemon}\n"))?;
    program(
        &folder.join(KILL_VM),
        &format!("{within}{machine} \"$1\"\n"),
    )
}

/// Removes it: by then another process may have the number.
pub(super) fn remove_host(folder: &Path) {
    for name in [START, START_SSHD, KILL, KILL_VM] {
        drop(fs::remove_file(folder.join(name)));
    }
}

/// Writes `virsh`, and the others where this machine has none or `all` are wanted, so that they run out
/// of `root` with its own libraries.
pub(super) fn write_clients(root: &Path, bin: &Path, all: bool) -> Result<()> {
    let clients = [
        "virsh",
        "qemu-img",
        "qemu-nbd",
        "qemu-io",
        "ssh-keygen",
        "openssl",
    ];
    let wanted = |name: &&str| all || *name == "virsh" || !workspace::on_path(name);
    for name in clients.into_iter().filter(wanted) {
        // What it starts, such as `ssh`, is to be found beside it.
        let beside = format!("export PATH='{}':$PATH\n", bin.display());
        program(&bin.join(name), &out_of(root, name, &beside, ""))?;
    }
    Ok(())
}

/// Writes an `ssh` that knows the hosts' keys, and nobody else's.
pub(super) fn write_ssh(root: &Path, bin: &Path, known_hosts: &Path) -> Result<()> {
    let options = format!(
        "-o UserKnownHostsFile='{}' -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes",
        known_hosts.display()
    );
    let text = if workspace::on_path("ssh") {
        let path = std::env::var("PATH").unwrap_or_default();
        // It must not find itself.
        format!("#!/bin/sh\nPATH='{path}'\nexec ssh {options} \"$@\"\n")
    } else {
        out_of(root, "ssh", "", &options)
    };
    program(&bin.join("ssh"), &text)
}

/// What starts programs out of `root`; their libraries lie beside it.
pub(super) fn loader(root: &Path) -> PathBuf {
    root.join("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
}

/// A program that runs out of `root` with its libraries.
fn out_of(root: &Path, name: &str, before: &str, options: &str) -> String {
    // The locale is one that every libc has; others' files are not among the packages.
    format!(
        "#!/bin/sh\nusr='{}'\nlib=$usr/lib/x86_64-linux-gnu\nexport LC_ALL=C.UTF-8\n{before}\
         exec \"$lib/ld-linux-x86-64.so.2\" --library-path \"$lib\" \"$usr/bin/{name}\" {options} \"$@\"\n",
        root.join("usr").display()
    )
}

pub(super) fn program(path: &Path, text: &str) -> Result<()> {
    stamp::write(path, text.as_bytes())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("let {} be run", path.display()))
}
