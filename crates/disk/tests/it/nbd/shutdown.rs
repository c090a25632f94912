//! Ends of our server: limits, a stop in the middle, and what a client sees of it.

use std::{
    fs,
    io::Read as _,
    os::unix::net::UnixStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use disk::{Access, DiskError, Limits, Locator, NbdAddress, NbdServer, NbdUri, ServeError, open};
use model::ByteCount;
use tempfile::TempDir;
use testkit::{Call, MemDisk, Slow};

use super::peers::{export, ours, read_all};

fn start(dir: &TempDir, limits: Limits) -> NbdServer {
    let path = dir.path().join("limited.sock");
    let exports = vec![export(Arc::new(MemDisk::new(ByteCount(1 << 20))))];
    NbdServer::start(&NbdAddress::Unix { path }, exports, limits, None).expect("started")
}

fn locator(uri: NbdUri) -> Locator {
    Locator::Nbd(uri)
}

#[test]
fn a_server_has_no_more_connections_than_it_may() {
    let dir = TempDir::new().expect("a directory");
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = start(&dir, limits);
    // A client that would like four gets two, and no third client comes in.
    let first = open(&locator(server.uri("disk")), Access::Read).expect("opened");
    open(&locator(server.uri("disk")), Access::Read).expect_err("full");
    assert_eq!(read_all(&*first).len(), 1 << 20);
    drop(first);
    let begun = Instant::now();
    while open(&locator(server.uri("disk")), Access::Read).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "still full");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_does_not_negotiate_is_hung_up_on() {
    let dir = TempDir::new().expect("a directory");
    let limits = Limits {
        negotiation: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = start(&dir, limits);
    let mut silent = UnixStream::connect(dir.path().join("limited.sock")).expect("connected");
    silent
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("set");
    let mut all = Vec::new();
    silent.read_to_end(&mut all).expect("hung up on");
    assert_eq!(all.len(), 18);
    // Who has agreed may be silent.
    let disk = open(&locator(server.uri("disk")), Access::Read).expect("opened");
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(read_all(&*disk).len(), 1 << 20);
}

#[test]
fn a_stop_answers_what_is_under_way_and_ends_what_is_not() {
    let dir = TempDir::new().expect("a directory");
    let delay = Duration::from_millis(400);
    let memory = MemDisk::from_bytes(vec![7; 1 << 20]);
    let slow = Slow::new(Arc::new(memory), Call::Read, delay);
    let server = ours(&dir, vec![export(Arc::new(slow))], None);
    let socket = dir.path().join("ours.sock");
    let disk = open(&locator(server.uri("disk")), Access::Read).expect("opened");
    thread::scope(|scope| {
        let under_way = scope.spawn(|| {
            let mut buffer = [0; 4096];
            disk.read_at(0, &mut buffer).map(|()| buffer)
        });
        thread::sleep(delay / 4);
        let begun = Instant::now();
        server.stop();
        assert!(begun.elapsed() < Duration::from_secs(3));
        let answered = under_way.join().expect("no panic").expect("answered");
        assert_eq!(answered, [7; 4096]);
    });
    let error = disk.read_at(0, &mut [0; 512]).expect_err("it is gone");
    assert!(matches!(error, DiskError::Read { .. }));
    assert!(!socket.exists());
}

#[test]
fn a_disk_that_hangs_does_not_keep_a_server_from_ending() {
    let dir = TempDir::new().expect("a directory");
    let memory = Arc::new(MemDisk::new(ByteCount(1 << 20)));
    let slow = Slow::new(memory, Call::Read, Duration::from_secs(4));
    let limits = Limits {
        grace: Duration::from_millis(200),
        ..Limits::default()
    };
    let path = dir.path().join("limited.sock");
    let exports = vec![export(Arc::new(slow))];
    let server = NbdServer::start(&NbdAddress::Unix { path }, exports, limits, None);
    let server = server.expect("started");
    let disk = open(&locator(server.uri("disk")), Access::Read).expect("opened");
    thread::scope(|scope| {
        let cut_off = scope.spawn(|| disk.read_at(0, &mut [0; 512]));
        thread::sleep(Duration::from_millis(100));
        let begun = Instant::now();
        server.stop();
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert!(cut_off.join().expect("no panic").is_err());
    });
}

#[test]
fn a_place_that_is_taken_and_names_that_cannot_be_are_refused() {
    let dir = TempDir::new().expect("a directory");
    let server = start(&dir, Limits::default());
    let NbdAddress::Unix { path } = server.uri("disk").address else {
        panic!("a unix socket");
    };
    let again = |exports| {
        let address = NbdAddress::Unix { path: path.clone() };
        NbdServer::start(&address, exports, Limits::default(), None)
    };
    let one = || export(Arc::new(MemDisk::new(ByteCount(512))));
    assert!(matches!(again(vec![one()]), Err(ServeError::Listen { .. })));
    assert!(matches!(
        again(vec![one(), one()]),
        Err(ServeError::Name { .. })
    ));
    // The server that was there first is still there.
    assert!(open(&locator(server.uri("disk")), Access::Read).is_ok());
    drop(server);
    assert!(!path.exists());
    fs::write(&path, "a file").expect("written");
    assert!(again(vec![one()]).is_err());
    assert_eq!(fs::read(&path).expect("read"), b"a file");
}
