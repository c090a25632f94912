//! Two machines that run virtual ones: `prod` and `dr`, each a libvirtd in namespaces of its own.
//!
//! Process 1 of a host's namespaces does nothing but stay. So libvirtd can be killed and started while
//! its QEMUs go on, and everything of the host ends with that one process.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal};

use super::{Kit, scripts};
use crate::{stamp, workspace};

/// How long a libvirtd may take until it answers. It asks QEMU for all that it can do first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where libvirtd listens, within a host's folder.
const LISTENS: &str = "run/libvirt-sock";

/// Where a host sees its certificates and what its sshd reads.
const PKI: &str = "/etc/libvirt/pki";
const SSHD: &str = "/etc/libvirt/sshd";

/// The longest path that a socket can have on Linux.
const SOCKET: usize = 107;

/// QEMU without any of the protection that a real host has, and that needs more of the kernel.
const QEMU_CONF: &str = r#"user = "root"
group = "root"
swtpm_user = "root"
swtpm_group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"#;

/// Both hosts. They end with this value, or with this process.
#[derive(Debug)]
pub(super) struct Hosts {
    pub(super) prod: Host,
    pub(super) dr: Host,
}

impl Hosts {
    /// Starts both in `folder` and waits until they answer. What they had there before, they have again.
    pub(super) fn start(kit: &Kit, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("find {}", folder.display()))?;
        let hosts = Self {
            prod: Host::open(kit, &folder, "prod")?,
            dr: Host::open(kit, &folder, "dr")?,
        };
        for host in hosts.all() {
            host.start_libvirtd()?;
        }
        for host in hosts.all() {
            host.wait(kit)?;
        }
        Ok(hosts)
    }

    /// Fails once one of them has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        for host in [&mut self.prod, &mut self.dr] {
            if let Some(status) = host.outer.try_wait().context("look after a host")? {
                bail!("{} ended by itself: {status}", host.folder.display());
            }
        }
        Ok(())
    }

    fn all(&self) -> [&Host; 2] {
        [&self.prod, &self.dr]
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Host {
    folder: PathBuf,
    /// Holds the namespaces from outside, as a child of ours.
    outer: Child,
    /// Process 1 inside, by its number outside.
    first: Pid,
    /// Where it listens besides its socket, on loopback.
    ports: Ports,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    ssh: u16,
    tls: u16,
}

impl Host {
    fn open(kit: &Kit, folder: &Path, name: &str) -> Result<Self> {
        let folder = folder.join(name);
        ensure!(
            folder.join(LISTENS).as_os_str().len() <= SOCKET,
            "the path of {} is too long for a socket in it",
            folder.display()
        );
        let ports = Ports {
            ssh: free_port()?,
            tls: free_port()?,
        };
        configure(kit, &folder, ports)?;
        let log = folder.join("host.log");
        let errors = fs::File::create(&log).with_context(|| format!("make {}", log.display()))?;
        let script = folder.join("host.sh");
        stamp::write(&script, scripts::HOST.as_bytes())?;
        // Killed when we are, and then kills all inside: nothing is left behind whatever happens to us.
        let mut outer = Command::new("setpriv");
        outer
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(["--mount", "--uts", "--pid", "--fork", "--kill-child"])
            .args(["--propagation", "private", "sh"])
            .arg(&script)
            .arg(kit.root())
            .arg(&folder)
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            // Ctrl-C in a terminal is for us to act on.
            .process_group(0);
        let mut outer = outer.spawn().context("start setpriv")?;
        let first = match first_process(&mut outer) {
            Ok(first) => first,
            Err(error) => {
                drop(outer.kill());
                drop(outer.wait());
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(error.context(format!("host {name}: {}", log.trim())));
            }
        };
        let host = Self {
            folder,
            outer,
            first,
            ports,
        };
        scripts::write_host(&host.folder, first.as_raw_nonzero().get())?;
        Ok(host)
    }

    /// How clients reach it.
    pub(super) fn uri(&self) -> String {
        let socket = self.folder.join(LISTENS);
        format!("qemu:///system?socket={}", socket.display())
    }

    /// The same by ssh.
    pub(super) fn ssh_uri(&self, kit: &Kit) -> String {
        let key = kit.keys().join("client");
        let port = self.ports.ssh;
        format!(
            "qemu+ssh://root@127.0.0.1:{port}/system?proxy=native&keyfile={}",
            key.display()
        )
    }

    /// The same by TLS.
    pub(super) fn tls_uri(&self, kit: &Kit) -> String {
        let port = self.ports.tls;
        format!(
            "qemu+tls://localhost:{port}/system?pkipath={}",
            kit.keys().display()
        )
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn start_libvirtd(&self) -> Result<()> {
        for start in [scripts::START, scripts::START_SSHD] {
            workspace::output(&mut Command::new(self.folder.join(start)))?;
        }
        Ok(())
    }

    fn wait(&self, kit: &Kit) -> Result<()> {
        let begun = Instant::now();
        loop {
            match kit.virsh(&self.uri(), &["hostname"]) {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The kernel ends all the others before it lets go of the first.
        rustix::process::kill_process(self.first, Signal::KILL).ok();
        drop(self.outer.wait());
        scripts::remove_host(&self.folder);
    }
}

/// The files that libvirtd and sshd read. A host keeps its identity when it is started again.
fn configure(kit: &Kit, folder: &Path, ports: Ports) -> Result<()> {
    stamp::write(&folder.join("etc/qemu.conf"), QEMU_CONF.as_bytes())?;
    let identity = folder.join("host_uuid");
    if !identity.exists() {
        let uuid = fs::read("/proc/sys/kernel/random/uuid").context("ask for a UUID")?;
        stamp::write(&identity, &uuid)?;
    }
    let uuid = fs::read_to_string(&identity).context("read a host's UUID")?;
    let Ports { ssh, tls } = ports;
    let text = format!(
        "host_uuid = \"{}\"\nunix_sock_rw_perms = \"0700\"\nauth_unix_ro = \"none\"\n\
         auth_unix_rw = \"none\"\nlog_outputs = \"2:file:/var/log/libvirt/libvirtd.log\"\n\
         listen_tls = 1\nlisten_tcp = 0\nlisten_addr = \"127.0.0.1\"\ntls_port = \"{tls}\"\n\
         auth_tls = \"none\"\nca_file = \"{PKI}/cacert.pem\"\n\
         cert_file = \"{PKI}/servercert.pem\"\nkey_file = \"{PKI}/serverkey.pem\"\n",
        uuid.trim()
    );
    stamp::write(&folder.join("etc/libvirtd.conf"), text.as_bytes())?;
    let text = format!(
        "Port {ssh}\nListenAddress 127.0.0.1\nHostKey {SSHD}/host\nPidFile /run/libvirt/sshd.pid\n\
         AuthorizedKeysFile {SSHD}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n",
    );
    stamp::write(&folder.join("etc/sshd/sshd_config"), text.as_bytes())?;
    for (from, to) in [
        ("host", "sshd/host"),
        ("client.pub", "sshd/authorized_keys"),
        ("cacert.pem", "pki/cacert.pem"),
        ("servercert.pem", "pki/servercert.pem"),
        ("serverkey.pem", "pki/serverkey.pem"),
    ] {
        let to = folder.join("etc").join(to);
        let key = fs::read(kit.keys().join(from)).with_context(|| format!("read {from}"))?;
        stamp::write(&to, &key)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("keep {} to root", to.display()))?;
    }
    Ok(())
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}

/// Waits for the script to say that all is mounted, and by what number the outside knows it.
fn first_process(outer: &mut Child) -> Result<Pid> {
    let output = outer.stdout.take().context("a host has no output")?;
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .context("wait for a host")?;
    let number = line.trim().strip_prefix("ready ").map(str::parse);
    ensure!(number.is_some(), "it could not be mounted");
    number
        .and_then(Result::ok)
        .and_then(Pid::from_raw)
        .context("it did not tell its process")
}
