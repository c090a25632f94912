//! `landfall disk` as a command: its results are judged by `qemu-img`, its statuses by their
//! meaning.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// No multiple of a block.
const SIZE: u64 = (9 << 20) + 512;

struct Pair {
    dir: TempDir,
}

impl Pair {
    /// A raw source with a hole, and a raw target that differs in three places.
    fn new() -> Self {
        let pair = Self {
            dir: TempDir::new().expect("a directory"),
        };
        for name in ["source", "target"] {
            let file = File::create(pair.at(name)).expect("created");
            file.set_len(SIZE).expect("sized");
            for block in 0..40_u64 {
                let content = vec![u8::try_from(block + 1).expect("small"); 65_536];
                file.write_all_at(&content, block * 65_536)
                    .expect("written");
            }
        }
        let target = File::options().write(true).open(pair.at("target"));
        let target = target.expect("opened");
        target.write_all_at(b"other", 70_000).expect("written");
        target.write_all_at(b"end", SIZE - 3).expect("written");
        target.write_all_at(&[9; 4096], 5 << 20).expect("written");
        pair
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn disk(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.arg("disk").args(args).current_dir(self.dir.path());
        command.output().expect("it runs")
    }

    fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let out = self.disk(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&out.stdout);
        let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        (out.status.code(), value)
    }

    fn equal(&self, target: &str, format: &str) -> bool {
        let mut command = Command::new("qemu-img");
        command.args(["compare", "-f", "raw", "-F", format]);
        command.args([self.at("source"), self.at(target)]);
        command.status().expect("qemu-img is there").success()
    }
}

fn number(value: &Value, name: &str) -> u64 {
    value["counters"][name].as_u64().expect(name)
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn diff_counts_what_sync_writes_and_then_finds_nothing() {
    let pair = Pair::new();
    let before = fs::read(pair.at("target")).expect("read");
    let (status, diff) = pair.json(&["diff", "source", "target"]);
    assert_eq!((status, &diff["equal"]), (Some(1), &Value::Bool(false)));
    // One block differs in data, one at the short end and one in a hole of the source.
    assert_eq!(number(&diff, "different"), 2 * 65_536 + 512);
    assert_eq!(diff["to_send"], 65_536);
    assert_eq!(fs::read(pair.at("target")).expect("read"), before);

    let (status, sync) = pair.json(&["sync", "source", "target"]);
    assert_eq!((status, &sync["verify"]), (Some(0), &Value::from("cache")));
    for counter in ["written", "verified", "different"] {
        assert_eq!(
            number(&sync, counter),
            number(&diff, "different"),
            "{counter}"
        );
    }
    assert_eq!(number(&sync, "sent"), 65_536);
    assert!(pair.equal("target", "raw"));
    for command in ["diff", "verify"] {
        let (status, again) = pair.json(&[command, "source", "target"]);
        assert_eq!((status, &again["equal"]), (Some(0), &Value::Bool(true)));
    }
}

#[test]
fn sync_makes_a_missing_target_of_either_format_and_keeps_it_sparse() {
    let pair = Pair::new();
    for (name, format) in [("new.raw", "raw"), ("new.qcow2", "qcow2")] {
        let out = pair.disk(&[
            "sync",
            "source",
            name,
            "--target-format",
            format,
            "--verify",
            "device",
        ]);
        assert!(out.status.success(), "{}", said(&out));
        assert!(pair.equal(name, format));
        let used = fs::metadata(pair.at(name)).expect("there").blocks() * 512;
        let most = fs::metadata(pair.at("source")).expect("there").blocks() * 512;
        assert!(used <= most + (1 << 20), "{name} takes {used} of {most}");
        // qcow2 is known by its first bytes.
        assert_eq!(pair.json(&["diff", "source", name]).0, Some(0));
    }
}

/// Found in review: a journal of a finished run, or of other content, was believed.
#[test]
fn a_journal_is_believed_for_the_same_content_of_an_unfinished_run_only() {
    let pair = Pair::new();
    fs::write(pair.at("source"), vec![5; 24 << 20]).expect("written");
    let cut_off = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        let mut child = command
            .args([
                "disk",
                "sync",
                "source",
                "cut.raw",
                "--journal",
                "journal",
                "--limit",
                "2",
            ])
            .current_dir(pair.dir.path())
            .spawn()
            .expect("it runs");
        // It begins with what it is about, and grows with what is proved.
        let len = || fs::metadata(pair.at("journal")).map_or(0, |it| it.len());
        let begun = std::time::Instant::now();
        let mut first = 0;
        while first == 0 || len() == first {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing proved");
            std::thread::sleep(Duration::from_millis(20));
            if first == 0 {
                first = len();
            }
        }
        child.kill().expect("it runs");
        child.wait().expect("it ended");
    };
    let args = ["sync", "source", "cut.raw", "--journal", "journal"];
    cut_off();
    let (status, second) = pair.json(&args);
    assert_eq!(status, Some(0));
    assert!(number(&second, "resumed") > 0, "{second}");
    assert!(pair.equal("cut.raw", "raw"));
    assert!(!pair.at("journal").exists());

    fs::remove_file(pair.at("cut.raw")).expect("removed");
    cut_off();
    let source = File::options().write(true).open(pair.at("source"));
    source
        .expect("opened")
        .write_all_at(b"later", 10)
        .expect("written");
    let (_, third) = pair.json(&args);
    assert_eq!(number(&third, "resumed"), 0, "{third}");
    assert!(pair.equal("cut.raw", "raw"));
}

