//! Keys by which hosts and clients know each other: one pair of each kind for ssh, and a small authority
//! for TLS. They are worth nothing: both ends are this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{Kit, scripts};
use crate::{
    stamp::{self, Stamp},
    workspace,
};

/// What OpenSSL wants to be told even where nothing is said.
const SETTINGS: &str = "[req]\ndistinguished_name=name\n[name]\n";
/// The names that a host is reached by.
const NAMES: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";

/// Makes them where they are not there, and the `ssh` that knows the hosts.
pub(super) fn ensure(kit: &Kit) -> Result<()> {
    let folder = kit.keys();
    let stamp = Stamp::new(kit.place.join("keys.stamp"), (SETTINGS, NAMES, 1));
    if !stamp.is_current() {
        let folder = super::packages::fresh(&folder)?;
        for name in ["host", "client"] {
            let mut keygen = tool(kit, "ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            workspace::output(keygen.arg(folder.join(name)))?;
        }
        let key = fs::read_to_string(folder.join("host.pub")).context("read a key")?;
        // Any port: hosts have others each time.
        let known = format!("[127.0.0.1]:* {key}");
        stamp::write(&folder.join("known_hosts"), known.as_bytes())?;
        certificates(kit, &folder)?;
        stamp.write()?;
    }
    scripts::write_ssh(&kit.root(), &kit.bin(), &folder.join("known_hosts"))
}

/// An authority, and what it says of a host and of a client, by libvirt's names.
fn certificates(kit: &Kit, folder: &Path) -> Result<()> {
    let settings = folder.join("openssl.cnf");
    stamp::write(&settings, SETTINGS.as_bytes())?;
    let names = folder.join("names");
    stamp::write(&names, NAMES.as_bytes())?;
    let request = |name: &str, subject: &str| {
        let mut openssl = tool(kit, "openssl");
        openssl
            .args([
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-config".as_ref(), settings.as_os_str()])
            .args(["-subj", subject, "-keyout"])
            .arg(folder.join(format!("{name}key.pem")));
        openssl
    };
    let mut authority = request("ca", "/CN=Landfall tests");
    authority.args([
        "-x509",
        "-days",
        "3650",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
    ]);
    workspace::output(authority.arg("-out").arg(folder.join("cacert.pem")))?;
    for name in ["server", "client"] {
        let wanted = folder.join(format!("{name}.csr"));
        workspace::output(
            request(name, &format!("/CN={name}"))
                .arg("-out")
                .arg(&wanted),
        )?;
        let mut sign = tool(kit, "openssl");
        sign.args(["x509", "-req", "-days", "3650", "-CAcreateserial", "-in"])
            .arg(&wanted)
            .arg("-CA")
            .arg(folder.join("cacert.pem"))
            .arg("-CAkey")
            .arg(folder.join("cakey.pem"))
            .arg("-extfile")
            .arg(&names)
            .arg("-out")
            .arg(folder.join(format!("{name}cert.pem")));
        workspace::output(&mut sign)?;
    }
    Ok(())
}

/// A program of this machine, or of the packages.
fn tool(kit: &Kit, name: &str) -> Command {
    let bundled: PathBuf = kit.bin().join(name);
    if bundled.exists() {
        Command::new(bundled)
    } else {
        Command::new(name)
    }
}
