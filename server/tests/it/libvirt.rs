//! A real VM on real libvirt hosts on its way home: a guest that ticks, failed back through the
//! console, judged by its own marker and by `qemu-img compare`. Only where `cargo xtask test` found
//! that there can be hosts; it says loudly where not.

mod faults;

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

#[test]
fn a_real_vm_comes_home_equal_boots_and_is_committed() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    home.finish(&console);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    // Production cannot be started by anybody else now.
    let held = Command::new(home.hosts.virsh_dir.join("virsh"))
        .args(["--connect", &home.hosts.prod, "start", &home.name])
        .output()
        .expect("virsh is there");
    assert!(String::from_utf8_lossy(&held.stderr).contains("/landfall/held-by/"));
    let ticks = home.ticks(&home.replica());
    until("the replica serves on", LIMIT, || {
        (home.ticks(&home.replica()) > ticks).then_some(())
    });

    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    home.equal();
    home.boots();
    home.commits(&console, &back);
    let ticks = home.ticks(&home.name);
    until("production serves", LIMIT, || {
        (home.ticks(&home.name) > ticks).then_some(())
    });
}

#[test]
fn undo_returns_both_sides_to_what_they_were() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    home.finish(&console);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    home.boots();
    console.act(&back, "undo");
    home.session(&console, "the end", |it| it.summary.ended_at.is_some());
    home.is_at_its_own_image();
    home.qemu_img(&[
        "compare",
        &text(&home.disk(&home.name)),
        &text(&home.path("before.qcow2")),
    ]);
    let ticks = home.ticks(&home.replica());
    until("the replica serves again", LIMIT, || {
        (home.ticks(&home.replica()) > ticks).then_some(())
    });
    home.listed(&console, VisibleState::Failover, PowerState::On);
}

#[test]
fn killed_consoles_and_libvirtds_leave_what_ends_equal() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    drop(console);
    // Killed when the data is there and not yet merged.
    let console = home.console(Some("performed:8"));
    home.finish(&console);
    console.until_killed();
    for host in [&home.hosts.prod_dir, &home.hosts.dr_dir] {
        run(&mut Command::new(host.join("kill-libvirtd")));
    }
    let console = home.console(None);
    std::thread::sleep(Duration::from_secs(3));
    for host in [&home.hosts.prod_dir, &home.hosts.dr_dir] {
        run(&mut Command::new(host.join("start-libvirtd")));
    }
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    drop(console);
    // And in phase 2, before what was sent is merged.
    let console = home.console(Some("begun:7"));
    console.act(&ready, "switch_now");
    console.until_killed();
    let console = home.console(None);
    home.in_state(&console, VisibleState::Failback);
    home.equal();
    home.boots();
}

/// What a guest missed while it came home: the seconds between its last tick at DR and its first at
/// production, by its own clock.
fn missed(home: &Home, boots: usize) -> i64 {
    let last = home.said(&home.replica());
    let last = last.rsplit_once("GUEST-TICK").and_then(|(_, it)| now(it));
    let first = until("production's guest", LIMIT, || {
        if home.boots_of(&home.name) == boots {
            return None;
        }
        let said = home.said(&home.name);
        let (_, boot) = said.rsplit_once("GUEST-UP")?;
        let (_, tick) = boot.split_once("GUEST-TICK")?;
        now(tick)
    });
    first - last.expect("it ticked")
}