#[test]
fn what_cannot_be_done_is_status_two_with_the_cause_and_changes_nothing() {
    let pair = Pair::new();
    fs::write(pair.at("short"), vec![0; 4096]).expect("written");
    let before = fs::read(pair.at("target")).expect("read");
    for (args, cause) in [
        (vec!["diff", "source", "nowhere"], "nowhere"),
        (vec!["sync", "nowhere", "target"], "nowhere"),
        (vec!["sync", "source", "short"], "the target 4 KiB"),
        (vec!["sync", "source", "./source"], "the same file"),
        (
            vec!["sync", "source", "target", "--block-size", "3"],
            "power of two",
        ),
        (
            vec!["sync", "source", "target", "--target-format", "qcow2"],
            "target",
        ),
        (vec!["diff", "source"], "TARGET"),
    ] {
        let out = pair.disk(&args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(said(&out).contains(cause), "{args:?}: {}", said(&out));
        assert!(out.stdout.is_empty());
    }
    assert_eq!(fs::read(pair.at("target")).expect("read"), before);
    assert_eq!(fs::metadata(pair.at("short")).expect("there").len(), 4096);
}

#[test]
fn map_names_data_and_holes_over_the_whole_disk() {
    let pair = Pair::new();
    for (name, path) in [("raw", "source"), ("qcow2", "map.qcow2")] {
        if name == "qcow2" {
            assert!(
                pair.disk(&["sync", "source", path, "--target-format", name])
                    .status
                    .success()
            );
        }
        let out = pair.disk(&["map", path, "--json"]);
        let text = String::from_utf8_lossy(&out.stdout);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let mut at = 0;
        for line in &lines {
            assert_eq!(line["start"], at);
            at += line["length"].as_u64().expect("a length");
        }
        assert_eq!(at, SIZE);
        assert_eq!(
            lines[0],
            serde_json::json!({"start": 0, "length": 40 * 65_536, "zero": false})
        );
        assert_eq!(lines[1]["zero"], true);
    }
}

#[test]
fn a_limit_holds_the_command_back() {
    let pair = Pair::new();
    let begun = std::time::Instant::now();
    let out = pair.disk(&["sync", "source", "limited.raw", "--limit", "2"]);
    assert!(out.status.success());
    // 2.5 MiB at 2 MiB/s.
    assert!(begun.elapsed().as_secs_f64() > 0.9, "{:?}", begun.elapsed());
    assert!(pair.equal("limited.raw", "raw"));
}

#[test]
fn a_relative_path_of_a_deep_folder_is_as_good_as_an_absolute_one() {
    let pair = Pair::new();
    fs::create_dir(pair.at("deep")).expect("made");
    let absolute = pair.at("deep/copy.raw");
    let path = |path: &Path| path.to_str().expect("plain").to_owned();
    assert!(
        pair.disk(&["sync", "source", "deep/copy.raw"])
            .status
            .success()
    );
    let (status, _) = pair.json(&["diff", &path(&pair.at("source")), &path(&absolute)]);
    assert_eq!(status, Some(0));
}

#[test]
fn a_far_end_that_is_a_command_becomes_equal_and_says_what_went_wrong() {
    let pair = Pair::new();
    let far = |target: &str| format!("{} disk serve {target}", env!("CARGO_BIN_EXE_landfall"));
    let (status, diff) = pair.json(&["diff", "source", "--via", &far("target")]);
    assert_eq!((status, &diff["equal"]), (Some(1), &Value::Bool(false)));
    for (target, verify) in [("target", "cache"), ("new.raw", "device")] {
        let (status, sync) =
            pair.json(&["sync", "source", "--verify", verify, "--via", &far(target)]);
        assert_eq!((status, &sync["verify"]), (Some(0), &Value::from(verify)));
        assert_eq!(number(&sync, "verified"), number(&sync, "different"));
        assert!(pair.equal(target, "raw"));
    }
    let (status, again) = pair.json(&["diff", "source", "--via", &far("target")]);
    assert_eq!((status, &again["equal"]), (Some(0), &Value::Bool(true)));
    assert!(again["wire"].as_u64().expect("counted") < 5_000, "{again}");

    fs::write(pair.at("short"), vec![0; 4096]).expect("written");
    for (command, cause) in [
        (far("short"), "the target 4096"),
        (far("no/such/folder"), "no/such/folder"),
        ("exit 3".to_owned(), "far end"),
        ("echo what is this".to_owned(), "far end"),
    ] {
        let out = pair.disk(&["sync", "source", "--via", &command]);
        assert_eq!(out.status.code(), Some(2), "{command}");
        assert!(said(&out).contains(cause), "{command}: {}", said(&out));
    }
}

#[test]
fn two_exports_are_compared_and_made_equal() {
    let pair = Pair::new();
    let serve = |name: &str| {
        let mut command = Command::new("qemu-nbd");
        command.args(["-t", "-f", "raw", "--discard=unmap", "-e", "8", "-k"]);
        command
            .arg(pair.at(&format!("{name}.sock")))
            .arg(pair.at(name));
        command.spawn().expect("qemu-nbd is there")
    };
    let mut servers = [serve("source"), serve("target")];
    for name in ["source.sock", "target.sock"] {
        testkit::until_listening(&pair.at(name), Duration::from_secs(10));
    }
    let uri = |name: &str| {
        format!(
            "nbd+unix:///?socket={}",
            pair.at(&format!("{name}.sock")).display()
        )
    };
    let (source, target) = (uri("source"), uri("target"));
    let (status, diff) = pair.json(&["diff", &source, &target]);
    assert_eq!((status, &diff["equal"]), (Some(1), &Value::Bool(false)));
    let (status, _) = pair.json(&["sync", &source, &target, "--verify", "device"]);
    assert_eq!(status, Some(0));
    let same = pair.disk(&["diff", &source, &source]);
    assert!(said(&same).contains("the same file"));
    for server in &mut servers {
        server.kill().expect("it runs");
        server.wait().expect("it ended");
    }
    assert!(pair.equal("target", "raw"));
}

#[test]
fn kept_digests_spare_reading_the_target_until_somebody_writes_to_it() {
    let pair = Pair::new();
    let args = ["sync", "source", "target", "--digests", "kept"];
    let (status, value) = pair.json(&args);
    assert_eq!(status, Some(0));
    assert_eq!(value["notes"], Value::Array(vec![]));
    assert!(pair.equal("target", "raw"));

    let source = File::options().write(true).open(pair.at("source"));
    let source = source.expect("opened");
    source.write_all_at(b"changed", 1 << 20).expect("written");
    let (status, value) = pair.json(&args);
    assert_eq!((status, number(&value, "different")), (Some(0), 65_536));
    let note = |value: &Value| value["notes"][0].as_str().map(str::to_owned);
    let believed = note(&value).expect("a note");
    assert!(believed.contains("target are valid"), "{believed}");
    assert!(pair.equal("target", "raw"));

    let (status, value) = pair.json(&["diff", "source", "target", "--digests", "kept"]);
    assert_eq!((status, note(&value)), (Some(0), Some(believed)));

    let target = File::options().write(true).open(pair.at("target"));
    let target = target.expect("opened");
    target.write_all_at(b"behind", 3 << 20).expect("written");
    let (status, value) = pair.json(&args);
    assert_eq!((status, number(&value, "different")), (Some(0), 65_536));
    let discarded = note(&value).expect("a note");
    assert!(discarded.contains("written since"), "{discarded}");
    assert!(pair.equal("target", "raw"));
}

#[test]
fn two_processes_with_equal_kept_digests_read_nothing_and_send_next_to_nothing() {
    let pair = Pair::new();
    let far = format!(
        "{} disk serve target --digests far",
        env!("CARGO_BIN_EXE_landfall")
    );
    let args = ["sync", "source", "--via", &far, "--source-digests", "near"];
    let (status, value) = pair.json(&args);
    assert_eq!(status, Some(0));
    assert_eq!(number(&value, "different"), 2 * 65_536 + 512);
    assert!(pair.equal("target", "raw"));
    let (status, value) = pair.json(&args);
    assert_eq!((status, number(&value, "proved")), (Some(0), SIZE));
    let wire = value["wire"].as_u64().expect("wire");
    assert!(wire <= 4096, "{wire}");
    assert_eq!(value["notes"].as_array().map(Vec::len), Some(2));

    let source = File::options().write(true).open(pair.at("source"));
    let source = source.expect("opened");
    source.write_all_at(b"changed", 1 << 20).expect("written");
    let (status, value) = pair.json(&args);
    assert_eq!((status, number(&value, "different")), (Some(0), 65_536));
    assert_eq!(number(&value, "read_target"), 0);
    assert!(pair.equal("target", "raw"));
}

#[test]
fn a_sparse_disk_of_4_tib_fits_into_little_memory_with_its_digests() {
    let dir = TempDir::new().expect("a directory");
    for name in ["source", "target"] {
        let file = File::create(dir.path().join(name)).expect("created");
        file.set_len(4 << 40).expect("sized");
        for part in 0..64_u64 {
            let content = [u8::try_from(part + 1).expect("small"); 65_536];
            file.write_all_at(&content, part << 36).expect("written");
        }
    }
    let source = File::options().write(true).open(dir.path().join("source"));
    let source = source.expect("opened");
    let program = env!("CARGO_BIN_EXE_landfall");
    for round in 0..3_u64 {
        source
            .write_all_at(b"changed", (round + 7) << 36)
            .expect("written");
        // In KiB, and of addresses: stacks and the program itself are in it. Leaves alone would
        // be 2 GiB.
        let script = format!(
            "ulimit -v 393216; exec {program} disk sync source target --digests kept \
             --source-digests known --json"
        );
        let out = Command::new("sh")
            .args(["-c", &script])
            .current_dir(dir.path())
            .output()
            .expect("it runs");
        assert!(out.status.success(), "{}", said(&out));
        let value: Value = serde_json::from_slice(&out.stdout).expect("json");
        assert_eq!(number(&value, "different"), 65_536);
        if round > 0 {
            assert_eq!(number(&value, "read_target"), 0);
        }
    }
}

#[test]
fn digests_of_a_qcow2_target_outlive_its_closing() {
    let pair = Pair::new();
    let args = [
        "sync",
        "source",
        "made",
        "--target-format",
        "qcow2",
        "--digests",
        "kept",
    ];
    assert_eq!(pair.json(&args).0, Some(0));
    let (status, value) = pair.json(&args);
    assert_eq!((status, number(&value, "different")), (Some(0), 0));
    let note = value["notes"][0].as_str().expect("a note");
    assert!(note.contains("target are valid"), "{note}");
    assert!(pair.equal("made", "qcow2"));
}

#[test]
fn digests_are_not_kept_where_nothing_tells_of_writes() {
    let pair = Pair::new();
    let overlay = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-b", "target", "-F", "raw"])
        .arg("overlay")
        .current_dir(pair.dir.path())
        .status();
    assert!(overlay.expect("qemu-img is there").success());
    for (target, why) in [("overlay", "backing"), ("target", "in the disk itself")] {
        let out = pair.disk(&["diff", "source", target, "--digests", "target"]);
        assert_eq!(out.status.code(), Some(2));
        assert!(said(&out).contains(why), "{}", said(&out));
    }
    let out = pair.disk(&["verify", "source", "target", "--digests", "kept"]);
    assert_eq!(out.status.code(), Some(2));
}

/// An `nbdkit` whose one sector at 1000 * 512 cannot be read; it ends with its test.
struct BadSector(std::process::Child);

impl BadSector {
    fn of(pair: &Pair) -> Self {
        let (size, source) = (format!("get_size=echo {SIZE}"), pair.at("source"));
        let read = format!(
            "pread=if [ $4 -lt 512512 ] && [ $(( $4 + $3 )) -gt 512000 ]; \
             then echo EIO bad sector >&2; exit 1; fi; \
             dd if={} iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=65536 2>/dev/null",
            source.display()
        );
        let child = Command::new("nbdkit")
            .args(["--foreground", "--exit-with-parent", "-U"])
            .arg(pair.at("socket"))
            .args(["eval", &size, &read])
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("nbdkit is there");
        testkit::until_listening(&pair.at("socket"), Duration::from_secs(10));
        Self(child)
    }
}

impl Drop for BadSector {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_bad_sector_stops_or_is_skipped_loudly_and_is_never_success() {
    let pair = Pair::new();
    let _server = BadSector::of(&pair);
    let uri = format!("nbd+unix:///?socket={}", pair.at("socket").display());
    fs::write(
        pair.at("target"),
        vec![9; usize::try_from(SIZE).expect("small")],
    )
    .expect("written");

    let out = pair.disk(&["sync", &uri, "target"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        said(&out).contains("bytes 512000 to 512512"),
        "{}",
        said(&out)
    );

    let skip = ["--unreadable", "skip", "--queue", "3"];
    let out = pair.disk(&[&["sync", &uri, "target"], &skip[..]].concat());
    assert_eq!(out.status.code(), Some(2));
    let lines = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(lines.contains("bytes 512000 to 512512"), "{lines}");
    assert!(
        lines.contains("NOT EQUAL: 512 bytes could not be read"),
        "{lines}"
    );
    let mut wanted = fs::read(pair.at("source")).expect("read");
    wanted[512_000..512_512].fill(9);
    assert!(fs::read(pair.at("target")).expect("read") == wanted);

    // Nothing differs of what can be read, and yet nobody says that the disks are equal.
    let (status, diff) = pair.json(&[&["diff", &uri, "target"], &skip[..]].concat());
    assert_eq!((status, &diff["equal"]), (Some(2), &Value::Bool(false)));
    assert_eq!(number(&diff, "different"), 0);
    assert_eq!(number(&diff, "unread"), 512);
    assert_eq!(diff["unread"][0]["start"], 512_000);
}

#[test]
fn ranges_are_checked_by_a_sample_unless_that_is_off() {
    let pair = Pair::new();
    fs::write(pair.at("ranges"), "0 512\n").expect("written");
    // All of so small a disk is looked at, and the ranges name none of the three changes.
    let named = ["--ranges", "ranges"];
    let (status, off) =
        pair.json(&[&["diff", "source", "target", "--sample", "off"], &named[..]].concat());
    assert_eq!((status, &off["sample"]), (Some(0), &Value::Null));
    assert_eq!(number(&off, "sampled"), 0);
    for seed in ["auto", "7"] {
        let sample = ["--sample", seed];
        let (status, diff) =
            pair.json(&[&["diff", "source", "target"], &named[..], &sample].concat());
        assert_eq!(status, Some(1));
        assert!(diff["sample"]["widened"]["start"].is_u64(), "{diff}");
        assert_eq!(diff["sample"]["confidence"], 0.99);
        assert_eq!(number(&diff, "scanned"), SIZE);
    }
    let out = pair.disk(&[&["sync", "source", "target"], &named[..]].concat());
    assert!(out.status.success(), "{}", said(&out));
    let lines = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        lines.contains("the ranges are not all that changed"),
        "{lines}"
    );
    assert!(pair.equal("target", "raw"));
}

#[test]
fn only_ranges_go_over_a_link_and_a_sample_tells_of_more() {
    let pair = Pair::new();
    let content = vec![7; 8 << 20];
    fs::write(pair.at("source"), &content).expect("written");
    let far = format!("{} disk serve copy", env!("CARGO_BIN_EXE_landfall"));
    let mut changed = content.clone();
    changed[(1 << 20) + 5] = 8;
    changed[(5 << 20) + 5] = 8;
    fs::write(pair.at("copy"), &changed).expect("written");
    fs::write(pair.at("ranges"), format!("{} 100\n", 1 << 20)).expect("written");
    let sync = |sample: &str| {
        let ranges = ["--ranges", "ranges", "--sample", sample, "--via", &far];
        pair.json(&[&["sync", "source"], &ranges[..]].concat())
    };
    let (status, named) = sync("off");
    assert_eq!((status, number(&named, "scanned")), (Some(0), 65_536));
    assert_eq!(number(&named, "outside"), (8 << 20) - 65_536);
    assert!(!pair.equal("copy", "raw"));
    // It is small enough to be a census.
    let (status, widened) = sync("1");
    assert_eq!((status, number(&widened, "scanned")), (Some(0), 8 << 20));
    assert_eq!(widened["sample"]["widened"]["start"], 5 << 20);
    assert!(pair.equal("copy", "raw"));
}

#[test]
fn a_seed_at_the_far_end_is_copied_there_and_not_sent() {
    let pair = Pair::new();
    let mut content = vec![0; 8 << 20];
    let mut state = 1_u64;
    for byte in &mut content {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = state.to_le_bytes()[7];
    }
    fs::write(pair.at("source"), &content).expect("written");
    fs::write(pair.at("template"), &content[1 << 20..]).expect("written");
    let program = env!("CARGO_BIN_EXE_landfall");
    let far = |words: &str| format!("{program} disk serve {words}");
    let (status, plain) = pair.json(&["sync", "source", "--via", &far("one")]);
    assert_eq!((status, number(&plain, "seeded")), (Some(0), 0));
    let (status, seeded) = pair.json(&["sync", "source", "--via", &far("two --seed template")]);
    assert_eq!((status, number(&seeded, "seeded")), (Some(0), 7 << 20));
    assert_eq!(number(&seeded, "sent"), 1 << 20);
    assert!(pair.equal("one", "raw") && pair.equal("two", "raw"));
    let wire = |summary: &Value| summary["wire"].as_u64().expect("bytes");
    assert!(wire(&seeded) * 6 < wire(&plain), "{seeded} {plain}");
}
