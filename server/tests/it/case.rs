//! One VM of a lab on its way home, through whatever consoles come and go over its data.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use model::{
    DiskType, PowerState, VisibleState,
    view::{ReplicaView, SessionView},
};
use tempfile::TempDir;

use crate::{
    console::{Console, empty_site, location, until},
    created,
};

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Where a case's replica returns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To its original.
    Original,
    /// To the VM that the original was restored as.
    Recovered,
    /// To a VM that the session makes, with thin disks.
    Specified,
}

/// A data directory, and the consoles that come and go over it.
pub(crate) struct Case {
    dir: TempDir,
    site: PathBuf,
    /// Which VM of the lab, by name.
    pub(crate) vm: &'static str,
    scale: &'static str,
    way: Way,
    quick: bool,
}

impl Case {
    /// A VM of the tiny lab, and where it returns to.
    pub(crate) fn by(way: Way, vm: &'static str) -> Self {
        Self {
            way,
            ..Self::of(vm, "tiny")
        }
    }

    /// A VM of the sample estate.
    pub(crate) fn sample(vm: &'static str) -> Self {
        Self::of(vm, "sample")
    }

    fn of(vm: &'static str, scale: &'static str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let site = empty_site(dir.path());
        Self {
            dir,
            site,
            vm,
            scale,
            way: Way::Original,
            quick: false,
        }
    }

