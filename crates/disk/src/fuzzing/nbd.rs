//! Both sides of NBD.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use model::ByteRange;

use super::{empty, exercise};
use crate::{
    Access, Bitmap, Export, Locator, NbdUri,
    nbd_fuzz::{Asked, Framing, negotiate, reply, serve},
    open,
};

/// No more than this is written to a socket that nobody may read.
const MOST_SAID: usize = 64 * 1024;

/// A client that says these bytes, from its first flags on.
pub fn nbd_server(data: &[u8]) {
    let (_file, disk) = empty(1 << 17);
    let bitmap = Bitmap::new("b".to_owned(), vec![ByteRange::new(4096, 4096)]);
    let export = Export {
        name: "disk".to_owned(),
        disk,
        read_only: false,
        bitmap: Some(bitmap),
    };
    drop(serve(&[export], data, io::sink()));
}

/// A server that says these bytes in its negotiation, or as the reply to whatever was asked.
pub fn nbd_replies(data: &[u8]) {
    drop(negotiate(data, None));
    drop(negotiate(data, Some("b")));
    for framing in [Framing::Simple, Framing::Structured, Framing::Extended] {
        for asked in [Asked::Status, Asked::Read(8192), Asked::BlockStatus] {
            drop(reply(data, framing, asked));
        }
    }
}

/// An NBD server that says these bytes to whoever connects, and hears out what it is told.
///
/// # Panics
/// When no socket can be had.
pub fn nbd_client(data: &[u8]) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!(
        "landfall-fuzz-{}-{}.sock",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path).expect("a socket");
    let data = &data[..data.len().min(MOST_SAID)];
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok((stream, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                scope.spawn(|| say(stream, data));
            }
        });
        let uri = format!("nbd+unix:///disk?socket={}", path.display());
        let locator = Locator::named(&uri, None).expect("a URI");
        for access in [Access::Read, Access::Write] {
            if let Ok(disk) = open(&locator, access) {
                exercise(&*disk, access);
            }
        }
        over.store(true, Ordering::SeqCst);
        drop(UnixStream::connect(&path));
    });
    drop(std::fs::remove_file(&path));
}

/// A URI of these bytes; one that is understood says the same when it is written out.
///
/// # Panics
/// When it does not.
pub fn nbd_uri(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    drop(NbdUri::parse(text));
    assert!(NbdUri::is_one(text) || NbdUri::parse(text).is_err());
}

fn say(mut stream: UnixStream, data: &[u8]) {
    drop(stream.write_all(data));
    drop(stream.shutdown(Shutdown::Write));
    let mut heard = [0; 4096];
    while stream.read(&mut heard).is_ok_and(|read| read > 0) {}
}
