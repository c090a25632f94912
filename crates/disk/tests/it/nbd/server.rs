//! Our server, judged by the tools of libnbd and QEMU, and by our own client.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use disk::{
    Access, Bitmap, Disk, Export, ExtentKind, Limits, Locator, NbdAddress, NbdServer, NbdUri,
    create_qcow2, dirty_ranges, open,
};
use model::{ByteCount, ByteRange, DiskFormat};
use tempfile::TempDir;
use testkit::{Call, Counting, MemDisk, Slow};

use super::peers::{
    SIZE, Server, certificates, done, export, image, ours, raw, read_all, tool, words,
};

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn opened(path: &Path) -> Arc<dyn Disk> {
    open(&raw(path), Access::Write).expect("opened")
}

fn connect(uri: &NbdUri, access: Access) -> Arc<dyn Disk> {
    open(&Locator::Nbd(uri.clone()), access).expect("connected")
}

#[test]
fn nbdinfo_sees_the_size_the_abilities_and_the_list() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let second = Export {
        name: "second \u{fc}".to_owned(),
        read_only: true,
        ..export(Arc::new(MemDisk::new(ByteCount(4096))))
    };
    let server = ours(&dir, vec![export(opened(&path)), second], None);
    let uri = server.uri("disk").to_string();
    assert_eq!(done("nbdinfo", &["--size", &uri]).trim(), SIZE.to_string());
    let about = done("nbdinfo", &[&uri]);
    for line in [
        "protocol: newstyle-fixed without TLS, using structured packets",
        "is_read_only: false",
        "can_multi_conn: true",
        "can_flush: true",
        "can_fua: true",
        "can_trim: true",
        "can_zero: true",
        "can_df: true",
        "block_size_minimum: 1",
        "block_size_maximum: 33554432",
        "base:allocation",
    ] {
        assert!(about.contains(line), "{line}: {about}");
    }
    let all = done("nbdinfo", &["--list", &server.uri("").to_string()]);
    for line in [
        "export=\"disk\"",
        "export=\"second \u{fc}\"",
        "is_read_only: true",
    ] {
        assert!(all.contains(line), "{line}: {all}");
    }
}

#[test]
fn the_map_is_that_of_the_disk() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let server = ours(&dir, vec![export(opened(&path))], None);
    let uri = server.uri("disk").to_string();
    let map = done("nbdinfo", &["--map", &uri]);
    let rows: Vec<Vec<&str>> = map
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    let mut at = 0;
    for extent in opened(&path)
        .extents(ByteRange::new(0, SIZE))
        .expect("mapped")
    {
        let (number, word) = match extent.kind {
            ExtentKind::Data => ("0", "data"),
            ExtentKind::Zero => ("3", "hole,zero"),
        };
        let (start, len) = (extent.range.start.to_string(), extent.range.len.to_string());
        assert_eq!(rows[at], [&start, &len, number, word]);
        at += 1;
    }
    assert_eq!(at, rows.len());
    assert!(at >= 3, "{map}");
}

#[test]
fn a_bitmap_is_what_the_caller_gave_to_nbdinfo_and_to_our_client() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let given = [(65_536, 4096), (0, 512), (69_632, 8192), (SIZE - 512, 512)];
    let ranges = given.map(|(start, len)| ByteRange::new(start, len));
    let marked = Export {
        read_only: true,
        bitmap: Some(Bitmap::new("cp".to_owned(), ranges.to_vec())),
        ..export(opened(&path))
    };
    let server = ours(&dir, vec![marked], None);
    let uri = server.uri("disk");
    let map = done("nbdinfo", &["--map=qemu:dirty-bitmap:cp", &uri.to_string()]);
    let dirty: Vec<(u64, u64)> = map
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>())
        .filter(|row| row[2] == "1")
        .map(|row| {
            (
                row[0].parse().expect("a start"),
                row[1].parse().expect("a length"),
            )
        })
        .collect();
    let apart = [(0, 512), (65_536, 12_288), (SIZE - 512, 512)];
    assert_eq!(dirty, apart);
    let ranges = dirty_ranges(&uri, "cp").expect("listed");
    let ranges: Result<Vec<ByteRange>, _> = ranges.collect();
    let apart = apart.map(|(start, len)| ByteRange::new(start, len));
    assert_eq!(ranges.expect("listed"), apart);
    assert!(dirty_ranges(&uri, "other").is_err());
}

