//! Sources behind nbdkit that cannot be read, as a whole or in one sector.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use blockmap::{BlockSize, RangeSet};
use disk::{Access, Disk, Locator, open};
use model::{ByteCount, ByteRange, DiskFormat};
use mover::{BothDigests, Controls, Meter, MoverError, Proof, Scope, Task, Unreadable, run};
use tempfile::TempDir;
use testkit::{Call, Counting, FailAt, LoopDevice, When, random_image};

const SIZE: u64 = 3 << 20;

struct Peer {
    folder: TempDir,
    child: Option<Child>,
}

impl Peer {
    /// A source of random content and an empty target.
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        for name in ["source", "target"] {
            disk::create_raw(&folder.path().join(name), ByteCount(SIZE)).expect("created");
        }
        let peer = Self {
            folder,
            child: None,
        };
        let source = peer.file("source", Access::Write);
        random_image(&*source, 5, 0).expect("filled");
        peer
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, access: Access) -> Arc<dyn Disk> {
        let locator = Locator::File {
            path: self.path(name),
            format: DiskFormat::Raw,
        };
        open(&locator, access).expect("opened")
    }

    /// nbdkit with these words; it ends with the test.
    fn serve(&mut self, words: &[&str]) {
        let socket = self.path("socket");
        let child = Command::new("nbdkit")
            .args(["--foreground", "--exit-with-parent", "-U"])
            .arg(&socket)
            .args(words)
            .current_dir(self.folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("nbdkit is there");
        self.child = Some(child);
        testkit::until_listening(&socket, Duration::from_secs(10));
    }

    /// From the peer to the file.
    fn task(&self, unreadable: Unreadable) -> Task {
        let uri = format!("nbd+unix:///?socket={}", self.path("socket").display());
        let locator = Locator::named(&uri, None).expect("a locator");
        let source = open(&locator, Access::Read).expect("connected");
        task(source, self.file("target", Access::Write), unreadable)
    }

    fn content(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("read")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

pub(crate) fn task(source: Arc<dyn Disk>, target: Arc<dyn Disk>, unreadable: Unreadable) -> Task {
    Task {
        source,
        target,
        scope: Scope::Whole,
        block: BlockSize::default(),
        journal: None,
        task_key: "disk".to_owned(),
        apply: true,
        proof: Proof::Device,
        digests: BothDigests::default(),
        sample: None,
        unreadable,
    }
}

fn go(task: &Task) -> Result<mover::Report, MoverError> {
    run(task, &Controls::default(), &Meter::default())
}

#[test]
fn the_error_filter_stops_a_task_or_is_named_in_full_and_gone_when_it_is_gone() {
    let mut peer = Peer::new();
    fs::write(peer.path("broken"), "").expect("written");
    let trigger = format!("error-pread-file={}", peer.path("broken").display());
    peer.serve(&[
        "--filter=error",
        "file",
        "source",
        "error-pread=EIO",
        "error-pread-rate=100%",
        &trigger,
    ]);
    let error = go(&peer.task(Unreadable::Stop)).expect_err("unreadable");
    assert!(matches!(error, MoverError::Unreadable { .. }), "{error:?}");

    let report = go(&peer.task(Unreadable::Skip)).expect("skipped");
    let whole = RangeSet::from_ranges([ByteRange::new(0, SIZE)]);
    assert_eq!(report.unread, whole);
    assert_eq!(report.counters.verified, ByteCount::ZERO);
    assert!(peer.content("target").iter().all(|byte| *byte == 0));

    fs::remove_file(peer.path("broken")).expect("removed");
    let report = go(&peer.task(Unreadable::Stop)).expect("moved");
    assert!(report.unread.is_empty());
    assert!(peer.content("target") == peer.content("source"));
}

/// Reads that touch the sector at 1000 * 512 fail, as those of a disk with a bad sector do.
#[test]
fn one_bad_sector_of_a_peer_is_found_exactly() {
    let mut peer = Peer::new();
    let size = format!("get_size=echo {SIZE}");
    let script = "pread=if [ $4 -lt 512512 ] && [ $(( $4 + $3 )) -gt 512000 ]; \
                  then echo EIO bad sector >&2; exit 1; fi; \
                  dd if=source iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=65536 2>/dev/null";
    let folder = peer.folder.path().display().to_string();
    let script = script.replace("if=source", &format!("if={folder}/source"));
    peer.serve(&["eval", &size, &script]);
    let bad = ByteRange::new(512_000, 512);
    let error = go(&peer.task(Unreadable::Stop)).expect_err("unreadable");
    assert!(
        matches!(&error, MoverError::Unreadable { ranges, .. } if *ranges == [bad]),
        "{error:?}"
    );
    let report = go(&peer.task(Unreadable::Skip)).expect("skipped");
    assert_eq!(report.unread, RangeSet::from_ranges([bad]));
    let mut wanted = peer.content("source");
    wanted[512_000..512_512].fill(0);
    assert!(peer.content("target") == wanted);
}

/// A device reads and loses 4096 bytes at once: nothing less is asked for to find out which.
#[test]
fn what_a_device_with_long_sectors_cannot_read_is_named_in_its_sectors() {
    let peer = Peer::new();
    let Some(device) = LoopDevice::attach(&peer.path("source"), 4096) else {
        return;
    };
    let locator = Locator::File {
        path: device.path().to_owned(),
        format: DiskFormat::Raw,
    };
    let inner = open(&locator, Access::Read).expect("opened");
    let bad = When::Touching(ByteRange::new(300_100, 10));
    let failing = FailAt::new(inner, Call::Read, bad, std::io::ErrorKind::Other);
    let counted = Arc::new(Counting::new(Arc::new(failing)));
    let target = peer.file("target", Access::Write);
    let task = Task {
        source: counted.clone(),
        ..task(peer.file("source", Access::Read), target, Unreadable::Skip)
    };
    let report = go(&task).expect("skipped");
    let sector = ByteRange::new(299_008, 4096);
    assert_eq!(report.unread, RangeSet::from_ranges([sector]));
    // Once in long requests, once by block, and once the block's sixteen sectors.
    let whole = SIZE / (256 * 1024) + 4 + 16;
    assert!(
        counted.calls(Call::Read) as u64 <= whole,
        "{}",
        counted.calls(Call::Read)
    );
}
