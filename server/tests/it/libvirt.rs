//! A real VM on real libvirt hosts on its way home: a guest that ticks, failed back through the
//! console, judged by its own marker and by `qemu-img compare`. Only where `cargo xtask test` found
//! that there can be hosts; it says loudly where not.

mod downtime;
mod faults;
mod machines;
mod places;
mod whole;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use model::{
    PowerState, VisibleState,
    view::{ReplicaView, SessionView, SitesView},
};
use serde::Deserialize;
use tempfile::TempDir;

use crate::console::{Console, empty_site, location, until};

/// An emulated guest on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
const MIB: u64 = 1 << 20;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// What `cargo xtask libvirt-hosts` prints.
#[derive(Debug, Deserialize)]
struct Hosts {
    prod: String,
    dr: String,
    prod_ssh: String,
    dr_ssh: String,
    prod_dir: PathBuf,
    dr_dir: PathBuf,
    virsh_dir: PathBuf,
    kernel: PathBuf,
    initrd: PathBuf,
}

/// An original that is off, its copy that runs at the other host, and a console that knows both.
struct Home {
    hosts: Hosts,
    dir: TempDir,
    name: String,
    /// Where production's image is, below `dir`.
    images: &'static str,
    /// The addresses that the console gets.
    prod: String,
    dr: String,
}

impl Home {
    /// The VMs as other tools left them, the copy running; none where there are no hosts.
    fn new() -> Option<Self> {
        Self::with_disk(pattern)
    }

    /// The same with a disk of that content.
    fn with_disk(write: impl FnOnce(&Path)) -> Option<Self> {
        Self::with_images("", write, |_| ())
    }

    /// The same with production's image in a folder of its own, prepared before anything is there.
    fn with_images(
        images: &'static str,
        write: impl FnOnce(&Path),
        prepare: impl FnOnce(&Self),
    ) -> Option<Self> {
        let line = std::env::var("LANDFALL_LIBVIRT").ok()?;
        let hosts: Hosts = serde_json::from_str(&line).expect("the line of the hosts");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let home = Self {
            prod: hosts.prod.clone(),
            dr: hosts.dr.clone(),
            hosts,
            dir: TempDir::new().expect("a folder"),
            images,
            name: format!("shop-{}-{number}", std::process::id()),
        };
        prepare(&home);
        let raw = home.path("disk.raw");
        write(&raw);
        for name in [home.original(), home.replica()] {
            let disk = home.disk(&name);
            home.qemu_img(&[
                "convert",
                "-f",
                "raw",
                "-O",
                "qcow2",
                &text(&raw),
                &text(&disk),
            ]);
            home.define(&name);
        }
        fs::copy(home.disk(&home.original()), home.path("before.qcow2")).expect("copied");
        home.virsh_dr(&["start", &home.replica()]);
        until("the guest", LIMIT, || {
            (home.ticks(&home.replica()) > 2).then_some(())
        });
        Some(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn original(&self) -> String {
        self.name.clone()
    }

    fn replica(&self) -> String {
        format!("{}_replica", self.name)
    }

    fn disk(&self, name: &str) -> PathBuf {
        let folder = if name == self.name { self.images } else { "" };
        self.path(folder).join(format!("{name}.qcow2"))
    }

    fn define(&self, name: &str) {
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>\
             <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{}</kernel><initrd>{}</initrd>\
             <cmdline>console=ttyS0 panic=-1 loglevel=3</cmdline></os><features><acpi/></features>\
             <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
             <source file='{}'/><target dev='vda' bus='virtio'/></disk>\
             <serial type='file'><source path='{}' append='on'/></serial></devices></domain>",
            self.hosts.kernel.display(),
            self.hosts.initrd.display(),
            self.disk(name).display(),
            self.log(name).display(),
        );
        let path = self.path(&format!("{name}.xml"));
        fs::write(&path, xml).expect("written");
        let uri = if name == self.replica() {
            &self.hosts.dr
        } else {
            &self.hosts.prod
        };
        self.virsh(uri, &["define", &text(&path)]);
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.log"))
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.log(name)).unwrap_or_default()
    }

    fn ticks(&self, name: &str) -> usize {
        self.said(name).matches("GUEST-TICK").count()
    }

    /// What the newest boot found on the disk.
    fn marker(&self, name: &str) -> Option<String> {
        let said = self.said(name);
        let found = said.rsplit_once("GUEST-MARKER old=[")?.1;
        Some(found.split_once(']')?.0.to_owned())
    }

    /// How often a guest has come up.
    fn boots_of(&self, name: &str) -> usize {
        self.said(name).matches("GUEST-MARKER").count()
    }

    fn virsh(&self, uri: &str, arguments: &[&str]) -> String {
        let output = Command::new(self.hosts.virsh_dir.join("virsh"))
            .args(["--quiet", "--connect", uri])
            .args(arguments)
            .output()
            .expect("virsh is there");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn virsh_dr(&self, arguments: &[&str]) -> String {
        self.virsh(&self.hosts.dr, arguments)
    }

    fn virsh_prod(&self, arguments: &[&str]) -> String {
        self.virsh(&self.hosts.prod, arguments)
    }

    fn qemu_img(&self, arguments: &[&str]) {
        let output = Command::new("qemu-img").args(arguments).output();
        let output = output.expect("qemu-img is there");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}{output:?}");
    }