#[test]
fn nbdcopy_takes_and_brings_every_byte() {
    let dir = TempDir::new().expect("a directory");
    let (path, bytes) = image(&dir);
    let target = dir.path().join("target.raw");
    disk::create_raw(&target, ByteCount(SIZE)).expect("created");
    let copy = dir.path().join("copy.raw");
    let exports = vec![
        export(opened(&path)),
        Export {
            name: "target".to_owned(),
            ..export(opened(&target))
        },
    ];
    let server = ours(&dir, exports, None);
    let (from, to) = (
        server.uri("disk").to_string(),
        server.uri("target").to_string(),
    );
    done("nbdcopy", &[&from, plain(&copy)]);
    assert!(fs::read(&copy).expect("read") == bytes);
    // Dirty first: what is a hole in the source must be made zero.
    done("qemu-io", &["-f", "raw", "-c", "write -P 9 0 12M", &to]);
    done("nbdcopy", &["--flush", plain(&copy), &to]);
    assert!(fs::read(&target).expect("read") == bytes);
    done("nbdcopy", &["--synchronous", "--requests=1", &from, &to]);
    assert!(fs::read(&target).expect("read") == bytes);
}

#[test]
fn qemu_compares_converts_and_writes_with_every_request() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let reference = dir.path().join("reference.raw");
    fs::copy(&path, &reference).expect("copied");
    let server = ours(&dir, vec![export(opened(&path))], None);
    let uri = server.uri("disk").to_string();
    let compare = || {
        let files = ["compare", "-f", "raw", "-F", "raw", plain(&reference), &uri];
        done("qemu-img", &files)
    };
    assert!(compare().contains("identical"));
    let writes = [
        "write -P 5 4M 300k",
        "write -f -P 6 5M 64k",
        "write -z 64k 1M",
        "write -z -u 2M 128k",
        "discard 6M 64k",
        "write -P 7 1 511",
        "flush",
    ];
    for place in [plain(&reference), &uri] {
        for write in writes {
            done("qemu-io", &["-f", "raw", "-d", "unmap", "-c", write, place]);
        }
    }
    assert!(compare().contains("identical"));
    let reads = ["read -P 5 4M 300k", "read -P 0 64k 1M", "read -P 7 1 511"];
    for read in reads {
        let said = done("qemu-io", &["-f", "raw", "-c", read, &uri]);
        assert!(!said.contains("verification failed"), "{said}");
    }
    let converted = dir.path().join("converted.qcow2");
    let convert = ["convert", "-f", "raw", "-O", "qcow2"];
    done(
        "qemu-img",
        &[&convert[..], &[&uri, plain(&converted)]].concat(),
    );
    let back = [
        "convert", "-n", "-W", "-m", "16", "-f", "qcow2", "-O", "raw",
    ];
    done(
        "qemu-img",
        &[&back[..], &[plain(&converted), &uri]].concat(),
    );
    assert!(compare().contains("identical"));
}

#[test]
fn zeroes_are_a_hole_unless_the_client_wants_none() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let server = ours(&dir, vec![export(opened(&path))], None);
    let uri = server.uri("disk").to_string();
    let kind = || {
        let extents = opened(&path).extents(ByteRange::new(1 << 20, 65_536));
        extents.expect("mapped")[0].kind
    };
    assert_eq!(kind(), ExtentKind::Data);
    done("qemu-io", &["-f", "raw", "-c", "write -z 1M 64k", &uri]);
    assert_eq!(kind(), ExtentKind::Data);
    done("qemu-io", &["-f", "raw", "-c", "write -z -u 1M 64k", &uri]);
    assert_eq!(kind(), ExtentKind::Zero);
    let said = done("qemu-io", &["-f", "raw", "-c", "read -P 0 1M 64k", &uri]);
    assert!(!said.contains("verification failed"), "{said}");
}

