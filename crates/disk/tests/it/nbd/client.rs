//! Our NBD client against `qemu-nbd` and nbdkit.

use std::{fs, sync::Arc, thread};

use disk::{Access, Disk, DiskError, ExtentKind, Locator, open};
use model::{ByteCount, ByteRange};
use tempfile::TempDir;

use super::peers::{SIZE, Server, done, image, read_all, words};

#[test]
fn content_and_holes_come_through_over_one_connection_and_over_several() {
    for clients in ["1", "8"] {
        let dir = TempDir::new().expect("a directory");
        let (path, bytes) = image(&dir);
        let server = Server::qemu(&dir, "raw", &path, &["-e", clients]);
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
        let server = Server::qemu(&dir, "raw", &path, &["-e", clients]);
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
    let server = Server::qemu(&dir, "raw", &path, &["-e", "4"]);
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
    let server = Server::qemu(&dir, "raw", &path, &["-r", "-e", "4"]);
    let cause = |result: Result<Arc<dyn Disk>, DiskError>| words(&result.expect_err("refused"));
    assert!(cause(server.open(Access::Write)).contains("read-only"));
    assert!(server.open(Access::Read).is_ok());
    let other = Locator::named(&server.uri("other"), None).expect("a URI");
    let said = cause(open(&other, Access::Read));
    assert!(said.contains("refuses export \"other\""), "{said}");
    let nobody = Locator::named("nbd://127.0.0.1:1/disk", None).expect("a URI");
    assert!(cause(open(&nobody, Access::Read)).contains("nbd://127.0.0.1:1/disk"));
}

#[test]
fn a_server_that_dies_is_an_error_of_every_request_and_not_a_hang() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let mut server = Server::qemu(&dir, "raw", &path, &["-e", "1"]);
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
fn headers_are_the_longest_that_the_server_has() {
    let dir = TempDir::new().expect("a directory");
    let (path, bytes) = image(&dir);
    let server = Server::qemu(&dir, "raw", &path, &["-e", "4"]);
    let disk = server.open(Access::Read).expect("opened");
    assert!(format!("{disk:?}").contains("headers: Extended"));
    drop(server);
    let file = format!("file={}", path.display());
    for (no, headers) in [
        (&[][..], "headers: Structured"),
        (&["--no-sr"][..], "headers: Simple"),
    ] {
        let server = Server::nbdkit(&dir, &[no, &["file", &file]].concat());
        let disk = server.open(Access::Write).expect("opened");
        assert!(format!("{disk:?}").contains(headers), "{disk:?}");
        assert!(read_all(&*disk) == bytes);
        drop(disk);
        drop(server);
    }
}

#[test]
fn a_disk_longer_than_one_request_is_mapped_and_made_zero() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("long.raw");
    disk::create_raw(&path, ByteCount(5 << 30)).expect("created");
    let server = Server::qemu(&dir, "raw", &path, &["-e", "4"]);
    let disk = server.open(Access::Write).expect("opened");
    let at = (4 << 30) + 12_288;
    disk.write_at(at, &[7; 4096]).expect("written");
    let zero = |disk: &dyn Disk| {
        let map = disk.extents(ByteRange::new(0, 5 << 30)).expect("mapped");
        map.iter().all(|extent| extent.kind == ExtentKind::Zero)
    };
    assert!(!zero(&*disk));
    disk.write_zeroes(ByteRange::new(0, 5 << 30))
        .expect("zeroed");
    assert!(zero(&*disk));
}

#[test]
fn images_of_other_makers_come_through_their_servers() {
    for format in ["vmdk", "vhdx", "vpc", "qcow2"] {
        let dir = TempDir::new().expect("a directory");
        let (path, bytes) = image(&dir);
        let other = dir.path().join("other.img");
        let (from, to) = (
            path.to_str().expect("plain"),
            other.to_str().expect("plain"),
        );
        done(
            "qemu-img",
            &["convert", "-f", "raw", "-O", format, from, to],
        );
        let server = Server::qemu(&dir, format, &other, &["-r", "-e", "4"]);
        let disk = server.open(Access::Read).expect("opened");
        let all = read_all(&*disk);
        // Some makers round a disk's size up.
        assert!(all[..bytes.len()] == bytes, "{format}");
        assert!(all[bytes.len()..].iter().all(|byte| *byte == 0), "{format}");
    }
}

#[test]
fn sizes_that_are_no_multiple_of_a_sector_and_long_sectors_are_what_the_server_says() {
    let dir = TempDir::new().expect("a directory");
    let server = Server::nbdkit(&dir, &["pattern", "1000001"]);
    let disk = server.open(Access::Read).expect("opened");
    assert_eq!(disk.size(), ByteCount(1_000_001));
    let all = read_all(&*disk);
    assert_eq!(all[999_992..1_000_000], 999_992_u64.to_be_bytes());
    drop(server);
    let strict = [
        "--filter=blocksize-policy",
        "memory",
        "1M",
        "blocksize-minimum=4096",
        "blocksize-preferred=4096",
        "blocksize-maximum=65536",
        "blocksize-error-policy=error",
    ];
    let server = Server::nbdkit(&dir, &strict);
    let disk = server.open(Access::Write).expect("opened");
    assert_eq!(disk.sector(), 4096);
    let content: Vec<u8> = (0..1_u32 << 20).map(|at| (at % 253) as u8).collect();
    // Cut to what the server takes at once.
    disk.write_at(0, &content).expect("written");
    assert!(read_all(&*disk) == content);
}

#[test]
fn errors_of_a_server_are_errors_of_the_request_and_of_no_other() {
    let dir = TempDir::new().expect("a directory");
    let sick = dir.path().join("sick");
    let file = format!("error-file={}", sick.display());
    let args = ["--filter=error", "pattern", "1M", "error-rate=100%", &file];
    let server = Server::nbdkit(&dir, &args);
    let disk = server.open(Access::Read).expect("opened");
    let mut buffer = [0; 4096];
    disk.read_at(0, &mut buffer).expect("healthy");
    fs::write(&sick, "").expect("written");
    let error = disk.read_at(4096, &mut buffer).expect_err("sick");
    let DiskError::Read { range, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*range, ByteRange::new(4096, 4096));
    fs::remove_file(&sick).expect("removed");
    disk.read_at(4096, &mut buffer).expect("healthy again");
}
