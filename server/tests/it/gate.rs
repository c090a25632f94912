//! What a health gate asks: a server on loopback that is well, ill, or gone, as a test wants it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
};

/// A web server that answers every request alike.
pub(crate) struct Web {
    address: SocketAddr,
    well: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl Web {
    /// One that is well or ill from the beginning.
    pub(crate) fn start(well: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let web = Self {
            address: listener.local_addr().expect("bound"),
            well: Arc::new(AtomicBool::new(well)),
            asked: Arc::default(),
        };
        let (well, asked) = (Arc::clone(&web.well), Arc::clone(&web.asked));
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                answer(client, well.load(Ordering::SeqCst));
            }
        });
        web
    }

    /// From now on it is well, or ill.
    pub(crate) fn set(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// The gate that asks it over HTTP.
    pub(crate) fn gate(&self) -> String {
        format!("http://{}/health", self.address)
    }
}

fn answer(mut client: TcpStream, well: bool) {
    let mut request = [0; 1_024];
    // A gate may have gone already; the next one is answered all the same.
    if client.read(&mut request).is_err() {
        return;
    }
    let status = if well {
        "200 OK"
    } else {
        "503 Service Unavailable"
    };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    drop(client.write_all(answer.as_bytes()));
}

/// A port that takes connections until it is dropped, and its gate.
pub(crate) fn port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let gate = format!("tcp://{}", listener.local_addr().expect("bound"));
    (listener, gate)
}
