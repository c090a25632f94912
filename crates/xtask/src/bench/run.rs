//! Runs a case: sets the stage, times whole processes, and keeps what each round took.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    case::{Case, Facts, State, Target, Tool},
    floor,
    half::allocated,
    images::{self, Images},
    judge::Row,
    servers,
    took::{Measure, Took},
};
use crate::workspace;

/// Where the images and the programs are.
pub(super) struct Stage {
    pub(super) images: Images,
    pub(super) facts: Facts,
    pub(super) landfall: PathBuf,
    /// This program, for its modelled link.
    pub(super) xtask: PathBuf,
}

impl Stage {
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.images.at(name)
    }
}

/// Measures one case.
pub(super) fn measure(stage: &Stage, case: &'static Case, rounds: usize) -> Result<Row> {
    let there: Vec<&Tool> = case
        .tools
        .iter()
        .filter(|tool| workspace::on_path(tool.program))
        .collect();
    let mut took: BTreeMap<String, Vec<Took>> = there
        .iter()
        .map(|tool| (tool.name.to_owned(), Vec::new()))
        .collect();
    if let Some(name) = case
        .reads
        .iter()
        .find(|name| **name != "X" && !stage.at(name).exists())
    {
        bail!("there was no room for image {name}");
    }
    for round in 0..=rounds {
        for turn in 0..there.len() {
            let tool = there[(turn + round) % there.len()];
            let one = once(stage, case, tool, round == 0)
                .with_context(|| format!("case {}, {}", case.id, tool.name))?;
            if round > 0 {
                took.entry(tool.name.to_owned()).or_default().push(one);
            }
        }
    }
    for name in ["X", "X-full", "ov"] {
        drop(fs::remove_file(stage.at(name)));
    }
    Ok(Row {
        id: case.id.to_owned(),
        tools: took,
        profile: None,
    })
}

/// The target is kept between runs: what makes it equal to the source leaves little to reset.
fn target_of(stage: &Stage, case: &Case) -> PathBuf {
    match case.target {
        Target::CopyOf("F") => stage.at("X-full"),
        Target::CopyOf(_) => stage.at("X-old"),
        Target::None | Target::Missing | Target::Empty => stage.at("X"),
    }
}

/// Runs one tool once; in the first round, what it wrote is compared with the source.
fn once(stage: &Stage, case: &Case, tool: &Tool, check: bool) -> Result<Took> {
    let target = target_of(stage, case);
    let stand = Stand {
        stage,
        target: &target,
    };
    on_the_stand(&stand, case, !check, || {
        let mut took = stand.time(tool)?;
        for (measure, value) in servers::took(&stage.images.directory)? {
            took.put(measure, value);
        }
        if case.state == State::Cold {
            took.put(Measure::Residue, residue(stage, case, &target)?);
        }
        if target.exists() {
            took.put(Measure::Allocated, allocated(&target)? as f64);
        }
        if check && case.target != Target::None {
            check_target(stage, case, &target, tool)?;
        }
        Ok(took)
    })
}

/// Runs a tool once behind a program such as perf.
pub(super) fn behind(stage: &Stage, case: &Case, words: &[&str], tool: &Tool) -> Result<()> {
    let target = target_of(stage, case);
    let stand = Stand {
        stage,
        target: &target,
    };
    on_the_stand(&stand, case, true, || stand.behind(words, tool))
}

/// Sets the stage, does the work, and clears up. A target that a failure left in between is not
/// trusted by the next run.
fn on_the_stand<T>(
    stand: &Stand<'_>,
    case: &Case,
    trusted: bool,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let (stage, target) = (stand.stage, stand.target);
    let busy = target.with_extension("busy");
    let trusted = trusted && !busy.exists();
    fs::write(&busy, "")?;
    prepare(stage, case, target, trusted)?;
    if let Some((before, _)) = case.around {
        stand.shell(before)?;
    }
    let result = match case.state {
        State::Warm => warm(stage, case, target),
        State::Cold => cold(),
    };
    let result = result.and_then(|()| work());
    if let Some((_, after)) = case.around {
        stand.shell(after)?;
    }
    if result.is_ok() {
        fs::remove_file(busy)?;
    }
    result
}

