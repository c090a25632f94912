//! The certificate of a whole failback, checked offline against the real disks.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use model::{
    DiskPhase, SignedCertificate, StepName, VisibleState,
    view::{CertificateView, SessionView},
};

use crate::{
    case::{Case, Way, is_failback},
    console::Console,
};

fn landfall(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(args)
        .output()
        .expect("it runs")
}

/// Status, and everything said.
fn said(out: &Output) -> (Option<i32>, String) {
    let text = [&out.stdout[..], &out.stderr[..]].concat();
    (
        out.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The root by the words of the format alone, from the whole content.
fn naive_root(content: &[u8]) -> String {
    const BLOCK: usize = 65_536;
    let zero = [0; 32];
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    let leaf = |block: &[u8]| if is_zero(block) { zero } else { hash(block) };
    let mut nodes: Vec<[u8; 32]> = content.chunks(BLOCK).map(leaf).collect();
    while nodes.len() > 1 {
        let parent = |row: &[[u8; 32]]| {
            let row = row.concat();
            if is_zero(&row) { zero } else { hash(&row) }
        };
        nodes = nodes.chunks(256).map(parent).collect();
    }
    let mut bytes = b"landfall digest tree 1\0".to_vec();
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend((BLOCK as u64).to_le_bytes());
    bytes.extend(nodes.first().unwrap_or(&zero));
    blake3::hash(&bytes).to_hex().to_string()
}

/// The certificate as a browser downloads it.
fn download(console: &Console, session: &SessionView) -> String {
    let path = format!("/api/v1/sessions/{}/certificate", session.summary.id);
    let answer = console.get(&path).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let headers = answer.headers.to_ascii_lowercase();
    assert!(
        headers.contains("content-disposition: attachment; filename="),
        "{headers}"
    );
    answer.body
}

fn certificate(text: &str) -> model::Certificate {
    let signed: SignedCertificate = serde_json::from_str(text).expect("a certificate");
    signed.certificate
}

/// That its roots are those of the real disks, read whole and independently.
fn assert_true(case: &Case, text: &str) {
    let certificate = certificate(text);
    let disks = case.production_content();
    assert_eq!(certificate.disks.len(), disks.len());
    for (disk, content) in certificate.disks.iter().zip(disks) {
        assert_eq!(disk.size.0, content.len() as u64);
        assert_eq!(disk.production_root.to_string(), naive_root(&content));
        assert_eq!(disk.replica_root, disk.production_root);
        assert_eq!(disk.carried + disk.proved_last, disk.leaves);
    }
}

/// The case's production disks as raw files.
fn exported(case: &Case, folder: &Path) -> Vec<PathBuf> {
    let disks = case.production_content().into_iter().enumerate();
    let write = |(index, content)| {
        let path = folder.join(format!("disk-{index}.raw"));
        fs::write(&path, content).expect("written");
        path
    };
    disks.map(write).collect()
}

fn flip(path: &Path, at: u64) {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("written");
}

/// The newest image of each of the case's production disks.
fn images(case: &Case) -> Vec<PathBuf> {
    let vm = case.data().join("lab/production").join(case.production());
    let described = fs::read_to_string(vm.join("vm.json")).expect("described");
    let described: serde_json::Value = serde_json::from_str(&described).expect("json");
    let newest = |disk: &serde_json::Value| {
        let layer = disk["layers"].as_array().expect("layers").last();
        let file = layer.map_or(&disk["base"], |layer| &layer["file"]);
        vm.join(file.as_str().expect("a file"))
    };
    described["disks"]
        .as_array()
        .expect("disks")
        .iter()
        .map(newest)
        .collect()
}

/// A failback on command; the session after its switchover, and its certificate.
fn certified(case: &Case, console: &Console) -> (SessionView, String) {
    case.finish(console, "manual");
    let is_ready = |session: &SessionView| session.summary.state == VisibleState::ReadyToSwitch;
    let ready = case.session(console, "Ready to switch", is_ready);
    console.act(&ready, "switch_now");
    let ended = case.session(console, "Failback", is_failback);
    let text = download(console, &ended);
    (ended, text)
}

#[test]
fn a_failback_is_certified_and_the_real_disks_prove_it_offline() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    let (session, signed) = certified(&case, &console);
    assert_true(&case, &signed);
    // No whole-disk read in the downtime: production was not read at all but for what was written.
    for disk in &session.disks {
        assert_eq!(disk.counters.phase, DiskPhase::Done);
        assert_eq!(disk.counters.read_target.0, 0);
        assert!(
            disk.counters.read_source.0 < disk.size.0 / 2,
            "{:?}",
            disk.counters
        );
    }
    let made = certificate(&signed);
    assert!(made.disks.iter().all(|disk| disk.carried > 0), "{made:?}");
    assert!(made.carried_since.is_some());
    let CertificateView::Signed(shown) = session.certificate.expect("shown") else {
        panic!("signed");
    };
    assert_eq!(shown.point, made.point);
    let roots = |disk: &model::view::CertifiedDiskView| (disk.replica_root, disk.production_root);
    let made_roots = made
        .disks
        .iter()
        .map(|disk| (disk.replica_root, disk.production_root));
    assert!(shown.disks.iter().map(roots).eq(made_roots));

    let dir = tempfile::TempDir::new().expect("a folder");
    let file = dir.path().join("certificate.json");
    fs::write(&file, &signed).expect("written");
    let data = case.data();
    let key = dir.path().join("key.pem");
    let pem = landfall(&["certificate", "export", "--data-dir", text(&data)]);
    fs::write(&key, &pem.stdout).expect("written");
    let print = shown.signer.to_string();
    let disks = exported(&case, dir.path());
    let wanted: Vec<String> = made
        .disks
        .iter()
        .zip(&disks)
        .map(|(disk, path)| format!("{}={}", disk.name, text(path)))
        .collect();
    let check = |key: &str, disks: &[String]| {
        let mut args = vec!["certificate", "check", text(&file), "--key", key];
        for disk in disks {
            args.extend(["--disk", disk]);
        }
        said(&landfall(&args))
    };
    for key in [text(&key), &print] {
        let (status, said) = check(key, &wanted);
        assert_eq!(status, Some(0), "{said}");
        assert_eq!(
            said.matches("is equal, block for block").count(),
            disks.len()
        );
    }
    let (status, said) = check(&print, &[]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("No disk was read again"), "{said}");

    // The images themselves, as the platform keeps them, without names.
    assert!(console.interrupt().success());
    for image in images(&case) {
        let (status, said) = check(&print, &[text(&image).to_owned()]);
        assert_eq!(status, Some(0), "{said}");
    }

    // One byte of a disk.
    flip(&disks[0], 200_000);
    let (status, said) = check(&print, &wanted);
    assert_eq!(status, Some(1), "{said}");
    let refused = format!("Disk {}: REFUSED", made.disks[0].name);
    assert!(said.contains(&refused), "{said}");
    assert!(
        said.contains("differs within bytes 0 to ")
            || said.contains("differs within bytes 196608 to 262144"),
        "{said}"
    );

    // Another key.
    let (status, said) = check(&"0".repeat(64), &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("signer unknown") && said.contains(&print),
        "{said}"
    );

    // The file itself.
    let changed = signed.replace("\"proved_last\":", "\"proved_last\":1");
    assert_ne!(changed, signed);
    fs::write(&file, changed).expect("written");
    let (status, said) = check(&print, &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("the file was changed"), "{said}");

    // What cannot be found out is neither.
    assert_eq!(check("/no/such/key", &[]).0, Some(2));
    fs::remove_file(&file).expect("removed");
    assert_eq!(check(&print, &[]).0, Some(2));
}

#[test]
fn a_rotation_while_the_console_runs_leaves_older_certificates_valid() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    let (_, first) = certified(&case, &console);
    let data = case.data();
    let keys = |command: &str| {
        said(&landfall(&[
            "certificate",
            command,
            "--data-dir",
            text(&data),
        ]))
    };
    let (status, rotated) = keys("rotate");
    assert_eq!(status, Some(0), "{rotated}");
    let (_, listed) = keys("keys");
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("retired"), "{listed}");
    let dir = tempfile::TempDir::new().expect("a folder");
    let (file, pem) = (
        dir.path().join("certificate.json"),
        dir.path().join("keys.pem"),
    );
    fs::write(&file, &first).expect("written");
    fs::write(&pem, keys("export").1).expect("written");
    let checked = landfall(&["certificate", "check", text(&file), "--key", text(&pem)]);
    let (status, words) = said(&checked);
    assert_eq!(status, Some(0), "{words}");
}