/// When a tick was, in seconds.
fn now(tick: &str) -> Option<i64> {
    let word = tick.lines().next()?.split_whitespace();
    word.filter_map(|it| it.strip_prefix("now="))
        .next()?
        .parse()
        .ok()
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are for the guide")]
fn a_guest_misses_what_the_session_says_and_its_boot() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    let original = [
        ("destination", "original_vm"),
        ("quick", "false"),
        ("press", "next"),
    ];
    let summary = [
        ("power_on", "true"),
        ("reason", "a test"),
        ("press", "finish"),
    ];
    for mode in [
        [("mode", "auto"), ("catch_up", "0"), ("press", "next")],
        [("mode", "manual"), ("catch_up", "10 s"), ("press", "next")],
    ] {
        let row = home.failed_over(&console);
        let boots = home.boots_of(&home.name);
        let ticks = home.ticks(&home.replica());
        until("the replica's guest", LIMIT, || {
            (home.ticks(&home.replica()) > ticks + 2).then_some(())
        });
        let steps: [(&str, &[(&str, &str)]); 3] = [
            ("destination", &original),
            ("mode", &mode),
            ("summary", &summary),
        ];
        Home::finish_through(&console, row.id.as_str(), &steps);
        if mode[0].1 == "manual" {
            let caught_up = home.session(&console, "a catch-up pass", |it| {
                let past = it.carriers.iter().any(|it| it.carrier.pass > 1);
                past && it.summary.state == VisibleState::ReadyToSwitch
            });
            console.act(&caught_up, "switch_now");
        }
        let back = home.in_state(&console, VisibleState::Failback);
        let told = back.actual.downtime.expect("it is over").0;
        let missed = missed(&home, boots);
        println!(
            "{}: the guest missed {missed} s, the session says {told} s",
            mode[0].1
        );
        let told = i64::try_from(told).expect("small");
        // Its clock has seconds; an emulated guest boots in some, and QEMU starts within the rest.
        assert!(
            (told - 2..told + 40).contains(&missed),
            "{missed} s, told {told} s"
        );
        console.act(&back, "undo");
        home.session(&console, "the end", |it| it.summary.ended_at.is_some());
        home.read_again(&console);
    }
}

/// Prints what a failback of a disk of 4 GiB with 1 % changed takes, beside copies of the whole disk.
#[test]
#[ignore = "minutes long, and its figures want a quiet machine: run it by hand, without capture"]
#[expect(clippy::print_stdout, reason = "its figures are what it is for")]
fn times_beside_copies_of_the_whole_disk() {
    const DISK: u64 = 4096 * MIB;
    let home = Home::with_disk(|path| {
        let mut random = testkit::Random::new(7);
        let mut block = vec![0; 1 << 20];
        let file = fs::File::create(path).expect("made");
        file.set_len(DISK).expect("made");
        // 68 % of it, from where the guest does not write.
        for index in 64..64 + 2785 {
            random.fill(&mut block);
            let written = std::os::unix::fs::FileExt::write_all_at(&file, &block, index * MIB);
            written.expect("written");
        }
    });
    let Some(home) = home else { return };
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        work();
        let seconds = begun.elapsed().as_secs_f64();
        println!("{what}: {seconds:.2} s");
        seconds
    };
    let changes = |at: u64| {
        let command = format!("write -P 77 {} {}", at * MIB, 41 * MIB);
        let device = "/machine/peripheral/virtio-disk0/virtio-backend";
        let line = format!("qemu-io -d {device} \"{command}\"");
        home.virsh_dr(&["qemu-monitor-command", &home.replica(), "--hmp", &line]);
    };
    changes(1000);
    let copy = text(&home.path("blockcopy.qcow2"));
    let blockcopy = timed("virsh blockcopy of the whole disk", &mut || {
        let replica = home.replica();
        let arguments = [
            "blockcopy",
            &replica,
            "vda",
            "--dest",
            &copy,
            "--format",
            "qcow2",
        ];
        let ends = ["--transient-job", "--wait", "--finish"];
        home.virsh_dr(&[&arguments[..], &ends].concat());
    });
    fs::remove_file(&copy).expect("removed");
    let console = home.console(None);
    home.connect(&console);
    home.finish(&console);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    let moved = |what: &str, session: &SessionView| {
        let mut steps = session.steps.iter().rev();
        let step = steps.find(|it| it.step == model::StepName::Transfer && it.done_at.is_some());
        let step = step.expect("it was done");
        let end = step.done_at.expect("it was done").0;
        #[expect(clippy::cast_precision_loss, reason = "microseconds of some minutes")]
        let seconds = (end - step.started_at.expect("it was begun").0) as f64 / 1e6;
        println!("{what}: {seconds:.2} s");
        seconds
    };
    let compared = moved("phase 1, all compared", &ready);
    changes(1500);
    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    let recorded = moved("phase 2, what was recorded", &back);
    home.equal();
    let converted = text(&home.path("convert.qcow2"));
    let from = home.newest(&home.hosts.dr, &home.replica());
    let convert = timed("qemu-img convert of the whole disk", &mut || {
        home.qemu_img(&[
            "convert", "-U", "-f", "qcow2", "-O", "qcow2", &from, &converted,
        ]);
    });
    for (what, seconds) in [("all compared", compared), ("what was recorded", recorded)] {
        println!(
            "{what}: {:.3} of blockcopy, {:.3} of convert",
            seconds / blockcopy,
            seconds / convert
        );
    }
}