    /// The same with quick rollback asked for.
    pub(crate) fn quick(self) -> Self {
        Self {
            quick: true,
            ..self
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Starts a console over the data.
    pub(crate) fn start(&self, kill_at: Option<&str>) -> Console {
        Console::start(&self.data(), &self.site, self.scale, kill_at)
    }

    /// Its replica on the start page, once both sites were read: before that the wizard refuses what
    /// it cannot check.
    pub(crate) fn replica(&self, console: &Console) -> Option<ReplicaView> {
        let view = console.start_view()?;
        if view.sites.len() < 2 {
            return None;
        }
        view.replicas
            .into_iter()
            .find(|replica| replica.name == format!("{}-replica", self.vm))
    }

    /// Whether its replica runs.
    pub(crate) fn replica_runs(&self, console: &Console) -> bool {
        self.replica(console)
            .is_some_and(|replica| replica.power == PowerState::On)
    }

    /// Goes through the wizard and presses Finish; the session's id.
    pub(crate) fn finish(&self, console: &Console, mode: &str) -> String {
        if self.way == Way::Specified {
            let replica = until("the replica", LIMIT, || self.replica(console));
            let vm = format!("lab/dr/{}-replica/firmware.json", self.vm);
            fs::write(self.data().join(vm), created::FIRMWARE).expect("written");
            created::record(&self.data(), self.vm, &replica.id, DiskType::AsSource);
            return String::new();
        }
        self.finish_with(console, &[("mode", mode)])
    }

    /// Goes through the wizard with these fields in the step Failback mode and presses Finish.
    pub(crate) fn finish_with(&self, console: &Console, mode: &[(&str, &str)]) -> String {
        let draft = self.draft_with(console, mode);
        Self::press(console, &draft, "finish");
        draft
    }

    /// Goes through the wizard to its last step; the draft's id.
    pub(crate) fn draft(&self, console: &Console, mode: &str) -> String {
        self.draft_with(console, &[("mode", mode)])
    }

    fn draft_with(&self, console: &Console, mode: &[(&str, &str)]) -> String {
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
        let target = format!("production/{}", self.production());
        let mut steps = vec![match self.way {
            Way::Original => (
                "destination",
                vec![
                    ("destination", "original_vm"),
                    ("quick", if self.quick { "true" } else { "false" }),
                    ("press", "next"),
                ],
            ),
            Way::Recovered | Way::Specified => (
                "destination",
                vec![("destination", "recovered_vm"), ("press", "next")],
            ),
        }];
        if self.way == Way::Recovered {
            let line = vec![
                ("replicas[0]", replica.id.as_str()),
                ("targets[0]", target.as_str()),
                ("others[0]", ""),
                ("press", "next"),
            ];
            steps.push(("target", line));
        }
        steps.push(("mode", [mode, &[("press", "next")]].concat()));
        for (step, form) in steps {
            let mut fields = vec![("id", draft.as_str())];
            fields.extend(form);
            let answer = console.post(&format!("/api/console/draft/{step}"), &fields);
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 302, "step {step}");
            let leads = location(&answer);
            assert!(!leads.contains("__err"), "step {step}: {leads}");
        }
        draft
    }

    /// Presses a button of the last step.
    pub(crate) fn press(console: &Console, draft: &str, press: &str) {
        let fields = [("id", draft), ("reason", "a test"), ("press", press)];
        let answer = console.post("/api/console/draft/summary", &fields);
        // The program may be killed as soon as the session is recorded.
        assert_eq!(answer.map_or(302, |answer| answer.status), 302, "{press}");
    }

    /// The newest session of the VM, once it is as wanted.
    pub(crate) fn session(
        &self,
        console: &Console,
        what: &str,
        want: impl Fn(&SessionView) -> bool,
    ) -> SessionView {
        self.stuck_or_not(console, what, |session| {
            assert!(
                session.summary.attention.is_none(),
                "{:?}",
                session.summary.attention
            );
            want(session)
        })
    }

    /// The newest session of the VM, once it is as wanted, even when it needs attention.
    pub(crate) fn stuck_or_not(
        &self,
        console: &Console,
        what: &str,
        want: impl Fn(&SessionView) -> bool,
    ) -> SessionView {
        until(what, LIMIT, || {
            let session = console.newest_session(self.vm)?;
            want(&session).then_some(session)
        })
    }

    /// Lets `landfall lab verify` compare the disks.
    pub(crate) fn verify(&self) {
        let out = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(["lab", "verify", "--data-dir"])
            .arg(self.data())
            .output()
            .expect("it runs");
        let status = out.status;
        let (out, err) = (
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        );
        assert!(status.success() && err.is_empty(), "{status}: {out}{err}");
    }

    /// Virtual bytes of the production VM's disks, and bytes that their images take.
    pub(crate) fn production_space(&self) -> (u64, u64) {
        let vm = self.data().join("lab/production").join(self.production());
        let text = fs::read_to_string(vm.join("vm.json")).expect("described");
        let described: serde_json::Value = serde_json::from_str(&text).expect("json");
        let disks = described["disks"].as_array().expect("disks").iter();
        disks.fold((0, 0), |(size, taken), disk| {
            let base = vm.join(disk["base"].as_str().expect("an image"));
            let blocks = fs::metadata(base).expect("there").blocks();
            (
                size + disk["size"].as_u64().expect("a size"),
                taken + blocks * 512,
            )
        })
    }

    /// Makes the lab anew from the command line.
    pub(crate) fn reset(&self) {
        let out = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(["lab", "reset", "--scale", self.scale, "--data-dir"])
            .arg(self.data())
            .output()
            .expect("it runs");
        assert!(out.status.success(), "{out:?}");
    }

    /// The platform's id of the VM that it returns to.
    pub(crate) fn production(&self) -> String {
        match self.way {
            Way::Original => self.vm.to_owned(),
            Way::Recovered => format!("{}-restored", self.vm),
            Way::Specified => created::platform_id(),
        }
    }

    /// What the firmware of the VM that was made keeps; none where nobody gave it any.
    pub(crate) fn firmware_of_new_vm(&self) -> Option<String> {
        let vm = format!("lab/production/{}/firmware.json", created::platform_id());
        let text = fs::read_to_string(self.data().join(vm)).ok()?;
        let kept: serde_json::Value = serde_json::from_str(&text).expect("json");
        Some(kept.to_string())
    }

    /// What operators call it.
    pub(crate) fn production_name(&self) -> String {
        match self.way {
            Way::Original | Way::Recovered => self.production(),
            Way::Specified => created::name(self.vm),
        }
    }

    /// What the production VM's disks hold, read by `qemu-img`.
    pub(crate) fn production_content(&self) -> Vec<Vec<u8>> {
        self.content_of("production", &self.production(), 0)
    }

    /// What the original VM's disks hold.
    pub(crate) fn original_content(&self) -> Vec<Vec<u8>> {
        self.content_of("production", self.vm, 0)
    }

    /// The VMs that each job names, as the lab's description has them.
    pub(crate) fn jobs(&self) -> Vec<Vec<String>> {
        let path = self.data().join("lab/estate.json");
        let text = fs::read_to_string(path).expect("described");
        let estate: serde_json::Value = serde_json::from_str(&text).expect("json");
        let name = |vm: &serde_json::Value| vm["platform_id"].as_str().expect("an id").to_owned();
        let jobs = estate["jobs"].as_array().expect("jobs").iter();
        jobs.map(|job| {
            job["vms"]
                .as_array()
                .expect("VMs")
                .iter()
                .map(name)
                .collect()
        })
        .collect()
    }

    /// What the replica's disks hold without their newest `above` layers.
    pub(crate) fn replica_content(&self, above: usize) -> Vec<Vec<u8>> {
        self.content_of("dr", &format!("{}-replica", self.vm), above)
    }

    /// What disks hold without their newest `above` layers.
    fn content_of(&self, site: &str, vm: &str, above: usize) -> Vec<Vec<u8>> {
        let vm = self.data().join("lab").join(site).join(vm);
        if !vm.exists() {
            return Vec::new();
        }
        let text = fs::read_to_string(vm.join("vm.json")).expect("described");
        let described: serde_json::Value = serde_json::from_str(&text).expect("json");
        let disks = described["disks"].as_array().expect("disks").clone();
        disks
            .iter()
            .map(|disk| content(&vm, disk, above, self.dir.path()))
            .collect()
    }
}

fn content(vm: &Path, disk: &serde_json::Value, above: usize, scratch: &Path) -> Vec<u8> {
    let layers = disk["layers"].as_array().expect("layers");
    let newest = layers.len().checked_sub(above + 1);
    let (file, format) = match newest.and_then(|index| layers.get(index)) {
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

/// Whether the switchover is done.
pub(crate) fn is_failback(session: &SessionView) -> bool {
    session.summary.state == VisibleState::Failback
}