fn prepare(stage: &Stage, case: &Case, target: &Path, trusted: bool) -> Result<()> {
    match case.target {
        Target::None => {}
        Target::CopyOf(name) => stage.images.reset(name, target, trusted)?,
        Target::Missing => drop(fs::remove_file(target)),
        Target::Empty => stage.images.make_empty(target)?,
    }
    if target.exists() {
        // Its pages are not to be written back while the clock runs.
        File::open(target)?.sync_all()?;
    }
    Ok(())
}

fn check_target(stage: &Stage, case: &Case, target: &Path, tool: &Tool) -> Result<()> {
    let raw = stage.at("X.raw");
    let (source, written) = match case.target {
        Target::CopyOf("F") => (stage.at("F"), target),
        Target::Missing if case.tools.iter().any(|it| it.command.contains("qcow2")) => {
            let mut convert = Command::new("qemu-img");
            convert.args(["convert", "-f", "qcow2", "-O", "raw"]);
            let convert = convert.args([target, raw.as_path()]);
            ensure!(
                convert.status()?.success(),
                "qemu-img cannot read what was written"
            );
            (stage.at("S"), raw.as_path())
        }
        Target::None | Target::CopyOf(_) | Target::Empty | Target::Missing => {
            (stage.at("S"), target)
        }
    };
    ensure!(
        images::equal(&source, written)?,
        "{} left a difference",
        tool.name
    );
    drop(fs::remove_file(raw));
    Ok(())
}

/// Reads what holds data of every image that the case uses.
fn warm(stage: &Stage, case: &Case, target: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    for name in case.reads {
        let path = if *name == "X" {
            target.to_owned()
        } else {
            stage.at(name)
        };
        let file = File::open(&path)?;
        for (from, to) in floor::data(&path)? {
            for at in (from..to).step_by(1 << 20) {
                let len = usize::try_from((to - at).min(1 << 20))?;
                file.read_exact_at(&mut buffer[..len], at)?;
            }
        }
    }
    Ok(())
}

fn cold() -> Result<()> {
    let done = Command::new("sync").status()?.success();
    ensure!(done, "sync failed");
    fs::write("/proc/sys/vm/drop_caches", "3").context("empty the page cache: cold cases need root")
}

/// Bytes of the disks that the page cache holds.
fn residue(stage: &Stage, case: &Case, target: &Path) -> Result<f64> {
    let other = match case.target {
        Target::None => stage.at("C"),
        Target::CopyOf(_) | Target::Missing | Target::Empty => target.to_owned(),
    };
    let mut fincore = Command::new("fincore");
    fincore.args(["--bytes", "--noheadings", "--output", "RES"]);
    let text = workspace::output(fincore.args([stage.at("S"), other]))?;
    let bytes: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("understand fincore")?;
    ensure!(bytes.len() == 2, "fincore printed {text:?}");
    Ok(bytes.iter().sum())
}

/// The directory of the images with a target.
struct Stand<'a> {
    stage: &'a Stage,
    target: &'a Path,
}

