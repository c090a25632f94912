//! Kills a command once a file has half of what another has: what a crash in the middle leaves.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// Arguments of `xtask half`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What is copied
    #[arg(long)]
    of: PathBuf,
    /// Where it is copied to
    #[arg(long)]
    file: PathBuf,
    /// The command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// How long a file must stand still before it counts as left alone.
const STILL: Duration = Duration::from_millis(500);

/// Prints how many bytes the file has in the end.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let half = allocated(&options.of)? / 2;
    let (program, args) = options.command.split_first().context("name a command")?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    while allocated(&options.file).unwrap_or(0) < half {
        if let Some(status) = child.try_wait()? {
            bail!("the command ended with {status} before half was done");
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().context("kill the command")?;
    ensure!(!child.wait()?.success(), "the command was done already");
    let left = wait_until_still(&options.file)?;
    crate::console::say(format_args!("{{\"printed\":{left}}}"));
    Ok(ExitCode::SUCCESS)
}

/// A far end that the command had started ends a little later than it.
fn wait_until_still(file: &Path) -> Result<u64> {
    let mut last = allocated(file)?;
    let mut since = Instant::now();
    while since.elapsed() < STILL {
        thread::sleep(Duration::from_millis(20));
        let now = allocated(file)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}

/// Bytes of a file that are allocated.
pub(super) fn allocated(file: &Path) -> Result<u64> {
    let about = fs::metadata(file).with_context(|| format!("look at {}", file.display()))?;
    Ok(about.blocks() * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_killed_at_half() {
        let dir = tempfile::tempdir().expect("a directory");
        let (of, file) = (dir.path().join("of"), dir.path().join("file"));
        fs::write(&of, vec![1; 1 << 20]).expect("written");
        let script = format!(
            "for i in $(seq 64); do head -c 65536 /dev/urandom >> {0}; sync {0}; \
             sleep 0.05; done",
            file.display()
        );
        let options = Options {
            of,
            file: file.clone(),
            command: vec!["sh".to_owned(), "-c".to_owned(), script],
        };
        run(&options).expect("killed");
        let left = fs::metadata(&file).expect("there").len();
        assert!((1 << 19..1 << 20).contains(&left), "{left}");
    }
}
