//! What happens to real hosts while a session is at work: a QEMU that is killed, a file system that is full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use model::{PowerState, StepName, VisibleState, view::SessionView};

use super::{Home, LIMIT, MIB, pattern, run, text};
use crate::console::{Console, until};

#[test]
fn a_replica_whose_qemu_is_killed_in_either_phase_comes_home_equal() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    home.differs();
    home.finish(&console);
    home.moves_slowly(&console);
    home.kill_replica();
    // What it had frozen is moved all the same.
    let moving = home.begun(&console, StepName::Transfer);
    unlimited(&console, &moving);
    home.in_state(&console, VisibleState::ReadyToSwitch);
    until("the replica is shown as off", LIMIT, || {
        let row = home.row(&console)?;
        (row.power == PowerState::Off).then_some(())
    });

    // Somebody starts it again, and it writes.
    let boots = home.boots_of(&home.replica());
    home.virsh_dr(&["start", &home.replica()]);
    until("its guest", LIMIT, || {
        (home.boots_of(&home.replica()) > boots).then_some(())
    });
    let ticks = home.ticks(&home.replica());
    until("its guest writes", LIMIT, || {
        (home.ticks(&home.replica()) > ticks + 2).then_some(())
    });
    // Its guest does not hear that it is to shut down, and then its QEMU is killed.
    home.virsh_dr(&["suspend", &home.replica()]);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    console.act(&ready, "switch_now");
    home.begun(&console, StepName::ShutDownReplica);
    home.kill_replica();
    let back = home.in_state(&console, VisibleState::Failback);
    home.equal();
    home.boots();
    home.commits(&console, &back);
}

#[test]
#[expect(clippy::print_stderr, reason = "what is not tried is said")]
fn a_target_without_room_stops_the_session_which_goes_on_once_there_is_some() {
    if let Some(why) = no_small_file_system() {
        eprintln!("SKIPPED, a full target on real hosts: {why}");
        return;
    }
    let small = |home: &Home| home.mount_images();
    let Some(home) = Home::with_images("images", pattern, small) else {
        return;
    };
    let _mounted = Mounted(&home);
    let console = home.console(None);
    home.connect(&console);
    home.differs();
    home.finish(&console);
    home.moves_slowly(&console);
    let ballast = home.fill_images();
    let stopped = until("that there is no room", LIMIT, || {
        let session = console.newest_session(&home.name)?;
        session.summary.attention.is_some().then_some(session)
    });
    assert_eq!(stopped.summary.state, VisibleState::Synchronizing);
    let attention = stopped.summary.attention.as_ref().expect("just seen");
    assert_eq!(attention.step, StepName::Transfer);
    let cause = &attention.cause;
    assert!(
        cause.contains("No space left") && cause.contains("Make room") && cause.contains("retry"),
        "{cause}"
    );
    // Production is as it was, below what was to be sent.
    let before = text(&home.path("before.qcow2"));
    home.qemu_img(&["compare", &text(&home.disk(&home.name)), &before]);
    assert_eq!(home.virsh_prod(&["domstate", &home.name]), "shut off");
    let ticks = home.ticks(&home.replica());
    until("the replica serves on", LIMIT, || {
        (home.ticks(&home.replica()) > ticks).then_some(())
    });

    fs::remove_file(ballast).expect("removed");
    unlimited(&console, &stopped);
    console.act(&stopped, "retry");
    until("that it goes on", LIMIT, || {
        let session = console.newest_session(&home.name)?;
        session.summary.attention.is_none().then_some(())
    });
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    console.act(&ready, "switch_now");
    home.in_state(&console, VisibleState::Failback);
    home.equal();
    home.boots();
}

impl Home {
    /// The replica differs from its original in 24 MiB where both had nothing.
    fn differs(&self) {
        let command = format!("write -P 77 {} {}", 66 * MIB, 24 * MIB);
        let device = "/machine/peripheral/virtio-disk0/virtio-backend";
        let line = format!("qemu-io -d {device} \"{command}\"");
        self.virsh_dr(&["qemu-monitor-command", &self.replica(), "--hmp", &line]);
    }