#[test]
fn flush_and_fua_reach_the_disk() {
    let dir = TempDir::new().expect("a directory");
    let disk = Arc::new(Counting::new(Arc::new(MemDisk::new(ByteCount(1 << 20)))));
    let server = ours(&dir, vec![export(Arc::clone(&disk) as _)], None);
    let client = connect(&server.uri("disk"), Access::Write);
    client.write_at(0, &[1; 512]).expect("written");
    assert_eq!(disk.calls(Call::Flush), 0);
    client.flush().expect("flushed");
    assert_eq!(disk.calls(Call::Flush), 1);
    let uri = server.uri("disk").to_string();
    done("qemu-io", &["-f", "raw", "-c", "write -f -P 1 0 4k", &uri]);
    assert!(disk.calls(Call::Flush) > 1);
}

#[test]
fn peers_with_long_headers_speak_them_with_our_server() {
    let dir = TempDir::new().expect("a directory");
    let server = ours(
        &dir,
        vec![export(Arc::new(MemDisk::new(ByteCount(1 << 20))))],
        None,
    );
    let uri = server.uri("disk");
    let path = dir.path().join("ours.sock");
    let options = format!("driver=nbd,path={},export=disk", path.display());
    let trace = [
        "-T",
        "nbd_receive_reply_chunk_header",
        "map",
        "--image-opts",
    ];
    let out = tool("qemu-img", &[&trace[..], &[&options]].concat());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("64-bit"), "{said}");
    let client = connect(&uri, Access::Read);
    assert!(format!("{client:?}").contains("headers: Extended"));
}

#[test]
fn our_client_and_our_server_agree_over_every_transport() {
    for encrypted in [false, true] {
        let dir = TempDir::new().expect("a directory");
        let pki = encrypted.then(|| certificates(&dir, "pki"));
        let unix = NbdAddress::Unix {
            path: dir.path().join("a.sock"),
        };
        let tcp = NbdAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port: 0,
        };
        for address in [unix, tcp] {
            let path = dir.path().join("image.raw");
            drop(fs::remove_file(&path));
            let (path, bytes) = {
                let (made, bytes) = image(&dir);
                assert_eq!(made, path);
                (made, bytes)
            };
            let exports = vec![export(opened(&path))];
            let limits = Limits::default();
            let server = NbdServer::start(&address, exports, limits, pki.as_deref());
            let server = server.expect("started");
            let client = connect(&server.uri("disk"), Access::Write);
            assert!(read_all(&*client) == bytes);
            thread::scope(|scope| {
                for caller in 0..6_u8 {
                    let (client, bytes) = (&client, &bytes);
                    scope.spawn(move || {
                        let own = (4 << 20) + u64::from(caller) * (1 << 20);
                        for round in 0..20_u64 {
                            let at = (u64::from(caller) * 7919 + round * 65_537) % (2 << 20);
                            let len = 1 + (round * 40_009 + u64::from(caller)) % 300_000;
                            let range =
                                usize::try_from(at).unwrap()..usize::try_from(at + len).unwrap();
                            let mut buffer = vec![0; range.len()];
                            client.read_at(at, &mut buffer).expect("read");
                            assert!(buffer == bytes[range]);
                            let block = vec![caller + 1; 100_000];
                            client
                                .write_at(own + round * 50_000, &block)
                                .expect("written");
                        }
                    });
                }
            });
            client.flush().expect("flushed");
            let map = client.extents(ByteRange::new(0, SIZE)).expect("mapped");
            assert_eq!(map.last().map(|last| last.range.end()), Some(SIZE));
            assert!(read_all(&*client) == fs::read(&path).expect("read"));
        }
    }
}