#[test]
fn a_session_that_was_killed_in_its_transfers_is_certified_all_the_same() {
    // The eighth effect is phase 1's transfer, the fourteenth the switchover's.
    for kill_at in [
        "begun:8",
        "performed:8",
        "begun:14",
        "performed:14",
        "begun:17",
        "performed:17",
    ] {
        let case = Case::by(Way::Original, "tiny-a");
        let console = case.start(Some(kill_at));
        case.finish(&console, "auto");
        console.until_killed();
        let console = case.start(None);
        let session = case.session(&console, "Failback", is_failback);
        let signed = download(&console, &session);
        assert_true(&case, &signed);
    }
}

#[test]
fn what_is_not_there_is_not_handed_out() {
    let case = Case::by(Way::Original, "tiny-a");
    let console = case.start(None);
    let status = |path: &str| console.get(path).map(|answer| answer.status);
    for what in ["certificate", "evidence"] {
        let path = format!("/api/v1/sessions/none%22%2F..%0d/{what}");
        assert_eq!(status(&path), Some(404), "{what}");
    }
    case.finish(&console, "manual");
    let is_ready = |session: &SessionView| session.summary.state == VisibleState::ReadyToSwitch;
    let ready = case.session(&console, "Ready to switch", is_ready);
    let id = &ready.summary.id;
    assert_eq!(
        status(&format!("/api/v1/sessions/{id}/certificate")),
        Some(404)
    );
    assert_eq!(
        status(&format!("/api/v1/sessions/{id}/evidence")),
        Some(200)
    );
}