    /// Its session, once it has begun a step and not done it.
    fn begun(&self, console: &Console, step: StepName) -> SessionView {
        self.session(console, &format!("{step:?}"), |it| {
            let mut steps = it.steps.iter();
            steps.any(|it| it.step == step && it.started_at.is_some() && it.done_at.is_none())
        })
    }

    /// Waits until data moves, 24 MiB at 1 MiB/s.
    fn moves_slowly(&self, console: &Console) {
        let session = self.session(console, "a session", |_| true);
        let slowly = [("operation", "set_limit"), ("limit_mib", "1")];
        console.ask(&session, &slowly);
        self.begun(console, StepName::Transfer);
    }

    fn kill_replica(&self) {
        run(Command::new(self.hosts.dr_dir.join("kill-vm")).arg(self.replica()));
    }

    /// Makes the folder of production's image a small file system, here and at its host.
    fn mount_images(&self) {
        let (file, folder) = (self.path("images.ext4"), self.path(self.images));
        let made = fs::File::create(&file).and_then(|it| it.set_len(160 * MIB));
        made.expect("made");
        fs::create_dir(&folder).expect("made");
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&file));
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(&file)
            .arg(&folder));
        let device = mounted_at(&folder);
        // The host has namespaces of its own, in which the same device is mounted at the same path.
        let (name, folder) = (device.display(), text(&folder));
        let number = fs::read_to_string(
            Path::new("/sys/block")
                .join(device.file_name().expect("a device"))
                .join("dev"),
        );
        let number = number.expect("its number").trim().replace(':', " ");
        let there = format!(
            "[ -b {name} ] || mknod {name} b {number}; busybox mount -t ext4 {name} {folder}"
        );
        run(&mut self.at_production(&there));
    }

    /// A command of a shell at the production host.
    fn at_production(&self, command: &str) -> Command {
        let start = fs::read_to_string(self.hosts.prod_dir.join("start-libvirtd"));
        let start = start.expect("it is there");
        // Its number as the outside knows it stands in every program that acts there.
        let rest = start.split_once("--target ").expect("a number").1;
        let first = rest.split_whitespace().next().expect("a number");
        let mut within = Command::new("nsenter");
        within
            .args(["--target", first, "--mount", "--root", "--wd"])
            .args(["sh", "-c", command]);
        within
    }

    /// Leaves no room beside production's image; returns what takes it.
    fn fill_images(&self) -> PathBuf {
        let path = self.path(self.images).join("ballast");
        let mut ballast = fs::File::create(&path).expect("made");
        let block = vec![1; 64 << 10];
        while std::io::Write::write_all(&mut ballast, &block).is_ok() {}
        path
    }
}

/// The file system of [`Home::mount_images`], for as long as it is needed.
struct Mounted<'a>(&'a Home);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let folder = text(&self.0.path(self.0.images));
        for arguments in [["destroy", &self.0.name], ["undefine", &self.0.name]] {
            let mut virsh = Command::new(self.0.hosts.virsh_dir.join("virsh"));
            virsh.args(["--quiet", "--connect", &self.0.hosts.prod]);
            drop(virsh.args(arguments).output());
        }
        drop(
            self.0
                .at_production(&format!("busybox umount -l {folder}"))
                .output(),
        );
        drop(Command::new("umount").args(["-l", &folder]).output());
    }
}

/// Why this machine cannot make one.
fn no_small_file_system() -> Option<&'static str> {
    let has = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    };
    if !Path::new("/dev/loop-control").exists() {
        Some("there are no loop devices")
    } else if !has("mkfs.ext4") {
        Some("there is no mkfs.ext4 (Debian: e2fsprogs)")
    } else {
        None
    }
}

/// The device that is mounted at a folder.
fn mounted_at(folder: &Path) -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let mut lines = mounts.lines().map(|line| line.split(' '));
    let found = lines.find_map(|mut words| {
        let device = words.next()?;
        (words.next()? == text(folder)).then(|| PathBuf::from(device))
    });
    found.expect("it is mounted")
}

fn unlimited(console: &Console, session: &SessionView) {
    let unlimited = [("operation", "set_limit"), ("limit_mib", "0")];
    console.ask(session, &unlimited);
}