#[test]
fn other_peoples_clients_come_in_encrypted_and_nobody_else_does() {
    let dir = TempDir::new().expect("a directory");
    let (path, bytes) = image(&dir);
    let pki = certificates(&dir, "pki");
    let server = ours(&dir, vec![export(opened(&path))], Some(&pki));
    let uri = server.uri("disk").to_string();
    let about = done("nbdinfo", &[&uri]);
    assert!(about.contains("newstyle-fixed with TLS"), "{about}");
    let copy = dir.path().join("copy.raw");
    done("nbdcopy", &[&uri, plain(&copy)]);
    assert!(fs::read(&copy).expect("read") == bytes);
    let object = format!(
        "tls-creds-x509,id=tls,endpoint=client,dir={}",
        pki.display()
    );
    let socket = dir.path().join("ours.sock");
    let options = format!(
        "driver=nbd,path={},export=disk,tls-creds=tls,tls-hostname=localhost",
        socket.display()
    );
    let compare = ["compare", "--object", &object, "--image-opts"];
    let file = format!(
        "driver=raw,file.driver=file,file.filename={}",
        path.display()
    );
    done("qemu-img", &[&compare[..], &[&options, &file]].concat());
    let unencrypted = format!("nbd+unix:///disk?socket={}", socket.display());
    for wrong in [
        unencrypted.clone(),
        uri.replace("/pki", "/strangers"),
        uri.replace("/pki", "/anonymous"),
    ] {
        if wrong.contains("strangers") {
            certificates(&dir, "strangers");
        }
        if wrong.contains("anonymous") {
            let anonymous = dir.path().join("anonymous");
            fs::create_dir(&anonymous).expect("a directory");
            fs::copy(pki.join("ca-cert.pem"), anonymous.join("ca-cert.pem")).expect("copied");
        }
        assert!(!tool("nbdinfo", &[&wrong]).status.success(), "{wrong}");
        let locator = Locator::named(&wrong, None).expect("a URI");
        open(&locator, Access::Read).expect_err("refused");
    }
    let plain = Locator::named(&unencrypted, None).expect("a URI");
    let said = words(&open(&plain, Access::Read).expect_err("refused"));
    assert!(said.contains("asks for TLS"), "{said}");
}

#[test]
fn what_is_refused_is_refused_with_its_reason() {
    let dir = TempDir::new().expect("a directory");
    let (path, bytes) = image(&dir);
    let read_only = Export {
        read_only: true,
        ..export(opened(&path))
    };
    let server = ours(&dir, vec![read_only], None);
    let uri = server.uri("disk");
    let locator = Locator::Nbd(uri.clone());
    let said = words(&open(&locator, Access::Write).expect_err("read-only"));
    assert!(said.contains("read-only"), "{said}");
    let write = ["-f", "raw", "-c", "write 0 4k"];
    let out = tool("qemu-io", &[&write[..], &[&uri.to_string()]].concat());
    assert!(!out.status.success());
    assert!(fs::read(&path).expect("read") == bytes);
    let other = server.uri("other");
    let said = words(&open(&Locator::Nbd(other.clone()), Access::Read).expect_err("none"));
    assert!(said.contains("there is no such export"), "{said}");
    let out = tool("nbdinfo", &[&other.to_string()]);
    assert!(!out.status.success());
    // The only export is the default one, too.
    let default = server.uri("").to_string();
    assert_eq!(
        done("nbdinfo", &["--size", &default]).trim(),
        SIZE.to_string()
    );
}

#[test]
fn long_sectors_are_told_and_asked_for() {
    let dir = TempDir::new().expect("a directory");
    let strict = [
        "--filter=blocksize-policy",
        "memory",
        "1M",
        "blocksize-minimum=4096",
        "blocksize-preferred=4096",
        "blocksize-maximum=65536",
        "blocksize-error-policy=error",
    ];
    // A disk of long sectors is another server's: ours passes it on.
    let below = Server::nbdkit(&dir, &strict);
    let server = ours(
        &dir,
        vec![export(below.open(Access::Write).expect("opened"))],
        None,
    );
    let uri = server.uri("disk");
    let about = done("nbdinfo", &[&uri.to_string()]);
    assert!(about.contains("block_size_minimum: 4096"), "{about}");
    let client = connect(&uri, Access::Write);
    assert_eq!(client.sector(), 4096);
    client.write_at(8192, &[3; 200_704]).expect("written");
    let error = client.write_at(512, &[3; 512]).expect_err("no sector");
    let said = words(&error);
    assert!(said.contains("no multiple of the export's block"), "{said}");
    let mut back = vec![0; 200_704];
    client.read_at(8192, &mut back).expect("read");
    assert!(back.iter().all(|byte| *byte == 3));
    // QEMU reads and writes around what is unaligned by itself.
    let io = [
        "-f",
        "raw",
        "-c",
        "write -P 4 100 50",
        "-c",
        "read -P 4 100 50",
    ];
    let said = done("qemu-io", &[&io[..], &[&uri.to_string()]].concat());
    assert!(!said.contains("verification failed"), "{said}");
}