#[test]
fn a_switchover_after_one_that_was_taken_back_is_certified() {
    let case = Case::sample("web-01");
    let console = case.start(None);
    case.finish(&console, "manual");
    let is_ready = |session: &SessionView| session.summary.state == VisibleState::ReadyToSwitch;
    let ready = case.session(&console, "Ready to switch", is_ready);
    // Slow enough to be caught in its transfer.
    console.ask(&ready, &[("operation", "set_limit"), ("limit_mib", "1")]);
    console.act(&ready, "switch_now");
    let moves = |session: &SessionView| {
        let mut steps = session.steps.iter();
        steps.any(|step| {
            step.activity == "Switchover"
                && step.step == StepName::Transfer
                && step.started_at.is_some()
        })
    };
    let moving = case.session(&console, "the switchover's transfer", moves);
    console.act(&moving, "cancel");
    let is_back = |session: &SessionView| {
        is_ready(session) && session.steps.iter().any(|step| step.activity == "Cancel")
    };
    let back = case.session(&console, "Ready to switch again", is_back);
    console.ask(&back, &[("operation", "set_limit"), ("limit_mib", "0")]);
    console.act(&back, "switch_now");
    let ended = case.session(&console, "Failback", is_failback);
    assert_true(&case, &download(&console, &ended));
}

#[test]
fn every_destination_is_certified() {
    for way in [Way::Recovered, Way::Specified] {
        let case = Case::by(way, "tiny-b");
        let console = case.start(None);
        case.finish(&console, "auto");
        let session = case.session(&console, "Failback", is_failback);
        assert_true(&case, &download(&console, &session));
    }
}
