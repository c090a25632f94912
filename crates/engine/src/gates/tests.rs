//! Gates against real listeners on loopback.

use std::time::Duration;

use model::{HealthGate, Timestamp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Watch, failing, is_gap};

const EVERY: Duration = Duration::from_millis(10);

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn tcp(port: u16) -> HealthGate {
    HealthGate::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
    }
}

fn http(port: u16, path: &str) -> HealthGate {
    HealthGate::Http {
        url: format!("http://127.0.0.1:{port}{path}"),
    }
}

/// Answers every request with `/` well and with anything else as missing; returns what it was asked.
async fn serve(listener: TcpListener, answers: usize) -> Vec<String> {
    let mut asked = Vec::new();
    for _ in 0..answers {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("a request"));
        }
        let request = String::from_utf8(request).expect("text");
        let status = match request.split(' ').nth(1) {
            Some("/") => "204 No Content",
            Some("/moved?to=1") => "302 Found",
            _ => "503 Service Unavailable",
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.expect("taken");
        asked.push(request);
    }
    asked
}

async fn say(gates: &[HealthGate]) -> Vec<Option<String>> {
    let said = Watch::new().tried(gates).await;
    let named: Vec<_> = said.iter().map(|(gate, _)| gate.clone()).collect();
    assert_eq!(named, gates, "in the order of the gates");
    said.into_iter().map(|(_, failing)| failing).collect()
}

#[tokio::test]
async fn an_open_port_is_green_and_a_closed_one_tells_why() {
    let (open, port) = listener().await;
    assert_eq!(say(&[tcp(port)]).await, [None]);
    drop(open);
    let said = say(&[tcp(port)]).await;
    let why = said[0].as_deref().expect("closed");
    assert!(
        why.starts_with("no connection: ") && why.ends_with("refused"),
        "{why}"
    );
}

#[tokio::test]
async fn a_status_below_400_is_green_and_another_is_named() {
    let (open, port) = listener().await;
    let server = tokio::spawn(serve(open, 3));
    assert_eq!(say(&[http(port, "/")]).await, [None]);
    assert_eq!(say(&[http(port, "/moved?to=1")]).await, [None]);
    let said = say(&[http(port, "/ill")]).await;
    assert_eq!(said, [Some("it answered with status 503".to_owned())]);
    let asked = server.await.expect("no panic");
    assert!(asked[0].starts_with("GET / HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(
        asked[0].contains(&format!("Host: 127.0.0.1:{port}\r\n")),
        "{}",
        asked[0]
    );
}

#[tokio::test]
async fn what_speaks_no_http_is_not_green_and_what_is_silent_neither() {
    let (open, port) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = open.accept().await.expect("a client");
        stream.write_all(b"SSH-2.0-x\r\n").await.expect("taken");
        drop(stream);
        // Accepts and says nothing.
        let silent = open.accept().await;
        std::future::pending::<()>().await;
        drop(silent);
    });
    let said = say(&[http(port, "/")]).await;
    let why = said[0].as_deref().expect("no HTTP");
    assert!(why.starts_with("what answers is not HTTP"), "{why}");
    let said = say(&[http(port, "/")]).await;
    assert_eq!(said, [Some("no answer within 5 s".to_owned())]);
}

#[tokio::test]
async fn only_an_answer_that_changes_is_told() {
    let mut watch = Watch::new();
    let (a, b) = (tcp(1), tcp(2));
    let red = || Some("no connection".to_owned());
    let mut lines = |said| {
        let (answers, lines) = watch.heard(said, Timestamp(1), EVERY);
        let lines: Vec<_> = lines.into_iter().map(|line| line.text).collect();
        (failing(&answers), lines)
    };
    let (fails, told) = lines(vec![(a.clone(), None), (b.clone(), red())]);
    assert_eq!(
        told,
        [
            "The health gate tcp://127.0.0.1:1 is green.",
            "The health gate tcp://127.0.0.1:2 fails: no connection."
        ]
    );
    assert_eq!(fails.as_ref(), told.last());
    let other = Some("no answer within 5 s".to_owned());
    let (_, told) = lines(vec![(a.clone(), None), (b.clone(), other)]);
    assert!(told.is_empty(), "as red as before: {told:?}");
    let (fails, told) = lines(vec![(a, None), (b, None)]);
    assert_eq!(told, ["The health gate tcp://127.0.0.1:2 is green."]);
    assert_eq!(fails, None);
}

#[test]
fn a_clock_that_jumped_and_a_host_that_stood_still_are_gaps() {
    let seconds = Duration::from_secs;
    let micros = |seconds: i64| seconds * 1_000_000;
    let usual = Some(seconds(10));
    for (wall, monotonic, usual, gap, what) in [
        (5, 5, usual, false, "as always"),
        (13, 12, usual, false, "a little late"),
        (3_605, 5, usual, true, "stepped on, or suspended"),
        (-3_595, 5, usual, true, "set back"),
        (600, 600, usual, true, "the host stood still"),
        (
            600,
            600,
            None,
            false,
            "a long switchover before the first try",
        ),
        (4_200, 600, None, true, "stepped on in the switchover"),
    ] {
        assert_eq!(
            is_gap(micros(wall), seconds(monotonic), usual),
            gap,
            "{what}"
        );
    }
}