    /// The image that a VM's disk is at now.
    fn newest(&self, uri: &str, name: &str) -> String {
        let list = self.virsh(uri, &["domblklist", name]);
        let line = list.lines().find(|line| line.trim().starts_with("vda"));
        let path = line.and_then(|line| line.split_whitespace().nth(1));
        path.expect("a disk").to_owned()
    }

    /// A console over this case's data.
    fn console(&self, kill_at: Option<&str>) -> Console {
        self.console_through(&self.hosts.virsh_dir, kill_at)
    }

    /// A console that finds its `virsh` here.
    fn console_through(&self, virsh_dir: &Path, kill_at: Option<&str>) -> Console {
        let site = empty_site(self.dir.path());
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", virsh_dir.display());
        Console::start_with(
            &self.path("data"),
            &site,
            "tiny",
            kill_at,
            &[("PATH", &path)],
        )
    }

    /// Connects both hosts and registers the pair, as an operator does on the sites page.
    fn connect(&self, console: &Console) {
        for (name, role, uri) in [
            ("Hamburg real", "production", &self.prod),
            ("Munich real", "disaster_recovery", &self.dr),
        ] {
            let form = [("name", name), ("role", role), ("uri", uri)];
            posted(console, "/api/console/sites/connect", &form);
            until("the site", LIMIT, || {
                let view = sites(console)?;
                view.sites
                    .iter()
                    .any(|it| it.name == name && it.vms.is_some())
                    .then_some(())
            });
        }
        let proposal = until("the proposal", LIMIT, || {
            let view = sites(console)?;
            let named = |it: &&model::view::PairProposal| it.replica.starts_with(&self.replica());
            view.proposals.iter().find(named).cloned()
        });
        let best = proposal.original.expect("an original is proposed");
        assert!(
            best.starts_with(&format!("{} at Hamburg real", self.name)),
            "{best}"
        );
        let id = |uri: &str, name: &str| self.virsh(uri, &["domuuid", name]);
        let vm = format!("{}/{}", proposal.vm.site, proposal.vm.platform_id);
        let prod = sites(console).expect("an answer").sites;
        let prod = prod
            .iter()
            .find(|it| it.name == "Hamburg real")
            .expect("it is connected");
        let original = format!("{}/{}", prod.id, id(&self.hosts.prod, &self.name));
        let form = [
            ("vm", vm.as_str()),
            ("original", &original),
            ("disks[0]", "vda=vda"),
        ];
        posted(console, "/api/console/sites/pair/register", &form);
    }

    fn row(&self, console: &Console) -> Option<ReplicaView> {
        let rows = console.start_view()?.replicas;
        rows.into_iter().find(|row| row.name == self.replica())
    }

    /// Waits until the start page says so of the replica: its site is read every few seconds.
    fn listed(&self, console: &Console, state: VisibleState, power: PowerState) {
        until("the replica's row", LIMIT, || {
            let row = self.row(console)?;
            (row.state == state && row.power == power).then_some(())
        });
    }

    /// Through the wizard to the original VM; it stays off after the switchover.
    fn finish(&self, console: &Console) {
        let row = self.failed_over(console);
        Self::finish_of(console, row.id.as_str());
    }

    /// Waits until production was read again: until then it shows what was held a moment ago.
    fn read_again(&self, console: &Console) {
        let read_at = || {
            let sites = sites(console)?.sites;
            sites
                .into_iter()
                .find(|it| it.uri.as_deref() == Some(&self.prod))?
                .read_at
        };
        let before = until("production", LIMIT, read_at);
        // The reading at work may have begun before.
        let again = |than| {
            until("the next reading", LIMIT, || {
                read_at().filter(|at| *at > than)
            })
        };
        again(again(before));
    }

    /// The replica, once it may be failed back.
    fn failed_over(&self, console: &Console) -> ReplicaView {
        until("the replica in Failover", LIMIT, || {
            self.row(console)
                .filter(|row| row.state == VisibleState::Failover && row.power == PowerState::On)
        })
    }

    /// The same of any replica.
    fn finish_of(console: &Console, replica: &str) {
        let original = [
            ("destination", "original_vm"),
            ("quick", "false"),
            ("press", "next"),
        ];
        Self::finish_by(console, replica, &[("destination", &original)]);
    }

    /// The same by the steps of any destination.
    fn finish_by(console: &Console, replica: &str, steps: &[(&str, &[(&str, &str)])]) {
        let mode = [("mode", "manual"), ("press", "next")];
        let summary = [("reason", "a test"), ("press", "finish")];
        let last: [(&str, &[(&str, &str)]); 2] = [("mode", &mode), ("summary", &summary)];
        Self::finish_through(console, replica, &[steps, &last].concat());
    }

