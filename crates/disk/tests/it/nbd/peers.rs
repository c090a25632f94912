//! Other programs that speak NBD, and certificates for them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use disk::{
    Access, Disk, DiskError, Export, Limits, Locator, NbdAddress, NbdServer, create_raw, open,
};
use model::{ByteCount, DiskFormat};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

/// What most images here hold.
pub(super) const SIZE: u64 = (12 << 20) + 512;

/// A server that ends with its test.
pub(super) struct Server {
    pub(super) child: Child,
    pub(super) socket: PathBuf,
}

impl Server {
    /// `qemu-nbd` with export `disk`.
    pub(super) fn qemu(dir: &TempDir, format: &str, image: &Path, args: &[&str]) -> Self {
        let socket = dir.path().join("nbd.sock");
        let mut command = Command::new("qemu-nbd");
        command
            .args(["-t", "-f", format, "--discard=unmap", "-x", "disk", "-k"])
            .arg(&socket)
            .args(args)
            .arg(image);
        Self::start(command, socket)
    }

    /// nbdkit; its exports have any name.
    pub(super) fn nbdkit(dir: &TempDir, args: &[&str]) -> Self {
        let socket = dir.path().join("nbdkit.sock");
        let mut command = Command::new("nbdkit");
        command.args(["-f", "-U"]).arg(&socket).args(args);
        Self::start(command, socket)
    }

    fn start(mut command: Command, socket: PathBuf) -> Self {
        let log = socket.with_extension("log");
        let child = command
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a file"))
            .spawn()
            .expect("the server's program is there");
        let begun = Instant::now();
        while !testkit::listens(&socket) {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", said());
            thread::sleep(Duration::from_millis(10));
        }
        Self { child, socket }
    }

    pub(super) fn uri(&self, export: &str) -> String {
        format!("nbd+unix:///{export}?socket={}", self.socket.display())
    }

    pub(super) fn open(&self, access: Access) -> Result<Arc<dyn Disk>, DiskError> {
        open(&Locator::named(&self.uri("disk"), None)?, access)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // The next server of the same test must not be taken for this one.
        drop(fs::remove_file(&self.socket));
    }
}

/// Our own server on a socket in `dir`.
pub(super) fn ours(dir: &TempDir, exports: Vec<Export>, pki: Option<&Path>) -> NbdServer {
    let path = dir.path().join("ours.sock");
    let address = NbdAddress::Unix { path };
    NbdServer::start(&address, exports, Limits::default(), pki).expect("started")
}

pub(super) fn export(disk: Arc<dyn Disk>) -> Export {
    Export {
        name: "disk".to_owned(),
        disk,
        read_only: false,
        bitmap: None,
    }
}

/// A raw image with data, a hole, and data at its odd end.
pub(super) fn image(dir: &TempDir) -> (PathBuf, Vec<u8>) {
    let path = dir.path().join("image.raw");
    create_raw(&path, ByteCount(SIZE)).expect("created");
    let disk = open(&raw(&path), Access::Write).expect("opened");
    let content: Vec<u8> = (0..3_u32 << 20).map(|at| (at / 7 % 251) as u8).collect();
    disk.write_at(0, &content).expect("written");
    disk.write_at(SIZE - 700, &content[..700]).expect("written");
    disk.flush().expect("flushed");
    let bytes = fs::read(&path).expect("read");
    (path, bytes)
}

pub(super) fn raw(path: &Path) -> Locator {
    Locator::File {
        path: path.to_owned(),
        format: DiskFormat::Raw,
    }
}

pub(super) fn read_all(disk: &dyn Disk) -> Vec<u8> {
    let mut all = vec![0; usize::try_from(disk.size().0).expect("small")];
    disk.read_at(0, &mut all).expect("readable");
    all
}

/// The export `disk` of a socket in `dir`.
pub(super) fn at(dir: &TempDir, socket: &str, access: Access) -> Result<Arc<dyn Disk>, DiskError> {
    let path = dir.path().join(socket);
    let uri = format!("nbd+unix:///disk?socket={}", path.display());
    open(&Locator::named(&uri, None)?, access)
}

/// Runs a tool to its end.
pub(super) fn tool(program: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Runs a tool that must succeed: what it printed.
pub(super) fn done(program: &str, args: &[&str]) -> String {
    let out = tool(program, args);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program} {args:?}: {said}{wrong}");
    said
}

/// An error with its cause.
pub(super) fn words(error: &DiskError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

/// Makes a directory of certificates as both ends of every peer read them; the server is
/// `localhost`.
pub(super) fn certificates(dir: &TempDir, name: &str) -> PathBuf {
    let place = dir.path().join(name);
    fs::create_dir(&place).expect("a directory");
    let put = |file: &str, text: String| fs::write(place.join(file), text).expect("written");
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "authority of a test");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    put(
        "ca-cert.pem",
        ca.self_signed(&ca_key).expect("signed").pem(),
    );
    let issuer = Issuer::from_params(&ca, &ca_key);
    for (role, purpose) in [
        ("server", ExtendedKeyUsagePurpose::ServerAuth),
        ("client", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
            .expect("names");
        leaf.distinguished_name.push(DnType::CommonName, role);
        // QEMU wants the second one of every certificate, whatever its key can.
        leaf.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        leaf.extended_key_usages = vec![purpose];
        let signed = leaf.signed_by(&key, &issuer).expect("signed");
        put(&format!("{role}-cert.pem"), signed.pem());
        put(&format!("{role}-key.pem"), key.serialize_pem());
    }
    place
}
