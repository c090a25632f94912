//! Connections that break, servers that come back, and servers that say nothing more.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use disk::{Access, Disk, DiskError, Locator, Losses, NbdServer, open};
use tempfile::TempDir;
use testkit::{MemDisk, Relay};

use super::peers::{Server, at, export, image, ours, read_all};

const SIZE: usize = 4 << 20;

/// Our server with a disk of a pattern, and a relay before it.
struct Far {
    dir: TempDir,
    memory: Arc<MemDisk>,
    relay: Relay,
    _server: NbdServer,
}

impl Far {
    fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let content = (0..4_u32 << 20).map(|at| (at / 3 % 251) as u8).collect();
        let memory = Arc::new(MemDisk::from_bytes(content));
        let server = ours(&dir, vec![export(memory.clone())], None);
        let ours = dir.path().join("ours.sock");
        let relay = Relay::start(&dir.path().join("relay.sock"), &ours).expect("listening");
        Self {
            dir,
            memory,
            relay,
            _server: server,
        }
    }

    fn open(&self) -> Arc<dyn Disk> {
        at(&self.dir, "relay.sock", Access::Write).expect("opened")
    }
}

#[test]
fn reads_over_connections_that_break_again_and_again_are_made_once_more() {
    let far = Far::new();
    let disk = far.open();
    far.relay.cut_after(400_000);
    let mut all = Vec::new();
    let mut buffer = vec![0; 65_536];
    for number in 0..SIZE / buffer.len() {
        let offset = (number * buffer.len()) as u64;
        disk.read_at(offset, &mut buffer).expect("read");
        all.extend_from_slice(&buffer);
    }
    assert!(all == far.memory.bytes());
    let losses = disk.losses();
    assert!((5..40).contains(&losses.connections), "{losses:?}");
    assert_eq!(losses.writes, 0);
    assert!(far.relay.accepted() > losses.connections);
}

#[test]
fn a_server_that_never_lets_an_answer_through_is_given_up() {
    let far = Far::new();
    let disk = far.open();
    far.relay.cut_after(1000);
    let begun = Instant::now();
    let error = disk.read_at(0, &mut vec![0; 65_536]).expect_err("cut off");
    assert!(matches!(error, DiskError::Read { .. }));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_flush_tells_once_that_what_was_written_before_a_loss_may_be_gone() {
    let far = Far::new();
    let disk = far.open();
    disk.write_at(0, &[1; 4096]).expect("written");
    disk.flush().expect("durable");
    far.relay.cut();
    disk.write_at(4096, &[2; 4096]).expect("sent once more");
    disk.flush().expect("nothing was lost that was not durable");
    assert_eq!(disk.losses().writes, 0);
    disk.write_at(8192, &[3; 4096]).expect("written");
    far.relay.cut();
    disk.write_at(12_288, &[4; 4096]).expect("sent once more");
    assert_eq!(disk.losses().writes, 1);
    assert!(matches!(disk.flush(), Err(DiskError::WritesLost)));
    disk.flush().expect("told once");
    for (place, value) in [1, 2, 3, 4].into_iter().enumerate() {
        assert_eq!(far.memory.bytes()[place * 4096], value);
    }
}

#[test]
fn a_server_that_was_killed_and_started_again_goes_on_answering() {
    let dir = TempDir::new().expect("a directory");
    let (path, bytes) = image(&dir);
    let start = || Server::qemu(&dir, "raw", &path, &["-r", "-e", "4"]);
    let server = start();
    let uri = Locator::named(&server.uri("disk"), None).expect("a URI");
    let disk = open(&uri, Access::Read).expect("opened");
    assert!(read_all(&*disk) == bytes);
    drop(server);
    let again = thread::scope(|scope| {
        let waiting = scope.spawn(|| read_all(&*disk) == bytes);
        thread::sleep(Duration::from_millis(300));
        let server = start();
        assert!(waiting.join().expect("no panic"));
        server
    });
    let Losses {
        connections,
        writes,
    } = disk.losses();
    assert!(connections > 0 && writes == 0);
    drop(again);
}

/// Found in review: a request waited a minute for a server that was silent, whatever its operator
/// wanted meanwhile.
#[test]
fn a_silent_server_keeps_nobody_waiting_who_is_interrupted() {
    let far = Far::new();
    let disk = far.open();
    far.relay.fall_silent();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..6)
            .map(|number| {
                let disk = &disk;
                scope.spawn(move || match number % 3 {
                    0 => disk.read_at(0, &mut [0; 4096]),
                    1 => disk.write_at(0, &[0; 4096]),
                    _ => disk.flush(),
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(200));
        assert!(calls.iter().all(|call| !call.is_finished()));
        let begun = Instant::now();
        disk.interrupt();
        for call in calls {
            call.join().expect("no panic").expect_err("interrupted");
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(300), "{took:?}");
    });
    // For good, and at once.
    let begun = Instant::now();
    disk.read_at(0, &mut [0; 512]).expect_err("interrupted");
    assert!(begun.elapsed() < Duration::from_millis(300));
}
