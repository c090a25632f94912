//! Our NBD client against `qemu-nbd`, a server that is none of ours.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use disk::{Access, Disk, DiskError, ExtentKind, Locator, create_raw, open};
use model::{ByteCount, ByteRange, DiskFormat};
use tempfile::TempDir;

const SIZE: u64 = (12 << 20) + 512;

/// A `qemu-nbd` that ends with its test.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    fn start(dir: &TempDir, image: &Path, args: &[&str]) -> Self {
        let socket = dir.path().join("nbd.sock");
        let child = Command::new("qemu-nbd")
            .args(["-t", "-f", "raw", "--discard=unmap", "-x", "disk", "-k"])
            .arg(&socket)
            .args(args)
            .arg(image)
            .stderr(Stdio::null())
            .spawn()
            .expect("qemu-nbd is there");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "no socket");
            thread::sleep(Duration::from_millis(10));
        }
        Self { child, socket }
    }

    fn uri(&self, export: &str) -> String {
        format!("nbd+unix:///{export}?socket={}", self.socket.display())
    }

    fn open(&self, access: Access) -> Result<Arc<dyn Disk>, DiskError> {
        open(&Locator::named(&self.uri("disk"), None)?, access)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A raw image with data, a hole, and data at its odd end.
fn image(dir: &TempDir) -> (PathBuf, Vec<u8>) {
    let path = dir.path().join("image.raw");
    create_raw(&path, ByteCount(SIZE)).expect("created");
    let locator = Locator::File {
        path: path.clone(),
        format: DiskFormat::Raw,
    };
    let disk = open(&locator, Access::Write).expect("opened");
    let content: Vec<u8> = (0..3_u32 << 20).map(|at| (at / 7 % 251) as u8).collect();
    disk.write_at(0, &content).expect("written");
    disk.write_at(SIZE - 700, &content[..700]).expect("written");
    disk.flush().expect("flushed");
    let bytes = fs::read(&path).expect("read");
    (path, bytes)
}

fn read_all(disk: &dyn Disk) -> Vec<u8> {
    let mut all = vec![0; usize::try_from(disk.size().0).expect("small")];
    disk.read_at(0, &mut all).expect("readable");
    all
}

#[test]
fn content_and_holes_come_through_over_one_connection_and_over_several() {
    for clients in ["1", "8"] {
        let dir = TempDir::new().expect("a directory");
        let (path, bytes) = image(&dir);
        let server = Server::start(&dir, &path, &["-e", clients]);
        let disk = server.open(Access::Read).expect("opened");
        assert_eq!(disk.size(), ByteCount(SIZE));
        assert!(read_all(&*disk) == bytes);
        let map = disk.extents(ByteRange::new(0, SIZE)).expect("mapped");
        assert_eq!(map[0].range, ByteRange::new(0, 3 << 20));
        assert_eq!(
            (map[0].kind, map[1].kind),
            (ExtentKind::Data, ExtentKind::Zero)
        );
        assert_eq!(map.last().map(|last| last.range.end()), Some(SIZE));
    }
}

#[test]
fn many_callers_at_once_each_get_their_own_answer() {
    for clients in ["1", "8"] {
        let dir = TempDir::new().expect("a directory");
        let (path, bytes) = image(&dir);
        let server = Server::start(&dir, &path, &["-e", clients]);
        let disk = server.open(Access::Write).expect("opened");
        thread::scope(|scope| {
            for caller in 0..8_u8 {
                let (disk, bytes) = (&disk, &bytes);
                scope.spawn(move || {
                    for round in 0..60 {
                        let at = (u64::from(caller) * 7919 + round * 65_537) % (2 << 20);
                        let len = 1 + (round * 4001 + u64::from(caller)) % 200_000;
                        let range =
                            usize::try_from(at).unwrap()..usize::try_from(at + len).unwrap();
                        let mut buffer = vec![0; range.len()];
                        disk.read_at(at, &mut buffer).expect("read");
                        assert!(buffer == bytes[range]);
                        if round % 7 == 0 {
                            disk.extents(ByteRange::new(at, len)).expect("mapped");
                        }
                        if round % 5 == 0 {
                            let own = 4 * (1 << 20) + u64::from(caller) * 65_536;
                            disk.write_at(own, &[caller + 1; 4096]).expect("written");
                        }
                    }
                });
            }
        });
        disk.flush().expect("flushed");
        for caller in 0..8_u8 {
            let mut own = vec![0; 4096];
            disk.read_at(4 * (1 << 20) + u64::from(caller) * 65_536, &mut own)
                .expect("read");
            assert!(own.iter().all(|byte| *byte == caller + 1));
        }
    }
}

#[test]
fn what_is_written_and_made_zero_is_in_the_image() {
    let dir = TempDir::new().expect("a directory");
    let (path, mut bytes) = image(&dir);
    let server = Server::start(&dir, &path, &["-e", "4"]);
    let disk = server.open(Access::Write).expect("opened");
    disk.write_at(5 << 20, &[7; 300_000]).expect("written");
    disk.write_zeroes(ByteRange::new(65_536, 1 << 20))
        .expect("zeroed");
    disk.flush().expect("flushed");
    bytes[5 << 20..(5 << 20) + 300_000].fill(7);
    bytes[65_536..65_536 + (1 << 20)].fill(0);
    assert!(read_all(&*disk) == bytes);
    drop(disk);
    drop(server);
    assert!(fs::read(&path).expect("read") == bytes);
}

#[test]
fn refusals_name_what_was_refused() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let server = Server::start(&dir, &path, &["-r", "-e", "4"]);
    let cause = |result: Result<Arc<dyn Disk>, DiskError>| {
        let error = result.expect_err("refused");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    };
    assert!(cause(server.open(Access::Write)).contains("read-only"));
    assert!(server.open(Access::Read).is_ok());
    let other = Locator::named(&server.uri("other"), None).expect("a URI");
    let said = cause(open(&other, Access::Read));
    assert!(said.contains("refuses export \"other\""), "{said}");
    let nobody = Locator::named("nbd://127.0.0.1:1/disk", None).expect("a URI");
    assert!(cause(open(&nobody, Access::Read)).contains("nbd://127.0.0.1:1/disk"));
    let error = Locator::named("nbds://host/disk", None).expect_err("no TLS yet");
    let source = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(source.contains("TLS"), "{source}");
}

