//! Runs a case: sets the stage, times whole processes, and keeps what each round took.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    cases::{Case, Peer, State, Target},
    images,
};
use crate::workspace;

/// Where the images and Landfall's program are.
pub(super) struct Stage {
    pub(super) landfall: PathBuf,
    pub(super) directory: PathBuf,
    /// This program, for its modelled link.
    pub(super) xtask: PathBuf,
}

impl Stage {
    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// What one process took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Took {
    pub(super) seconds: f64,
    /// Of the process and all its children.
    pub(super) cpu_seconds: f64,
    /// Peak resident memory of the largest process.
    pub(super) peak_kib: f64,
}

/// A tool with what it took, round by round; nothing when it is not there.
pub(super) struct Measured {
    pub(super) name: &'static str,
    /// Landfall's share of this tool's time that is the goal; none for Landfall itself.
    pub(super) goal: Option<f64>,
    pub(super) rounds: Vec<Took>,
}

/// A case with its tools, Landfall first.
pub(super) struct Row {
    pub(super) case: &'static Case,
    pub(super) tools: Vec<Measured>,
}

/// Measures one case.
pub(super) fn measure(stage: &Stage, case: &'static Case, rounds: usize) -> Result<Row> {
    let ours = Peer {
        name: "landfall",
        program: "sh",
        command: case.landfall,
        goal: 0.0,
    };
    let there = case
        .peers
        .iter()
        .filter(|peer| workspace::on_path(peer.program));
    let tools: Vec<Peer> = std::iter::once(ours).chain(there.copied()).collect();
    let mut took = vec![Vec::new(); tools.len()];
    for round in 0..=rounds {
        for turn in 0..tools.len() {
            let index = (turn + round) % tools.len();
            let one = once(stage, case, &tools[index], round == 0)?;
            if round > 0 {
                took[index].push(one);
            }
        }
    }
    for name in ["X", "ov"] {
        drop(fs::remove_file(stage.at(name)));
    }
    let mut measured: Vec<Measured> = tools
        .iter()
        .zip(took)
        .enumerate()
        .map(|(index, (tool, rounds))| Measured {
            name: tool.name,
            goal: (index > 0).then_some(tool.goal),
            rounds,
        })
        .collect();
    let absent = case
        .peers
        .iter()
        .filter(|peer| !workspace::on_path(peer.program));
    measured.extend(absent.map(|peer| Measured {
        name: peer.name,
        goal: Some(peer.goal),
        rounds: Vec::new(),
    }));
    Ok(Row {
        case,
        tools: measured,
    })
}

fn once(stage: &Stage, case: &Case, tool: &Peer, check: bool) -> Result<Took> {
    let target = stage.at("X");
    match case.target {
        Target::None => {}
        Target::CopyOf(name) => images::copy_sparse(&stage.at(name), &target, "auto")?,
        Target::Missing => drop(fs::remove_file(&target)),
        Target::Empty => images::make_empty(&target)?,
    }
    if target.exists() {
        // Its pages are not to be written back while the clock runs.
        File::open(&target)?.sync_all()?;
    }
    match case.state {
        State::Warm => warm(stage, case)?,
        State::Cold => cold()?,
    }
    if let Some((before, _)) = case.around {
        shell(stage, before)?;
    }
    let took = time(stage, tool);
    if let Some((_, after)) = case.around {
        shell(stage, after)?;
    }
    let took = took?;
    if check && case.target != Target::None {
        let plain = match case.target {
            Target::Missing => to_raw(stage)?,
            Target::None | Target::CopyOf(_) | Target::Empty => target,
        };
        ensure!(
            images::equal(&stage.at("S"), &plain)?,
            "{} left a difference",
            tool.name
        );
        drop(fs::remove_file(stage.at("X.raw")));
    }
    Ok(took)
}

/// Reads every image that the case may use.
fn warm(stage: &Stage, case: &Case) -> Result<()> {
    for name in ["S", "C", "SQ", "CQ", "X"] {
        let used = name == "S"
            || (name == "X" && case.target != Target::None)
            || (name == "C" && case.around.is_some())
            || case.landfall.ends_with(&format!("${name}"))
            || case.landfall.contains(&format!("${name} "));
        let path = stage.at(name);
        if used && path.exists() {
            std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
        }
    }
    Ok(())
}

fn cold() -> Result<()> {
    let done = Command::new("sync").status()?.success();
    ensure!(done, "sync failed");
    fs::write("/proc/sys/vm/drop_caches", "3").context("empty the page cache: cold cases need root")
}

fn to_raw(stage: &Stage) -> Result<PathBuf> {
    let raw = stage.at("X.raw");
    let status = Command::new("qemu-img")
        .args(["convert", "-f", "qcow2", "-O", "raw"])
        .args([stage.at("X"), raw.clone()])
        .status()?;
    ensure!(status.success(), "qemu-img cannot read what was written");
    Ok(raw)
}

/// A command in the directory of the images, with the names of [`super::cases`].
fn on_stage<'a>(stage: &Stage, command: &'a mut Command) -> &'a mut Command {
    command
        .current_dir(&stage.directory)
        .env("L", &stage.landfall)
        .env("D", &stage.directory)
        .env("XT", &stage.xtask)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    for name in ["S", "C", "T1", "T10", "SQ", "CQ", "X", "R1"] {
        command.env(name, stage.at(name));
    }
    command
}

fn shell(stage: &Stage, text: &str) -> Result<()> {
    let mut command = Command::new("sh");
    let status = on_stage(stage, command.args(["-c", text])).status()?;
    ensure!(status.success(), "{text}: {status}");
    Ok(())
}

fn time(stage: &Stage, tool: &Peer) -> Result<Took> {
    let figures = stage.at("time");
    let mut command = Command::new("time");
    on_stage(stage, &mut command)
        .args(["-q", "-f", "%U %S %M", "-o"])
        .arg(&figures)
        .args(["sh", "-c", tool.command])
        .stderr(Stdio::piped());
    let begun = Instant::now();
    let out = command.output().context("start time")?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(
        out.status.success(),
        "{} ended with {}: {}",
        tool.name,
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    parse(&figures, seconds)
}

fn parse(figures: &Path, seconds: f64) -> Result<Took> {
    let text = fs::read_to_string(figures).context("read what time wrote")?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("understand what time wrote")?;
    let [user, system, peak_kib] = numbers[..] else {
        anyhow::bail!("time wrote {text:?}");
    };
    Ok(Took {
        seconds,
        cpu_seconds: user + system,
        peak_kib,
    })
}
