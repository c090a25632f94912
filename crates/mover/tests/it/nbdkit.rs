//! Disks behind nbdkit, a server that is none of ours, with its filters that fail, wait and
//! throttle; `nbdcopy` and `qemu-img compare` say whether we are right.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use blockmap::BlockSize;
use disk::{Access, Disk, Locator, create_raw, open};
use model::{ByteCount, ByteRange, DiskFormat};
use mover::{
    BothDigests, Controls, Meter, MoverError, Proof, Report, Scope, Side, Task, Unreadable, run,
};
use tempfile::TempDir;
use testkit::{random_image, scatter_changes};

const SIZE: u64 = (12 << 20) + 512;

/// An nbdkit that ends with its test.
struct Nbdkit {
    child: Child,
    socket: PathBuf,
}

impl Nbdkit {
    /// Serves a raw image; `filter` is one of nbdkit's, with its parameters.
    fn start(image: &Path, filter: &[&str]) -> Self {
        let socket = image.with_extension("sock");
        let mut command = Command::new("nbdkit");
        command.arg("--foreground").arg("--unix").arg(&socket);
        if let Some((name, parameters)) = filter.split_first() {
            command.arg(format!("--filter={name}"));
            command.arg("file").arg(image).args(parameters);
        } else {
            command.arg("file").arg(image);
        }
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nbdkit is there");
        testkit::until_listening(&socket, Duration::from_secs(20));
        Self { child, socket }
    }

    fn uri(&self) -> String {
        format!("nbd+unix:///?socket={}", self.socket.display())
    }

    fn open(&self, access: Access) -> Arc<dyn Disk> {
        let locator = Locator::named(&self.uri(), None).expect("a URI");
        open(&locator, access).expect("opened")
    }
}

impl Drop for Nbdkit {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_file(&self.socket));
    }
}

struct Pair {
    folder: TempDir,
    source: PathBuf,
    target: PathBuf,
}

fn raw(path: &Path, access: Access) -> Arc<dyn Disk> {
    let locator = Locator::File {
        path: path.to_owned(),
        format: DiskFormat::Raw,
    };
    open(&locator, access).expect("opened")
}

impl Pair {
    /// A source with holes, and a copy of it with changes.
    fn new(seed: u64) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let (source, target) = (path("source.raw"), path("target.raw"));
        create_raw(&source, ByteCount(SIZE)).expect("created");
        random_image(&*raw(&source, Access::Write), seed, 40).expect("filled");
        std::fs::copy(&source, &target).expect("copied");
        let disk = raw(&target, Access::Write);
        scatter_changes(&*disk, seed + 1, 12, 300_000).expect("changed");
        Self {
            folder,
            source,
            target,
        }
    }

    fn equal(&self) -> bool {
        equal(&self.source, &self.target)
    }

    fn task(&self, source: Arc<dyn Disk>, target: Arc<dyn Disk>, proof: Proof) -> Task {
        Task {
            source,
            target,
            scope: Scope::Whole,
            block: BlockSize::default(),
            journal: Some(self.folder.path().join("journal")),
            task_key: "disk".to_owned(),
            apply: true,
            proof,
            digests: BothDigests::default(),
            sample: None,
            unreadable: Unreadable::Stop,
        }
    }
}

fn equal(a: &Path, b: &Path) -> bool {
    let mut command = Command::new("qemu-img");
    command
        .args(["compare", "-q", "-f", "raw", "-F", "raw"])
        .args([a, b]);
    let status = command.status().expect("qemu-img is there");
    status.success()
}

fn go(task: &Task) -> Result<Report, MoverError> {
    run(task, &Controls::default(), &Meter::default())
}

/// The side and the range that an error names; none for a flush, which has no range.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no disk that fails may end in any other error"
)]
fn place(error: &MoverError) -> Option<(Side, ByteRange)> {
    match error {
        MoverError::Read { side, range, .. } | MoverError::Map { side, range, .. } => {
            Some((*side, *range))
        }
        MoverError::Unreadable { ranges, .. } => {
            Some((Side::Source, *ranges.first().expect("some")))
        }
        MoverError::Write { range, .. }
        | MoverError::Zero { range, .. }
        | MoverError::ReadBack { range, .. }
        | MoverError::Mismatch { range } => Some((Side::Target, *range)),
        MoverError::Flush { .. } => None,
        other => panic!("no error of a disk: {other:?}"),
    }
}

#[test]
fn a_target_that_fails_now_and_then_ends_equal_after_some_tries() {
    // Whether a call fails is chance, so one pair may be lucky.
    assert!((51..60).map(tries_that_fail).any(|failed| failed > 0));
}

fn tries_that_fail(seed: u64) -> u32 {
    let pair = Pair::new(seed);
    assert!(!pair.equal());
    let server = Nbdkit::start(&pair.target, &["error", "error-rate=8%"]);
    for failed in 0..500 {
        let source = raw(&pair.source, Access::Read);
        let task = pair.task(source, server.open(Access::Write), Proof::Cache);
        match go(&task) {
            Ok(_) => {
                drop((task, server));
                assert!(pair.equal());
                return failed;
            }
            Err(error) => {
                if let Some((side, range)) = place(&error) {
                    assert_eq!(side, Side::Target, "{error:?}");
                    assert!(range.len > 0 && range.end() <= SIZE, "{error:?}");
                }
            }
        }
    }
    panic!("no try came to an end");
}

