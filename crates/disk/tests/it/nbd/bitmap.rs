//! Dirty bitmaps of `qemu-nbd`.

use std::path::PathBuf;

use disk::{Access, DiskError, NbdUri, dirty_ranges};
use model::ByteRange;
use tempfile::TempDir;

use super::peers::{Server, done, words};

/// A qcow2 image whose persistent bitmap `cp` knows of three writes, two of which touch.
fn marked(dir: &TempDir, size: &str) -> PathBuf {
    let path = dir.path().join("marked.qcow2");
    let image = path.to_str().expect("a plain path");
    done("qemu-img", &["create", "-q", "-f", "qcow2", image, size]);
    done("qemu-io", &["-c", "write -P 1 512k 64k", image]);
    done("qemu-img", &["bitmap", "--add", "-g", "64k", image, "cp"]);
    for write in [
        "write -P 2 1M 64k",
        "write -P 3 1088k 4k",
        "write -P 4 7M 200k",
    ] {
        done("qemu-io", &["-c", write, image]);
    }
    path
}

fn listed(server: &Server, bitmap: &str) -> Result<Vec<ByteRange>, DiskError> {
    let uri = NbdUri::parse(&server.uri("disk")).expect("a URI");
    dirty_ranges(&uri, bitmap)?.collect()
}

#[test]
fn a_persistent_bitmap_names_what_was_written_since_it_began() {
    for size in ["8M", "5G"] {
        let dir = TempDir::new().expect("a directory");
        let server = Server::qemu(&dir, "qcow2", &marked(&dir, size), &["-r", "-B", "cp"]);
        let ranges = listed(&server, "cp").expect("listed");
        assert_eq!(
            ranges,
            [
                ByteRange::new(1 << 20, 128 << 10),
                ByteRange::new(7 << 20, 256 << 10)
            ]
        );
    }
}

#[test]
fn a_bitmap_that_is_not_there_is_an_error_with_its_name() {
    let dir = TempDir::new().expect("a directory");
    let server = Server::qemu(&dir, "qcow2", &marked(&dir, "8M"), &["-r", "-B", "cp"]);
    let said = words(&listed(&server, "other").expect_err("none"));
    assert!(said.contains("no dirty bitmap \"other\""), "{said}");
    // The export itself is there all the same.
    assert!(server.open(Access::Read).is_ok());
}

#[test]
fn a_server_that_dies_ends_the_list_with_an_error() {
    let dir = TempDir::new().expect("a directory");
    let mut server = Server::qemu(&dir, "qcow2", &marked(&dir, "8M"), &["-r", "-B", "cp"]);
    let uri = NbdUri::parse(&server.uri("disk")).expect("a URI");
    let mut ranges = dirty_ranges(&uri, "cp").expect("listed");
    server.child.kill().expect("it runs");
    server.child.wait().expect("it ended");
    assert!(matches!(ranges.next(), Some(Err(DiskError::Map { .. }))));
    assert!(ranges.next().is_none());
}
