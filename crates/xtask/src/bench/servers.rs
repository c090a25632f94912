//! What the servers of a case took until now, by what the kernel says of their processes.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::took::Measure;

/// Clock ticks per second in `/proc/PID/stat`: fixed on Linux.
const TICKS: f64 = 100.0;

/// Of every process whose id is in a file `*.pid` of the directory, together; nothing when there
/// is none.
pub(super) fn took(directory: &Path) -> Result<Vec<(Measure, f64)>> {
    let (mut seconds, mut peak_kib, mut any) = (0.0, 0.0, false);
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "pid") {
            continue;
        }
        let id = fs::read_to_string(&path)?;
        let about = Path::new("/proc").join(id.trim());
        seconds += cpu_seconds(&fs::read_to_string(about.join("stat"))?)?;
        peak_kib += peak(&fs::read_to_string(about.join("status"))?)?;
        any = true;
    }
    Ok(if any {
        vec![
            (Measure::ServerCpuSeconds, seconds),
            (Measure::ServerPeakKib, peak_kib),
        ]
    } else {
        Vec::new()
    })
}

/// The name may hold anything, so fields are counted from its closing bracket.
fn cpu_seconds(stat: &str) -> Result<f64> {
    let (_, fields) = stat.rsplit_once(')').context("a process without a name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> {
        let field = fields.next().context("a process without its times")?;
        field.parse().context("understand a process's time")
    };
    Ok((ticks()? + ticks()?) / TICKS)
}

fn peak(status: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .context("a process without memory")?
        .parse()
        .context("understand a process's memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0";
        assert_eq!(cpu_seconds(stat).expect("times"), 2.0);
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak(status).expect("memory"), 2048.0);
    }

    #[test]
    fn without_servers_there_is_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(took(dir.path()).expect("nothing").is_empty());
        fs::write(dir.path().join("a.pid"), std::process::id().to_string()).expect("written");
        let found = took(dir.path()).expect("this process");
        assert_eq!(found.len(), 2);
        assert!(
            found
                .iter()
                .any(|(what, value)| { *what == Measure::ServerPeakKib && *value > 0.0 })
        );
    }
}