impl Stand<'_> {
    /// A command with the names of [`super::cases`].
    fn on_stage<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let stage = self.stage;
        let logical = stage.images.logical();
        command
            .current_dir(&stage.images.directory)
            .env("L", &stage.landfall)
            .env("D", &stage.images.directory)
            .env("XT", &stage.xtask)
            .env("X", self.target)
            .env("K", stage.at("count"))
            .env("SMALL", logical.to_string())
            .env("LARGE", (logical * 1024).to_string())
            .stdin(Stdio::null());
        for name in [
            "S", "C", "SQ", "CQ", "R1", "F", "G1", "G4", "G16", "H1", "H4", "H16",
        ] {
            command.env(name, stage.at(name));
        }
        command
    }

    fn shell(&self, text: &str) -> Result<()> {
        let mut command = Command::new("sh");
        let status = self
            .on_stage(command.args(["-c", text]))
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "{text}: {status}");
        Ok(())
    }

    fn behind(&self, words: &[&str], tool: &Tool) -> Result<()> {
        let (program, args) = words.split_first().context("name a program")?;
        let mut command = Command::new(program);
        let command = command.args(args).args(["sh", "-c", tool.command]);
        let status = self
            .on_stage(command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ensure!(status.success(), "{program}: {status}");
        Ok(())
    }

    fn time(&self, tool: &Tool) -> Result<Took> {
        let (figures, count) = (self.stage.at("time"), self.stage.at("count"));
        drop(fs::remove_file(&count));
        let mut command = Command::new("time");
        self.on_stage(&mut command)
            .args(["-q", "-f", "%U %S %M %I", "-o"])
            .arg(&figures)
            .args(["sh", "-c", tool.command]);
        let begun = Instant::now();
        let out = command.output().context("start time")?;
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(
            out.status.success(),
            "ended with {}: {}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        );
        let mut took = parse_time(&figures)?;
        took.put(Measure::Seconds, seconds);
        if let Ok(text) = fs::read_to_string(&count) {
            took.put(Measure::LinkBytes, sum(&text)?);
        }
        for line in String::from_utf8_lossy(&out.stdout).lines() {
            put_summary(&mut took, line);
        }
        Ok(took)
    }
}

fn parse_time(figures: &Path) -> Result<Took> {
    let text = fs::read_to_string(figures).context("read what time wrote")?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("understand what time wrote")?;
    let [user, system, peak_kib, inputs] = numbers[..] else {
        anyhow::bail!("time wrote {text:?}");
    };
    let mut took = Took::default();
    took.put(Measure::CpuSeconds, user + system);
    took.put(Measure::PeakKib, peak_kib);
    took.put(Measure::FromDevice, inputs * 512.0);
    Ok(took)
}

fn sum(numbers: &str) -> Result<f64> {
    numbers.split_whitespace().try_fold(0.0, |sum, number| {
        let number: f64 = number.parse().context("understand the link's count")?;
        Ok(sum + number)
    })
}

/// Takes what Landfall's summary and this program's own tools say in JSON.
fn put_summary(took: &mut Took, line: &str) {
    let Ok(summary) = serde_json::from_str::<serde_json::Value>(line) else {
        return;
    };
    for (pointer, measure) in [
        ("/wire", Measure::OwnWire),
        ("/to_send", Measure::ToSend),
        ("/counters/sent", Measure::Sent),
        ("/counters/written", Measure::Written),
        ("/counters/verified", Measure::Verified),
        ("/printed", Measure::Printed),
    ] {
        if let Some(value) = summary.pointer(pointer).and_then(serde_json::Value::as_f64) {
            took.put(measure, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landfalls_summary_is_understood() {
        let mut took = Took::default();
        put_summary(&mut took, "some words");
        put_summary(
            &mut took,
            r#"{"wire":17,"to_send":4096,"counters":{"sent":5,"written":6,"verified":7}}"#,
        );
        put_summary(&mut took, r#"{"printed":8}"#);
        let of = |measure| took.of(measure);
        assert_eq!(of(Measure::OwnWire), 17.0);
        assert_eq!(of(Measure::ToSend), 4096.0);
        assert_eq!(of(Measure::Sent), 5.0);
        assert_eq!(of(Measure::Written), 6.0);
        assert_eq!(of(Measure::Verified), 7.0);
        assert_eq!(of(Measure::Printed), 8.0);
    }

    #[test]
    fn both_directions_of_the_link_are_added() {
        assert_eq!(sum("10 32\n").expect("a sum"), 42.0);
        assert!(sum("10 x").is_err());
    }
}
