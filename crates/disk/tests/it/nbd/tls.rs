//! Encrypted servers of others.

use std::{fs, path::Path};

use disk::{Access, DiskError, Locator, open};
use tempfile::TempDir;

use super::peers::{Server, certificates, image, read_all, words};

fn uri(server: &Server, pki: &Path, more: &str) -> String {
    let socket = server.socket.display();
    let pki = pki.display();
    format!("nbds+unix:///disk?socket={socket}&tls-certificates={pki}{more}")
}

fn qemu(dir: &TempDir, image: &Path, pki: &Path) -> Server {
    let object = format!(
        "tls-creds-x509,id=tls,endpoint=server,verify-peer=on,dir={}",
        pki.display()
    );
    let args = ["-e", "4", "--object", &object, "--tls-creds", "tls"];
    Server::qemu(dir, "raw", image, &args)
}

fn nbdkit(dir: &TempDir, image: &Path, pki: &Path) -> Server {
    let pki = format!("--tls-certificates={}", pki.display());
    let image = format!("file={}", image.display());
    let args = ["--tls=require", "--tls-verify-peer", &pki, "file", &image];
    Server::nbdkit(dir, &args)
}

fn refusal(name: &str) -> String {
    let opened = Locator::named(name, None).and_then(|locator| open(&locator, Access::Read));
    // With TLS 1.3, a server refuses a client's certificate after the client is done.
    let error: DiskError = opened.expect_err("refused");
    words(&error)
}

#[test]
fn disks_come_through_encrypted() {
    for start in [qemu, nbdkit] {
        let dir = TempDir::new().expect("a directory");
        let (path, mut bytes) = image(&dir);
        let pki = certificates(&dir, "pki");
        let server = start(&dir, &path, &pki);
        let locator = Locator::named(&uri(&server, &pki, ""), None).expect("a URI");
        let disk = open(&locator, Access::Write).expect("opened");
        assert!(read_all(&*disk) == bytes);
        std::thread::scope(|scope| {
            for at in 0..8_u8 {
                let disk = &disk;
                scope.spawn(move || {
                    let block = vec![at + 1; 300_000];
                    let offset = (4 << 20) + u64::from(at) * 300_000;
                    disk.write_at(offset, &block).expect("written");
                    let mut back = vec![0; block.len()];
                    disk.read_at(offset, &mut back).expect("read");
                    assert!(back == block);
                });
            }
        });
        disk.flush().expect("flushed");
        drop(disk);
        for at in 0..8_u8 {
            let from = (4 << 20) + usize::from(at) * 300_000;
            bytes[from..from + 300_000].fill(at + 1);
        }
        assert!(fs::read(&path).expect("read") == bytes);
    }
}

#[test]
fn a_server_that_is_another_one_is_not_believed() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let pki = certificates(&dir, "pki");
    let server = qemu(&dir, &path, &pki);
    let named = refusal(&uri(&server, &pki, "&tls-hostname=elsewhere.example"));
    assert!(named.contains("elsewhere.example"), "{named}");
    let strangers = certificates(&dir, "strangers");
    let unknown = refusal(&uri(&server, &strangers, ""));
    assert!(unknown.contains("invalid peer certificate"), "{unknown}");
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_asked_for() {
    for start in [qemu, nbdkit] {
        let dir = TempDir::new().expect("a directory");
        let (path, _) = image(&dir);
        let pki = certificates(&dir, "pki");
        let server = start(&dir, &path, &pki);
        let anonymous = dir.path().join("anonymous");
        fs::create_dir(&anonymous).expect("a directory");
        fs::copy(pki.join("ca-cert.pem"), anonymous.join("ca-cert.pem")).expect("copied");
        refusal(&uri(&server, &anonymous, ""));
    }
}

#[test]
fn plain_and_encrypted_are_not_mixed_up() {
    let dir = TempDir::new().expect("a directory");
    let (path, _) = image(&dir);
    let pki = certificates(&dir, "pki");
    let server = qemu(&dir, &path, &pki);
    let plain = refusal(&server.uri("disk"));
    assert!(plain.contains("asks for TLS"), "{plain}");
    drop(server);
    let server = Server::qemu(&dir, "raw", &path, &[]);
    let encrypted = refusal(&uri(&server, &pki, ""));
    assert!(encrypted.contains("has no TLS"), "{encrypted}");
    let missing = dir.path().join("nothing");
    let nothing = refusal(&uri(&server, &missing, ""));
    assert!(nothing.contains("nothing/ca-cert.pem"), "{nothing}");
}
