//! A taken port is explained, and a server stops although a request hangs.

use super::*;

fn config(listen: SocketAddr, dir: &std::path::Path) -> Config {
    Config {
        listen,
        data_dir: dir.join("data"),
        site_dir: dir.to_path_buf(),
        allow_hosts: Vec::new(),
        master_key_file: None,
        lab_scale: crate::lab_cli::LabScale::Tiny,
        lab_vms: 0,
    }
}

#[tokio::test]
async fn a_taken_port_names_the_port_and_the_way_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let any = "127.0.0.1:0".parse().expect("a literal address");
    let first = Server::bind(config(any, dir.path()))
        .await
        .expect("a free port");
    let taken = first.address();
    let error = Server::bind(config(taken, dir.path()))
        .await
        .expect_err("the port is taken")
        .to_string();
    assert!(error.contains(&format!("port {}", taken.port())), "{error}");
    assert!(error.contains("--listen 127.0.0.1:"), "{error}");
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_that_hangs_is_cut_off_after_the_grace() {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    within_grace(std::future::pending(), &shutdown, Duration::from_millis(1))
        .await
        .expect("cut off without an error");
}

#[tokio::test]
async fn a_server_without_requests_stops_at_once() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let any = "127.0.0.1:0".parse().expect("a literal address");
    let server = Server::bind(config(any, dir.path()))
        .await
        .expect("a free port");
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(server.run(shutdown.clone()));
    shutdown.cancel();
    running
        .await
        .expect("no panic")
        .expect("stopped without an error");
}