#[test]
fn a_server_that_dies_is_an_error_of_every_request_and_not_a_hang() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let mut server = Server::start(&dir, &path, &["-e", "1"]);
    let disk = server.open(Access::Read).expect("opened");
    server.child.kill().expect("it runs");
    server.child.wait().expect("it ended");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut buffer = [0; 4096];
                let error = disk.read_at(0, &mut buffer).expect_err("it is gone");
                assert!(matches!(error, DiskError::Read { .. }));
            });
        }
    });
    assert!(disk.extents(ByteRange::new(0, 4096)).is_err());
}

#[test]
fn uris_are_parsed_and_wrong_ones_say_what_is_wrong() {
    use disk::{NbdAddress, NbdUri, UriError};
    let tcp = |host: &str, port| NbdAddress::Tcp {
        host: host.to_owned(),
        port,
    };
    for (text, address, export) in [
        ("nbd://example.org", tcp("example.org", 10_809), ""),
        ("nbd://h:1234/a%20b", tcp("h", 1234), "a b"),
        ("nbd://[::1]:99/x/y", tcp("::1", 99), "x/y"),
        (
            "nbd+unix:///x?socket=/run/a%3Fb",
            NbdAddress::Unix {
                path: "/run/a?b".into(),
            },
            "x",
        ),
    ] {
        let uri = NbdUri::parse(text).expect(text);
        assert_eq!((uri.address, uri.export.as_str()), (address, export));
    }
    for (text, error) in [
        ("http://h", UriError::Scheme),
        ("nbd:///x", UriError::NoHost),
        ("nbd://h:no/x", UriError::Port("no".to_owned())),
        ("nbd+unix:///x", UriError::NoSocket),
        (
            "nbd+unix:///x?sock=/a",
            UriError::Parameter("sock=/a".to_owned()),
        ),
        ("nbd://h/%2", UriError::Escape),
        ("nbds://h", UriError::Tls),
    ] {
        assert_eq!(NbdUri::parse(text), Err(error), "{text}");
    }
}
