//! Ctrl-C while the far end of a link, or a program behind it, does nothing more.

use std::{
    fs::{self, File},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

fn landfall(dir: &TempDir, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("disk")
        .args(args)
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs")
}

fn signal(name: &str, pid: u32) -> bool {
    let mut command = Command::new("kill");
    let sent = command.args([name, &pid.to_string()]).stderr(Stdio::null());
    sent.status().expect("kill is there").success()
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The commands: one that says nothing, one that does not listen to signals and whose own child
/// keeps the pipes open, one that begins as a far end does and then stops.
#[test]
fn cancel_ends_a_run_whose_far_end_hangs_and_the_child_is_gone() {
    let real = format!("{} disk serve target", env!("CARGO_BIN_EXE_landfall"));
    let hang = "echo $$ > pid; exec sleep 1000".to_owned();
    let stubborn = "echo $$ > pid; trap '' INT TERM; sleep 7 & cat > taken; wait".to_owned();
    let stopped = format!("echo $$ > pid; {{ {real} | (head -c 200; sleep 7); }}");
    for command in [hang, stubborn, stopped] {
        let dir = TempDir::new().expect("a directory");
        for name in ["source", "target"] {
            let file = File::create(dir.path().join(name)).expect("created");
            file.set_len(64 << 20).expect("sized");
        }
        fs::write(dir.path().join("source"), vec![7; 64 << 20]).expect("written");
        let mut run = landfall(&dir, &["sync", "source", "--via", &command]);
        let pid = || -> Option<u32> {
            let text = fs::read_to_string(dir.path().join("pid")).ok()?;
            text.trim().parse().ok()
        };
        until("the child begins", || pid().is_some());
        // Long enough to be stuck in the middle.
        thread::sleep(Duration::from_millis(600));
        let begun = Instant::now();
        assert!(signal("-INT", run.id()));
        let status = run.wait().expect("it ended");
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(300), "{command}: {took:?}");
        let out = run.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains("cancelled"), "{said}");
        let child = pid().expect("it began");
        assert!(!signal("-0", child), "{command}: the child is still there");
    }
}

#[test]
fn cancel_ends_a_limited_run_and_its_journal_goes_on_from_there() {
    let dir = TempDir::new().expect("a directory");
    fs::write(dir.path().join("source"), vec![7; 24 << 20]).expect("written");
    let args = ["sync", "source", "target", "--journal", "journal"];
    let mut run = landfall(&dir, &[&args[..], &["--limit", "4"]].concat());
    thread::sleep(Duration::from_millis(2500));
    let begun = Instant::now();
    assert!(signal("-TERM", run.id()));
    assert_eq!(run.wait().expect("it ended").code(), Some(2));
    assert!(begun.elapsed() < Duration::from_millis(300));
    let again = landfall(&dir, &[&args[..], &["--json"]].concat());
    let out = again.wait_with_output().expect("it ended");
    let value: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let resumed = value["counters"]["resumed"].as_u64();
    assert!(resumed.is_some_and(|bytes| bytes > 0), "{value}");
    assert!(fs::read(dir.path().join("target")).expect("read") == vec![7; 24 << 20]);
}

/// Nothing was begun, so there is nothing to be tidied up.
#[test]
fn cancel_ends_a_run_that_waits_for_a_server_which_never_greets() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let uri = format!("nbd://{}", silent.local_addr().expect("an address"));
    for args in [["diff", &uri, "source"], ["sync", "source", &uri]] {
        let dir = TempDir::new().expect("a directory");
        fs::write(dir.path().join("source"), vec![7; 1 << 20]).expect("written");
        let mut run = landfall(&dir, &args);
        let _greeted_never = silent.accept().expect("it connects");
        let begun = Instant::now();
        assert!(signal("-INT", run.id()));
        let status = run.wait().expect("it ended");
        let took = begun.elapsed();
        assert!(!status.success());
        // Far below the time after which a silent server is given up.
        assert!(took < Duration::from_secs(2), "{args:?}: {took:?}");
    }
}
