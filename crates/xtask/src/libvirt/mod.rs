//! Two real libvirt hosts on this machine, for tests and for a demonstration.
//!
//! `cargo xtask libvirt-hosts` starts them for a program, `cargo xtask demo libvirt` for a person. Nothing
//! is installed: all is unpacked below `target/libvirt`. Needed are Debian, root, and a kernel that gives
//! namespaces; where one is missing, the reason is told.

mod cpio;
mod demo;
mod guest;
mod hosts;
mod keys;
mod packages;
mod scripts;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

pub(crate) use demo::{Options as DemoOptions, run as demo};

use crate::{
    console,
    workspace::{self, Metadata},
};
use hosts::Hosts;

/// Where the hosts are to live.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Keep the hosts' files here; hosts that were here before are started again
    #[arg(long)]
    dir: PathBuf,
    /// With this Debian release's own packages, such as `bookworm` or `sid`, instead of this machine's release
    /// with backports; they are kept beside those
    #[arg(long)]
    release: Option<String>,
}

/// What a program needs to use both hosts: the one line that is printed.
#[derive(Debug, Serialize)]
struct Line<'a> {
    prod: String,
    dr: String,
    /// The same by ssh: Landfall sees no image then.
    prod_ssh: String,
    dr_ssh: String,
    /// Production by TLS with a client certificate, and its address with the folder of that.
    prod_tls: String,
    /// Each host's files, with the programs that kill and start its libvirtd.
    prod_dir: &'a Path,
    dr_dir: &'a Path,
    /// To be first on the client's path.
    virsh_dir: PathBuf,
    kernel: PathBuf,
    initrd: PathBuf,
    /// The same with QEMU's guest agent, which has a file system on the second disk.
    initrd_agent: PathBuf,
}

impl<'a> Line<'a> {
    fn of(kit: &Kit, hosts: &'a Hosts) -> Self {
        Self {
            prod: hosts.prod.uri(),
            dr: hosts.dr.uri(),
            prod_ssh: hosts.prod.ssh_uri(kit),
            dr_ssh: hosts.dr.ssh_uri(kit),
            prod_tls: hosts.prod.tls_uri(kit),
            prod_dir: hosts.prod.folder(),
            dr_dir: hosts.dr.folder(),
            virsh_dir: kit.bin(),
            kernel: kit.kernel(),
            initrd: kit.initrd(),
            initrd_agent: kit.place.join("guest/initrd-agent.gz"),
        }
    }

    fn json(&self) -> Result<String> {
        serde_json::to_string(self).context("write the hosts as JSON")
    }
}

/// `cargo xtask libvirt-hosts`: runs both until standard input ends.
pub(crate) fn run(options: &Options) -> Result<()> {
    console::words_to_error();
    let kit = Kit::get_of(options.release.as_deref())?;
    let hosts = Hosts::start(&kit, &options.dir)?;
    console::data(Line::of(&kit, &hosts).json()?);
    io::copy(&mut io::stdin().lock(), &mut io::sink()).context("wait for the end of input")?;
    Ok(())
}

/// Tells tests the line that `cargo xtask libvirt-hosts` prints.
pub(crate) const VARIABLE: &str = "LANDFALL_LIBVIRT";

/// Both hosts, fresh, for as long as tests run.
#[derive(Debug)]
pub(crate) struct ForTests {
    /// The value of [`VARIABLE`].
    pub(crate) line: String,
    /// Only held.
    _hosts: Hosts,
}

/// Starts hosts for the tests that want real ones.
pub(crate) fn for_tests() -> Result<ForTests, Unavailable> {
    let kit = Kit::get()?;
    let start = || -> Result<ForTests> {
        let hosts = Hosts::start(&kit, &packages::fresh(&kit.place.join("tests"))?)?;
        Ok(ForTests {
            line: Line::of(&kit, &hosts).json()?,
            _hosts: hosts,
        })
    };
    start().map_err(|error| Unavailable(format!("{error:#}")))
}

/// Why there can be no hosts here.
#[derive(Debug)]
pub(crate) struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no libvirt hosts on this machine: {}", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The unpacked programs and the guest.
#[derive(Debug)]
pub(crate) struct Kit {
    place: PathBuf,
}

impl Kit {
    /// Gets and makes what is not there yet.
    pub(crate) fn get() -> Result<Self, Unavailable> {
        Self::get_of(None)
    }

    /// The same of a certain release.
    fn get_of(release: Option<&str>) -> Result<Self, Unavailable> {
        let make = || -> Result<Self> {
            possible()?;
            let begun = Instant::now();
            let mut place = Metadata::read()?.target_directory.join("libvirt");
            if let Some(release) = release {
                let is_name = release.bytes().all(|byte| byte.is_ascii_lowercase());
                ensure!(
                    is_name && !release.is_empty(),
                    "{release} names no release of Debian; one is called bookworm, another sid"
                );
                place = place.join("releases").join(release);
            }
            let _lock = packages::lock(&place)?;
            packages::ensure(&place, release)?;
            guest::ensure(&place)?;
            let kit = Self { place };
            scripts::write_clients(&kit.root(), &kit.bin(), release.is_some())?;
            keys::ensure(&kit)?;
            console::say(format_args!(
                "libvirt, QEMU and a guest are there after {}.",
                console::duration(begun.elapsed())
            ));
            Ok(kit)
        };
        make().map_err(|error| Unavailable(format!("{error:#}")))
    }

    fn root(&self) -> PathBuf {
        self.place.join("root")
    }

    fn bin(&self) -> PathBuf {
        self.place.join("bin")
    }

    /// Keys and certificates.
    fn keys(&self) -> PathBuf {
        self.place.join("keys")
    }

    fn kernel(&self) -> PathBuf {
        self.place.join("guest/vmlinuz")
    }

    fn initrd(&self) -> PathBuf {
        self.place.join("guest/initrd.gz")
    }

    /// One call of the client, to its end.
    fn virsh(&self, uri: &str, arguments: &[&str]) -> Result<String> {
        let mut virsh = Command::new(self.bin().join("virsh"));
        virsh.args(["--connect", uri]).args(arguments);
        workspace::output(&mut virsh)
    }
}

/// Fails with the first thing that this machine lacks.
fn possible() -> Result<()> {
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "this is no Linux on x86_64"
    );
    ensure!(
        rustix::process::geteuid().is_root(),
        "only root may make them"
    );
    let needed = [
        "apt-get",
        "apt-cache",
        "dpkg-deb",
        "tar",
        "setpriv",
        "unshare",
        "nsenter",
        "mount",
        "pivot_root",
    ];
    for program in needed {
        ensure!(workspace::on_path(program), "there is no {program} here");
    }
    workspace::output(
        Command::new("unshare").args(["--mount", "--uts", "--pid", "--fork", "true"]),
    )
    .context("the kernel gives no namespaces")?;
    Ok(())
}