/// Neither host's images are files of the console's machine, as far as it knows.
#[test]
fn hosts_that_are_other_machines_fail_back_by_ssh_and_nbd_whatever_is_killed() {
    let Some(mut home) = Home::new() else { return };
    home.prod.clone_from(&home.hosts.prod_ssh);
    home.dr.clone_from(&home.hosts.dr_ssh);
    let console = home.console(None);
    home.connect(&console);
    drop(console);
    // Killed when the data is there and not yet merged.
    let console = home.console(Some("performed:8"));
    home.finish(&console);
    console.until_killed();
    let console = home.console(None);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    let carriers: Vec<_> = ready
        .disks
        .iter()
        .filter_map(|it| it.proxies.clone())
        .collect();
    assert!(
        carriers.iter().any(|it| it.contains("network")),
        "{carriers:?}"
    );
    // And the servers of the images, while data moves slowly.
    let slowly = [("operation", "set_limit"), ("limit_mib", "1")];
    console.ask(&ready, &slowly);
    let killer = std::thread::spawn({
        let folder = text(home.dir.path());
        move || kill_servers(&folder, 2)
    });
    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    assert_eq!(killer.join().expect("it ended"), 2);
    home.equal();
    home.boots();
    home.commits(&console, &back);
}

/// Kills so many servers of images in a folder, one after the other; returns how many there were.
fn kill_servers(folder: &str, wanted: usize) -> usize {
    let begun = std::time::Instant::now();
    let mut killed = std::collections::BTreeSet::new();
    while killed.len() < wanted && begun.elapsed() < LIMIT {
        for entry in fs::read_dir("/proc").expect("processes").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(line) = fs::read(entry.path().join("cmdline")) else {
                continue;
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let is_one = line.starts_with("qemu-nbd") && line.contains(folder);
            if is_one && killed.len() < wanted && !killed.contains(&name) {
                // One that is killed before it serves is an error of its start.
                std::thread::sleep(Duration::from_millis(200));
                // One that has ended meanwhile was none.
                let kill = Command::new("kill").args(["-9", &name]).status();
                if kill.expect("kill is there").success() {
                    killed.insert(name);
                }
            }
        }
    }
    killed.len()
}

/// Found in review: one host that did not answer held the whole console up.
#[test]
fn a_host_that_hangs_is_told_holds_nobody_up_and_is_found_again() {
    let Some(home) = Home::new() else { return };
    // The real client, which hangs as long as a file is there.
    let (clients, hang) = (home.path("clients"), home.path("hang"));
    fs::create_dir(&clients).expect("made");
    let script = format!(
        "#!/bin/sh\nif [ -e {} ]; then exec sleep 60; fi\nexec {}/virsh \"$@\"\n",
        hang.display(),
        home.hosts.virsh_dir.display()
    );
    fs::write(clients.join("virsh"), script).expect("written");
    run(Command::new("chmod").arg("+x").arg(clients.join("virsh")));
    let console = home.console_through(&clients, None);
    home.connect(&console);
    fs::write(&hang, "").expect("written");

    // A VM of the lab goes all the way meanwhile.
    let row = until("the lab's replica", LIMIT, || {
        let mut rows = console.start_view()?.replicas.into_iter();
        rows.find(|row| row.name == "tiny-a-replica")
    });
    let begun = std::time::Instant::now();
    Home::finish_of(&console, row.id.as_str());
    let state = |state| {
        until("the lab's session", Duration::from_secs(30), || {
            let session = console.newest_session("tiny-a")?;
            (session.summary.state == state).then_some(session)
        })
    };
    console.act(&state(VisibleState::ReadyToSwitch), "switch_now");
    state(VisibleState::Failback);
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );

    let error = || {
        let sites = sites(&console)?.sites.into_iter();
        Some(sites.filter_map(|site| site.error).collect::<Vec<_>>())
    };
    until("that it hangs", LIMIT, || {
        error()?
            .first()
            .filter(|it| it.contains("has not answered for 20 s"))
            .map(drop)
    });
    fs::remove_file(&hang).expect("removed");
    until("that it answers", LIMIT, || {
        error()?.is_empty().then_some(())
    });
}