#[test]
fn sizes_that_are_no_multiple_of_a_sector_are_served_to_the_last_byte() {
    let dir = TempDir::new().expect("a directory");
    let below = Server::nbdkit(&dir, &["pattern", "1000001"]);
    let disk = below.open(Access::Read).expect("opened");
    let server = ours(&dir, vec![export(disk)], None);
    let uri = server.uri("disk");
    assert_eq!(
        done("nbdinfo", &["--size", &uri.to_string()]).trim(),
        "1000001"
    );
    let copy = dir.path().join("copy.raw");
    done("nbdcopy", &[&uri.to_string(), plain(&copy)]);
    let bytes = fs::read(&copy).expect("read");
    assert_eq!(bytes.len(), 1_000_001);
    assert_eq!(bytes[999_992..1_000_000], 999_992_u64.to_be_bytes());
    assert!(read_all(&*connect(&uri, Access::Read)) == bytes);
}

#[test]
fn a_qcow2_image_is_served_as_the_disk_in_it() {
    let dir = TempDir::new().expect("a directory");
    let (path, bytes) = image(&dir);
    let image = dir.path().join("image.qcow2");
    create_qcow2(&image, ByteCount(SIZE)).expect("created");
    let locator = Locator::File {
        path: image.clone(),
        format: DiskFormat::Qcow2,
    };
    let disk = open(&locator, Access::Write).expect("opened");
    let server = ours(&dir, vec![export(disk)], None);
    let uri = server.uri("disk").to_string();
    done("nbdcopy", &["--flush", plain(&path), &uri]);
    drop(server);
    let compare = ["compare", "-f", "raw", "-F", "qcow2"];
    done(
        "qemu-img",
        &[&compare[..], &[plain(&path), plain(&image)]].concat(),
    );
    done("qemu-img", &["check", "-q", plain(&image)]);
    assert!(read_all(&*open(&locator, Access::Read).expect("opened")) == bytes);
}

#[test]
fn a_disk_longer_than_four_gib_is_mapped_and_made_zero() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("long.raw");
    let size = (5_u64 << 30) + 4096;
    disk::create_raw(&path, ByteCount(size)).expect("created");
    let server = ours(&dir, vec![export(opened(&path))], None);
    let uri = server.uri("disk");
    let client = connect(&uri, Access::Write);
    client.write_at(size - 4096, &[7; 4096]).expect("written");
    let map = done("nbdinfo", &["--map", "--totals", &uri.to_string()]);
    assert!(
        map.lines().any(|row| row.trim_start().starts_with("4096 ")),
        "{map}"
    );
    client
        .write_zeroes(ByteRange::new(0, size))
        .expect("zeroed");
    let map = client.extents(ByteRange::new(0, size)).expect("mapped");
    assert!(map.iter().all(|extent| extent.kind == ExtentKind::Zero));
}

#[test]
fn requests_of_one_connection_are_under_way_at_once() {
    let dir = TempDir::new().expect("a directory");
    let delay = Duration::from_millis(100);
    let memory = Arc::new(MemDisk::from_bytes(vec![7; 1 << 20]));
    let disk = Slow::new(memory, Call::Read, delay);
    let server = ours(&dir, vec![export(Arc::new(disk))], None);
    let begun = Instant::now();
    // 16 reads, up to 8 of them at once.
    let copy = ["--connections=1", "--requests=16", "--request-size=65536"];
    let uri = server.uri("disk").to_string();
    let more = [uri.as_str(), "null:"];
    done("nbdcopy", &[&copy[..], &more[..]].concat());
    let took = begun.elapsed();
    assert!(took >= delay, "{took:?}");
    assert!(took < delay * 12, "{took:?}");
}

#[test]
fn errors_of_the_disk_are_errors_of_the_request() {
    use testkit::{FailAt, When};
    let dir = TempDir::new().expect("a directory");
    let kind = std::io::ErrorKind::StorageFull;
    let memory = Arc::new(MemDisk::new(ByteCount(1 << 20)));
    let disk = FailAt::new(memory, Call::Write, When::From(1), kind);
    let server = ours(&dir, vec![export(Arc::new(disk))], None);
    let client = connect(&server.uri("disk"), Access::Write);
    client.write_at(0, &[1; 4096]).expect("the first one");
    let said = words(&client.write_at(0, &[2; 4096]).expect_err("full"));
    assert!(said.contains("No space left on device"), "{said}");
    let mut buffer = [0; 4096];
    client.read_at(0, &mut buffer).expect("still there");
}
