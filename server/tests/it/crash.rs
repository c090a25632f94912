//! SIGKILL at every effect in turn: afterwards the disks are equal, or the undo is complete.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use model::{
    Outcome, PowerState, VisibleState,
    view::{ReplicaView, SessionView},
};
use tempfile::TempDir;

use crate::console::{Console, empty_site, location, until};

const LIMIT: Duration = Duration::from_secs(60);
/// Effects from Finish to Failback without a power-on: nine of phase 1, ten of the switchover.
const TO_FAILBACK: u32 = 19;
const OF_UNDO: u32 = 8;
const OF_COMMIT: u32 = 3;

/// A data directory, and the consoles that come and go over it.
struct Case {
    dir: TempDir,
    site: PathBuf,
    /// Which VM of the tiny lab, by name.
    vm: &'static str,
}

impl Case {
    fn new(vm: &'static str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let site = empty_site(dir.path());
        Self { dir, site, vm }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn start(&self, kill_at: Option<&str>) -> Console {
        Console::start(&self.data(), &self.site, kill_at)
    }

    fn replica(&self, console: &Console) -> Option<ReplicaView> {
        let view = console.start_view()?;
        view.replicas
            .into_iter()
            .find(|replica| replica.production_name == self.vm)
    }

    /// Goes through the wizard and presses Finish; the session's id.
    fn finish(&self, console: &Console, mode: &str) -> String {
        let replica = until("the replica", LIMIT, || self.replica(console));
        let created = console
            .post(
                "/api/console/draft/create",
                &[("preselect[0]", replica.id.as_str())],
            )
            .expect("an answer");
        let path = location(&created);
        let draft = path.split('/').nth(2).unwrap_or_default().to_owned();
        assert!(!draft.is_empty(), "no draft: {created:?}");
        for (step, form) in [
            (
                "destination",
                vec![("destination", "original_vm"), ("press", "next")],
            ),
            ("mode", vec![("mode", mode), ("press", "next")]),
            ("summary", vec![("reason", "a test"), ("press", "finish")]),
        ] {
            let mut fields = vec![("id", draft.as_str())];
            fields.extend(form);
            let answer = console.post(&format!("/api/console/draft/{step}"), &fields);
            // The program may be killed as soon as the session is recorded.
            let status = answer.map_or(302, |answer| answer.status);
            assert_eq!(status, 302, "step {step}");
        }
        draft
    }

    /// The newest session of the VM, once it is as wanted.
    fn session(
        &self,
        console: &Console,
        what: &str,
        want: impl Fn(&SessionView) -> bool,
    ) -> SessionView {
        until(what, LIMIT, || {
            let view = console.start_view()?;
            let all = view.running.into_iter().chain(view.past);
            let id = all
                .into_iter()
                .find(|session| session.vm_name == self.vm)?
                .id;
            let session = console.session(id.as_str())?;
            assert!(
                session.summary.attention.is_none(),
                "{:?}",
                session.summary.attention
            );
            want(&session).then_some(session)
        })
    }

    fn act(console: &Console, session: &SessionView, operation: &str) {
        let id = session.summary.id.as_str();
        drop(console.post(
            "/api/console/session/act",
            &[("id", id), ("operation", operation)],
        ));
    }

    /// Waits until the program has killed itself.
    fn until_killed(mut console: Console) {
        until("the kill", LIMIT, || console.ended());
    }

    fn verify(&self) {
        let out = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(["lab", "verify", "--data-dir"])
            .arg(self.data())
            .output()
            .expect("it runs");
        let (out, err) = (
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        );
        assert!(out.contains("equal") && err.is_empty(), "{out}{err}");
    }

    /// What the production VM's disks hold, read by `qemu-img`.
    fn production_content(&self) -> Vec<Vec<u8>> {
        let vm = self.data().join("lab/production").join(self.vm);
        let text = fs::read_to_string(vm.join("vm.json")).expect("described");
        let described: serde_json::Value = serde_json::from_str(&text).expect("json");
        let disks = described["disks"].as_array().expect("disks").clone();
        disks
            .iter()
            .map(|disk| content(&vm, disk, self.dir.path()))
            .collect()
    }
}

fn content(vm: &Path, disk: &serde_json::Value, scratch: &Path) -> Vec<u8> {
    let layers = disk["layers"].as_array().expect("layers");
    let (file, format) = match layers.last() {
        Some(layer) => (layer["file"].as_str(), "qcow2"),
        None => (
            disk["base"].as_str(),
            disk["format"].as_str().expect("a format"),
        ),
    };
    let raw = scratch.join("content.raw");
    let status = Command::new("qemu-img")
        .args(["convert", "-U", "-f", format, "-O", "raw"])
        .args([&vm.join(file.expect("a file")), &raw])
        .status()
        .expect("qemu-img is there");
    assert!(status.success());
    fs::read(raw).expect("converted")
}

fn is_failback(session: &SessionView) -> bool {
    session.summary.state == VisibleState::Failback
}

/// Kills the program at one effect on the way to Failback, and lets another finish the work.
fn killed_on_the_way(vm: &'static str, kill_at: &str) {
    let case = Case::new(vm);
    let console = case.start(Some(kill_at));
    case.finish(&console, "auto");
    Case::until_killed(console);
    let console = case.start(None);
    let session = case.session(&console, "Failback", is_failback);
    case.verify();
    let steps: Vec<_> = session
        .steps
        .iter()
        .filter(|step| step.done_at.is_some())
        .map(|step| (step.activity.clone(), step.step))
        .collect();
    assert_eq!(
        steps.len(),
        TO_FAILBACK as usize,
        "a step was done twice: {steps:?}"
    );
}

#[test]
fn killed_before_any_effect_on_the_way_it_ends_equal() {
    for number in 1..=TO_FAILBACK {
        killed_on_the_way("tiny-a", &format!("begun:{number}"));
    }
}

#[test]
fn killed_after_any_effect_on_the_way_it_ends_equal() {
    for number in 1..=TO_FAILBACK {
        killed_on_the_way("tiny-b", &format!("performed:{number}"));
    }
}

/// Reaches Failback, and then is killed at one effect of what ends the session.
fn killed_at_the_end(
    vm: &'static str,
    operation: &str,
    kill_at: &str,
) -> (Case, Console, Vec<Vec<u8>>) {
    let case = Case::new(vm);
    let console = case.start(None);
    until("the estate", LIMIT, || case.replica(&console));
    let before = case.production_content();
    case.finish(&console, "auto");
    case.session(&console, "Failback", is_failback);
    console.kill();
    let console = case.start(Some(kill_at));
    let session = case.session(&console, "Failback", is_failback);
    Case::act(&console, &session, operation);
    Case::until_killed(console);
    let console = case.start(None);
    (case, console, before)
}

#[test]
fn killed_at_any_effect_of_undo_both_sides_are_as_before() {
    for number in 1..=OF_UNDO {
        for moment in ["begun", "performed"] {
            let kill_at = format!("{moment}:{number}");
            let (case, console, before) = killed_at_the_end("tiny-a", "undo", &kill_at);
            case.session(&console, "the end", |session| {
                session.summary.outcome == Some(Outcome::Undone)
            });
            assert!(
                case.production_content() == before,
                "production differs after {kill_at}"
            );
            let replica = until("the replica", LIMIT, || {
                case.replica(&console)
                    .filter(|replica| replica.power == PowerState::On)
            });
            assert_eq!(replica.state, VisibleState::Failover);
            assert_eq!(replica.production_power, Some(PowerState::Off));
        }
    }
}

#[test]
fn killed_at_any_effect_of_commit_production_keeps_what_was_proved() {
    for number in 1..=OF_COMMIT {
        for moment in ["begun", "performed"] {
            let kill_at = format!("{moment}:{number}");
            let (case, console, _) = killed_at_the_end("tiny-b", "commit", &kill_at);
            case.session(&console, "the end", |session| {
                session.summary.outcome == Some(Outcome::Committed)
            });
            case.verify();
            until("Ready", LIMIT, || {
                case.replica(&console)
                    .filter(|replica| replica.state == VisibleState::Ready)
            });
        }
    }
}