#[test]
fn an_error_that_begins_and_ends_names_the_range_and_is_gone_on_from() {
    for (operation, side) in [
        ("pread", Side::Source),
        ("pread", Side::Target),
        ("pwrite", Side::Target),
    ] {
        let pair = Pair::new(52);
        let trigger = pair.folder.path().join("trigger");
        std::fs::write(&trigger, b"").expect("written");
        let parameters = [
            "error".to_owned(),
            format!("error-{operation}=EIO"),
            format!("error-{operation}-rate=100%"),
            format!("error-{operation}-file={}", trigger.display()),
        ];
        let parameters = parameters.each_ref().map(String::as_str);
        let (server, task);
        if side == Side::Source {
            server = Nbdkit::start(&pair.source, &parameters);
            let target = raw(&pair.target, Access::Write);
            task = pair.task(server.open(Access::Read), target, Proof::Device);
        } else {
            server = Nbdkit::start(&pair.target, &parameters);
            let source = raw(&pair.source, Access::Read);
            task = pair.task(source, server.open(Access::Write), Proof::Device);
        }
        let error = go(&task).expect_err("it fails");
        let (named, range) = place(&error).expect("a range");
        assert_eq!(named, side, "{error:?}");
        assert!(range.len > 0 && range.end() <= SIZE, "{error:?}");
        assert!(!pair.equal());
        std::fs::remove_file(&trigger).expect("removed");
        go(&task).expect("moved");
        drop((task, server));
        assert!(pair.equal(), "{operation} {side}");
    }
}

#[test]
fn a_slow_server_ends_equal_and_is_cancelled_within_a_tenth_of_a_second() {
    let delays = [
        "delay",
        "delay-read=20ms",
        "delay-write=40ms",
        "delay-zero=40ms",
    ];
    let pair = Pair::new(53);
    let server = Nbdkit::start(&pair.target, &delays);
    let task = || {
        let source = raw(&pair.source, Access::Read);
        pair.task(source, server.open(Access::Write), Proof::Cache)
    };
    // Of a few tries the best: the machine may be busy with something else.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let controls = Controls::default();
        let task = task();
        let took = thread::scope(|scope| {
            let running = scope.spawn(|| run(&task, &controls, &Meter::default()));
            thread::sleep(Duration::from_millis(60));
            let cancelled = Instant::now();
            controls.cancel();
            let result = running.join().expect("no panic");
            assert!(matches!(result, Err(MoverError::Cancelled)), "{result:?}");
            cancelled.elapsed()
        });
        best = best.min(took);
    }
    assert!(best < Duration::from_millis(100), "{best:?}");
    go(&task()).expect("moved");
    drop(server);
    assert!(pair.equal());
}

#[test]
fn a_throttled_server_ends_equal_and_takes_the_time_that_it_takes() {
    let pair = Pair::new(54);
    // 8 MiB a second.
    let server = Nbdkit::start(&pair.source, &["rate", "rate=64M", "burstiness=0.1"]);
    let target = raw(&pair.target, Access::Write);
    let task = pair.task(server.open(Access::Read), target, Proof::Device);
    let begun = Instant::now();
    go(&task).expect("moved");
    assert!(
        begun.elapsed() > Duration::from_millis(400),
        "not throttled"
    );
    drop((task, server));
    assert!(pair.equal());
}

#[test]
fn nbdcopy_and_qemu_img_agree_with_us_in_both_directions() {
    let pair = Pair::new(55);
    let dry_run = |source: &Path, target: &Path| {
        let (source, target) = (Nbdkit::start(source, &[]), Nbdkit::start(target, &[]));
        let ends = (source.open(Access::Read), target.open(Access::Read));
        let mut task = pair.task(ends.0, ends.1, Proof::Cache);
        task.apply = false;
        go(&task).expect("compared").counters.different
    };
    let nbdcopy = |from: &str, to: &str| {
        let mut command = Command::new("nbdcopy");
        let status = command.args(["--", from, to]).status();
        assert!(status.expect("nbdcopy is there").success());
    };
    // Ours, read by theirs.
    assert!(dry_run(&pair.source, &pair.target) > ByteCount::ZERO);
    let copy = pair.folder.path().join("copy.raw");
    {
        let server = Nbdkit::start(&pair.target, &[]);
        let source = raw(&pair.source, Access::Read);
        go(&pair.task(source, server.open(Access::Write), Proof::Device)).expect("moved");
        nbdcopy(&server.uri(), copy.to_str().expect("text"));
    }
    assert!(pair.equal() && equal(&pair.source, &copy));
    assert_eq!(dry_run(&pair.source, &copy), ByteCount::ZERO);
    // Theirs, judged by ours.
    let other = Pair::new(56);
    {
        let server = Nbdkit::start(&other.target, &[]);
        nbdcopy(other.source.to_str().expect("text"), &server.uri());
    }
    assert!(other.equal());
    assert_eq!(dry_run(&other.source, &other.target), ByteCount::ZERO);
    // One byte, at the very end.
    let disk = raw(&other.target, Access::Write);
    let mut last = [0];
    disk.read_at(SIZE - 1, &mut last).expect("read");
    disk.write_at(SIZE - 1, &[last[0] ^ 1]).expect("written");
    assert!(!other.equal());
    assert_eq!(dry_run(&other.source, &other.target), ByteCount(512));
}
