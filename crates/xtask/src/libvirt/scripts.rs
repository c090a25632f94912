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
    let start = "libvirtd --daemon --config /etc/libvirt/libvirtd.conf \
                 --pid-file /run/libvirt/libvirtd.pid\n";
    let daemon = kill("/run/libvirt/libvirtd.pid");
    let machine = kill("/run/libvirt/qemu/$0.pid");
    program(&folder.join(START), &format!("{within}{start}"))?;
    program(&folder.join(KILL), &format!("{within}{daemon}\n"))?;
    program(
        &folder.join(KILL_VM),
        &format!("{within}{machine} \"$1\"\n"),
    )
}

/// Removes it: by then another process may have the number.
pub(super) fn remove_host(folder: &Path) {
    for name in [START, KILL, KILL_VM] {
        drop(fs::remove_file(folder.join(name)));
    }
}

/// Writes `virsh`, and QEMU's tools where this machine has none, so that they run out of `root` with its
/// own libraries.
pub(super) fn write_clients(root: &Path, bin: &Path) -> Result<()> {
    let clients = ["virsh", "qemu-img", "qemu-nbd", "qemu-io"];
    let missing = |name: &&str| *name == "virsh" || !workspace::on_path(name);
    for name in clients.into_iter().filter(missing) {
        let usr = root.join("usr");
        // The locale is one that every libc has; others' files are not among the packages.
        let text = format!(
            "#!/bin/sh\nusr='{}'\nlib=$usr/lib/x86_64-linux-gnu\nexport LC_ALL=C.UTF-8\n\
             exec \"$lib/ld-linux-x86-64.so.2\" --library-path \"$lib\" \"$usr/bin/{name}\" \"$@\"\n",
            usr.display()
        );
        program(&bin.join(name), &text)?;
    }
    Ok(())
}

fn program(path: &PathBuf, text: &str) -> Result<()> {
    stamp::write(path, text.as_bytes())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("let {} be run", path.display()))
}
