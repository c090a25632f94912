//! `landfall disk export`, and dirty bitmaps as a source of ranges.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const SIZE: u64 = 8 << 20;

/// `landfall disk export`, running.
struct Exported {
    child: Child,
    uri: String,
}

impl Exported {
    fn start(dir: &TempDir, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(["disk", "export"])
            .args(args)
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut uri = String::new();
        out.read_line(&mut uri).expect("a line");
        Self {
            child,
            uri: uri.trim().to_owned(),
        }
    }

    /// Ctrl-C: it ends by itself, and soon.
    fn interrupt(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status.code();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A raw disk of one byte.
fn disk(dir: &TempDir, name: &str, byte: u8) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, vec![byte; usize::try_from(SIZE).expect("small")]).expect("written");
    path
}

fn write(path: &Path, at: u64, content: &[u8]) {
    let file = File::options().write(true).open(path).expect("opened");
    file.write_all_at(content, at).expect("written");
}

fn landfall(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.arg("disk").args(args).output().expect("it runs")
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn a_disk_is_offered_until_ctrl_c() {
    let dir = TempDir::new().expect("a directory");
    let path = disk(&dir, "image", 1);
    for place in [["--socket", "s.sock"], ["--listen", "127.0.0.1:0"]] {
        let args = [&["image", "--name", "a b"], &place[..]].concat();
        let exported = Exported::start(&dir, &args);
        assert!(exported.uri.contains("/a%20b"), "{}", exported.uri);
        let io = ["-f", "raw", "-c", "write -P 7 1M 64k", &exported.uri];
        let out = Command::new("qemu-io").args(io).output().expect("it runs");
        assert!(out.status.success(), "{}", said(&out));
        let same = landfall(&["diff", &exported.uri, plain(&path)]);
        assert_eq!(same.status.code(), Some(0), "{}", said(&same));
        assert_eq!(exported.interrupt(), Some(0));
    }
    assert!(!dir.path().join("s.sock").exists());
    assert_eq!(fs::read(&path).expect("read")[1 << 20], 7);
}

#[test]
fn a_read_only_export_cannot_be_the_target() {
    let dir = TempDir::new().expect("a directory");
    let path = disk(&dir, "image", 1);
    let other = disk(&dir, "other", 2);
    let exported = Exported::start(&dir, &["image", "--socket", "s.sock", "--read-only"]);
    let out = landfall(&["sync", plain(&other), &exported.uri]);
    assert_eq!(out.status.code(), Some(2));
    assert!(said(&out).contains("read-only"), "{}", said(&out));
    assert_eq!(fs::read(&path).expect("read")[0], 1);
}

#[test]
fn a_bitmap_of_the_source_says_where_to_look() {
    let dir = TempDir::new().expect("a directory");
    let source = disk(&dir, "source", 1);
    let target = disk(&dir, "target", 1);
    fs::write(dir.path().join("ranges"), "1048576 65536\n3145728 4096\n").expect("written");
    write(&source, 1 << 20, &[2; 65_536]);
    // Not in the bitmap, and so not looked at without a sample.
    write(&source, 7 << 20, &[3; 4096]);
    let marked = ["source", "--socket", "s.sock", "--read-only"];
    let bitmap = ["--bitmap", "cp=ranges"];
    let exported = Exported::start(&dir, &[&marked[..], &bitmap].concat());
    let uri = exported.uri.as_str();

    let map = landfall(&["map", uri, "--bitmap", "cp"]);
    let rows: Vec<String> = said(&map)
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let named = ["--bitmap", "cp", "--sample", "off"];
    assert_eq!(rows, ["1048576 65536 dirty", "3145728 4096 dirty"]);

    let sync = [&["sync", uri, plain(&target), "--json"][..], &named].concat();
    let sync = landfall(&sync);
    assert_eq!(sync.status.code(), Some(0), "{}", said(&sync));
    let summary: Value = serde_json::from_slice(&sync.stdout).expect("JSON");
    assert_eq!(summary["counters"]["written"], 65_536, "{summary}");
    let bytes = fs::read(&target).expect("read");
    assert_eq!((bytes[1 << 20], bytes[7 << 20]), (2, 1));
    let diff = |more: &[&str]| landfall(&[&["diff", uri, plain(&target)], more].concat());
    assert_eq!(diff(&named).status.code(), Some(0));
    let program = env!("CARGO_BIN_EXE_landfall");
    let far = format!("{program} disk serve {}", plain(&target));
    let apart = |more: &[&str]| landfall(&[&["diff", uri, "--via", &far], more].concat());
    assert_eq!(apart(&named).status.code(), Some(0));
    assert_eq!(apart(&["--bitmap", "cp"]).status.code(), Some(1));
    // All of so small a disk is in the sample.
    assert_eq!(diff(&["--bitmap", "cp"]).status.code(), Some(1));
    assert_eq!(diff(&[]).status.code(), Some(1));
}

#[test]
fn a_bitmap_that_cannot_be_had_is_an_error_and_not_a_whole_disk() {
    let dir = TempDir::new().expect("a directory");
    let source = disk(&dir, "source", 1);
    let target = disk(&dir, "target", 1);
    let exported = Exported::start(&dir, &["source", "--socket", "s.sock", "--read-only"]);
    let (source, target) = (plain(&source), plain(&target));
    for (args, words) in [
        (
            &["diff", &exported.uri, target, "--bitmap", "cp"][..],
            "no dirty bitmap \"cp\"",
        ),
        (
            &["diff", source, target, "--bitmap", "cp"],
            "name an NBD URI",
        ),
        (&["map", source, "--bitmap", "cp"], "name an NBD URI"),
        (
            &[
                "diff",
                &exported.uri,
                target,
                "--bitmap",
                "cp",
                "--ranges",
                "r",
            ],
            "cannot be used with",
        ),
    ] {
        let out = landfall(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(said(&out).contains(words), "{}", said(&out));
    }
}