#[test]
fn a_recovered_vm_takes_the_originals_place_after_an_undo() {
    let Some(home) = Home::new() else { return };
    // What other tools restored of the original.
    let restored = format!("{}-restored", home.name);
    fs::copy(home.disk(&home.name), home.disk(&restored)).expect("copied");
    home.define(&restored);
    let console = home.console(None);
    home.connect(&console);
    let row = home.failed_over(&console);
    let uuid = home.virsh_prod(&["domuuid", &restored]);
    let prod = until("the site", LIMIT, || {
        let sites = sites(&console)?.sites;
        sites.into_iter().find(|it| it.name == "Hamburg real")
    });
    let target = format!("{}/{uuid}", prod.id);
    let line = [
        ("replicas[0]", row.id.as_str()),
        ("targets[0]", &target),
        ("others[0]", ""),
        ("press", "next"),
    ];
    let chosen = [("destination", "recovered_vm"), ("press", "next")];
    let elsewhere = Elsewhere {
        home: &home,
        console: &console,
        session: &home.name,
        vm: &restored,
        log: &restored,
        steps: &[("destination", &chosen), ("target", &line)],
    };
    elsewhere.ends(&elsewhere.serves(), "undo");
    let disk = home.disk(&restored);
    assert_eq!(home.newest(&home.hosts.prod, &restored), text(&disk));
    home.qemu_img(&["compare", &text(&disk), &text(&home.path("before.qcow2"))]);

    home.read_again(&console);
    elsewhere.ends(&elsewhere.serves(), "commit");
    elsewhere.is_production();
}

#[test]
fn a_new_vm_is_made_like_the_replica_boots_and_is_gone_after_an_undo() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    let made = format!("{}-failback", home.name);
    let chosen = [("destination", "specified_location"), ("press", "next")];
    let next = [("press", "next")];
    let elsewhere = Elsewhere {
        home: &home,
        console: &console,
        session: &made,
        vm: &made,
        // Its definition is the replica's, so it boots as that did, and writes to the same console.
        log: &home.replica(),
        steps: &[
            ("destination", &chosen),
            ("host", &next),
            ("pool", &next),
            ("datastore", &next),
            ("folder", &next),
            ("network", &next),
        ],
    };
    elsewhere.ends(&elsewhere.serves(), "undo");
    let names = home.virsh_prod(&["list", "--all", "--name"]);
    assert!(!names.lines().any(|name| name.trim() == made), "{names}");

    home.read_again(&console);
    elsewhere.ends(&elsewhere.serves(), "commit");
    elsewhere.is_production();
}

/// A failback to another VM than the original.
struct Elsewhere<'a> {
    home: &'a Home,
    console: &'a Console,
    /// What the session is called.
    session: &'a str,
    /// The VM at production.
    vm: &'a str,
    /// Whose console it writes to.
    log: &'a str,
    /// The wizard's steps to it.
    steps: &'a [(&'a str, &'a [(&'a str, &'a str)])],
}

impl Elsewhere<'_> {
    /// Goes there: the disk is equal, and the VM boots and finds what the replica wrote last.
    fn serves(&self) -> SessionView {
        let row = self.home.failed_over(self.console);
        // A guest that has only begun to boot after an undo has not said what it wrote last.
        let replica = self.home.replica();
        let ticks = self.home.ticks(&replica);
        until("the replica's guest", LIMIT, || {
            (self.home.ticks(&replica) > ticks).then_some(())
        });
        Home::finish_by(self.console, row.id.as_str(), self.steps);
        let reached = |state: VisibleState| {
            Home::session_of(self.console, self.session, &format!("{state:?}"), |it| {
                it.summary.state == state
            })
        };
        let ready = reached(VisibleState::ReadyToSwitch);
        self.console.act(&ready, "switch_now");
        let back = reached(VisibleState::Failback);
        self.home.is_equal(self.vm);
        self.home.boots_as(self.vm, self.log);
        back
    }

    fn ends(&self, back: &SessionView, operation: &str) {
        self.console.act(back, operation);
        Home::session_of(self.console, self.session, "the end", |it| {
            it.summary.ended_at.is_some()
        });
    }

    /// It took the original's place, and the original is as it was.
    fn is_production(&self) {
        let row = until("the replica's row", LIMIT, || {
            self.home
                .row(self.console)
                .filter(|row| row.state == VisibleState::Ready)
        });
        assert_eq!(row.production_name, self.vm);
        let (original, before) = (self.home.original(), self.home.path("before.qcow2"));
        let now = self.home.disk(&original);
        self.home
            .qemu_img(&["compare", &text(&now), &text(&before)]);
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("it runs");
    assert!(status.success(), "{command:?}");
}