    /// Through all of the wizard's steps.
    fn finish_through(console: &Console, replica: &str, steps: &[(&str, &[(&str, &str)])]) {
        let form = [("preselect[0]", replica)];
        let created = console
            .post("/api/console/draft/create", &form)
            .expect("an answer");
        let path = location(&created);
        let draft = path.split('/').nth(2).unwrap_or_default().to_owned();
        for (step, form) in steps {
            let mut fields = vec![("id", draft.as_str())];
            fields.extend(form.iter());
            posted(console, &format!("/api/console/draft/{step}"), &fields);
        }
    }

    /// Its newest session, once it is as wanted.
    fn session(
        &self,
        console: &Console,
        what: &str,
        want: impl Fn(&SessionView) -> bool,
    ) -> SessionView {
        Self::session_of(console, &self.name, what, want)
    }

    /// The same of a VM that is called otherwise.
    fn session_of(
        console: &Console,
        vm: &str,
        what: &str,
        want: impl Fn(&SessionView) -> bool,
    ) -> SessionView {
        until(what, LIMIT, || {
            let session = console.newest_session(vm)?;
            let attention = &session.summary.attention;
            assert!(attention.is_none(), "{what}: {attention:?}");
            want(&session).then_some(session)
        })
    }

    fn in_state(&self, console: &Console, state: VisibleState) -> SessionView {
        self.session(console, &format!("{state:?}"), |it| {
            it.summary.state == state
        })
    }

    /// Nothing lies above the image that production had before.
    fn is_at_its_own_image(&self) {
        assert_eq!(
            self.newest(&self.hosts.prod, &self.name),
            text(&self.disk(&self.name))
        );
    }

    /// Commits, and both sides are as they were before the disaster.
    fn commits(&self, console: &Console, back: &SessionView) {
        console.act(back, "commit");
        self.session(console, "the end", |it| it.summary.ended_at.is_some());
        self.listed(console, VisibleState::Ready, PowerState::Off);
        // The layer of before is merged while the VM runs.
        self.is_at_its_own_image();
    }

    /// The production disk is what the replica's was when it went off.
    fn equal(&self) {
        self.is_equal(&self.name);
    }

    /// The same of another VM at production.
    fn is_equal(&self, vm: &str) {
        let replica = self.newest(&self.hosts.dr, &self.replica());
        let production = self.newest(&self.hosts.prod, vm);
        self.qemu_img(&["compare", &production, &replica]);
    }

    /// Boots production, which finds what the replica wrote last.
    fn boots(&self) {
        self.boots_as(&self.name, &self.name);
    }

    /// Boots another VM at production, which writes to the console of `log`.
    fn boots_as(&self, vm: &str, log: &str) {
        let said = self.said(&self.replica());
        let (_, boot) = said.rsplit_once("GUEST-TICK").expect("it ticked");
        let tick: u32 = boot
            .split_whitespace()
            .next()
            .and_then(|it| it.parse().ok())
            .expect("a number");
        let before = self.boots_of(log);
        self.virsh_prod(&["start", vm]);
        let marker = until("production's guest", LIMIT, || {
            (self.boots_of(log) > before)
                .then(|| self.marker(log))
                .flatten()
        });
        let written: u32 = marker
            .rsplit(' ')
            .next()
            .and_then(|it| it.parse().ok())
            .unwrap_or(0);
        assert!(
            marker.starts_with("boot-marker") && written.abs_diff(tick) <= 1,
            "{marker}, {tick}"
        );
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for (uri, name) in [
            (&self.hosts.prod, self.original()),
            (&self.hosts.prod, format!("{}-restored", self.name)),
            (&self.hosts.prod, format!("{}-failback", self.name)),
            (&self.hosts.dr, self.replica()),
        ] {
            for arguments in [
                vec!["destroy", &name],
                vec!["undefine", &name, "--checkpoints-metadata"],
            ] {
                let mut virsh = Command::new(self.hosts.virsh_dir.join("virsh"));
                drop(
                    virsh
                        .args(["--quiet", "--connect", uri])
                        .args(arguments)
                        .output(),
                );
            }
        }
    }
}

/// A disk of 96 MiB with something in its middle.
fn pattern(path: &Path) {
    let mut bytes = vec![0; usize::try_from(96 * MIB).expect("small")];
    for (index, byte) in bytes.iter_mut().enumerate().skip(40 << 20).take(24 << 20) {
        *byte = u8::try_from((index / 4096) % 251).expect("small");
    }
    fs::write(path, bytes).expect("written");
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn sites(console: &Console) -> Option<SitesView> {
    serde_json::from_str(&console.get("/api/console/sites")?.body).ok()
}

fn posted(console: &Console, path: &str, form: &[(&str, &str)]) {
    let answer = console.post(path, form).expect("an answer");
    let leads = location(&answer);
    assert!(
        answer.status == 302 && !leads.contains("__err"),
        "{path}: {} {leads}",
        answer.status
    );
}

fn run(command: &mut Command) {
    let status = command.status().expect("it runs");
    assert!(status.success(), "{command:?}");
}
