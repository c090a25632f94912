//! `cargo xtask bench latency`: how long any page or server function takes on a large estate.
//!
//! A release build serves an estate that it made itself, with sessions at work and drafts under way.
//! One connection asks for each path in turn, over and over, so that what goes on beside it is spread
//! over all of them. A path whose 95th percentile is over the goal makes the command fail.

mod estate;
mod http;

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use self::{
    estate::Estate,
    http::{Connection, form},
};
use super::report::machine;
use crate::{
    run,
    site::{self, Kind},
    workspace::{self, Metadata},
};

/// The 95th percentile of every path stays below this.
const GOAL: Duration = Duration::from_millis(50);
/// The estate is made within this.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// VMs with replicas
    #[arg(long, default_value_t = 10_000)]
    vms: usize,
    /// Sessions at work, and VMs chosen in each draft
    #[arg(long, default_value_t = 1_000)]
    sessions: usize,
    /// How often each path is asked for
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Measure this program instead of a release build
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The built site to serve; by default the release build's
    #[arg(long, value_name = "DIR")]
    site_dir: Option<PathBuf>,
    /// Ask only for paths that hold this, as the table names them
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    only: String,
    /// Write docs/benchmarks-latency.md
    #[arg(long, conflicts_with = "only")]
    write: bool,
}

/// Makes the estate, measures, and tells.
pub(crate) fn run(options: &Options) -> Result<()> {
    let metadata = Metadata::read()?;
    let program = match &options.program {
        Some(program) => program.canonicalize().context("find the program")?,
        None => {
            run::build(&metadata)?;
            metadata.target_directory.join("release/landfall")
        }
    };
    let site = options.site_dir.clone();
    let site = site.unwrap_or_else(|| site::folder(&metadata, Kind::Release));
    let data = metadata.target_directory.join("bench/latency");
    let made = make(&program, &data, options.vms)?;
    crate::console::say(format_args!("  estate made in {:.1} s", made.as_secs_f64()));

    let begun = Instant::now();
    let served = Served::start(&program, &data, &site)?;
    let started = begun.elapsed();
    let mut connection = Connection::open(served.address)?;
    let estate = estate::make(&mut connection, options.sessions)?;
    let mut asks = asks(&estate);
    asks.retain(|ask| ask.what.contains(&options.only));
    ensure!(!asks.is_empty(), "no path holds {:?}", options.only);
    let rows = measure(&mut connection, &asks, options.rounds)?;
    drop(served);
    fs::remove_dir_all(&data).context("remove the estate")?;

    let text = text(options, &rows, made, started);
    crate::console::say(format_args!("\n{text}"));
    if options.write {
        let path = workspace::root().join("docs/benchmarks-latency.md");
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    let slow: Vec<&str> = rows
        .iter()
        .filter(|row| row.p95() >= GOAL)
        .map(|row| row.what.as_str())
        .collect();
    ensure!(slow.is_empty(), "over the goal: {}", slow.join("; "));
    ensure!(made < MADE_WITHIN, "making the estate took {made:?}");
    Ok(())
}

/// Makes the estate and says how long that took.
fn make(program: &Path, data: &Path, vms: usize) -> Result<Duration> {
    if data.exists() {
        fs::remove_dir_all(data).context("remove an old estate")?;
    }
    let begun = Instant::now();
    let made = Command::new(program)
        .args(["lab", "reset", "--vms", &vms.to_string(), "--data-dir"])
        .arg(data)
        .stdout(Stdio::null())
        .status()
        .context("start the program")?;
    ensure!(made.success(), "the estate could not be made");
    Ok(begun.elapsed())
}

/// A server that is stopped when it is no longer needed.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(program: &Path, data: &Path, site: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .arg("--site-dir")
            .arg(site)
            .env("LANDFALL_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .context("start the server")?;
        let out = child.stdout.take().context("the server's output")?;
        let mut first = String::new();
        BufReader::new(out).read_line(&mut first)?;
        let address = first.trim().rsplit("http://").next().unwrap_or_default();
        let address = address.parse();
        let address = address.with_context(|| format!("no address in {first:?}"))?;
        Ok(Self { child, address })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // What it kept is removed, so nothing is lost by ending it at once.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A path, and how it is asked for.
struct Ask {
    what: String,
    path: String,
    /// The form; none is read.
    form: Option<String>,
}

/// What was measured of one path, quickest first.
struct Row {
    what: String,
    bytes: usize,
    took: Vec<Duration>,
}

impl Row {
    fn at(&self, percent: usize) -> Duration {
        let rank = (self.took.len() * percent).div_ceil(100).max(1) - 1;
        self.took.get(rank).copied().unwrap_or_default()
    }

    fn p95(&self) -> Duration {
        self.at(95)
    }
}

/// Everything that is asked for.
fn asks(estate: &Estate) -> Vec<Ask> {
    let Estate {
        batch,
        session,
        drafts: [original, recovered, specified],
    } = estate;
    let mut paths: Vec<String> = [
        "/",
        "/?page=50",
        "/?filter=web&sort=-size",
        "/?running_page=5&running_sort=name",
        "/jobs",
        "/proxies",
        "/lab",
        "/api/console/start",
        "/api/console/start?query[replicas][page]=90",
        "/api/console/jobs",
        "/api/console/proxies",
        "/api/console/lab",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("/batches/{batch}"));
    paths.push(format!("/batches/{batch}?page=7&sort=name"));
    paths.push(format!("/sessions/{session}"));
    paths.push(format!("/api/console/batch?id={batch}"));
    paths.push(format!("/api/console/session?id={session}"));
    for step in [
        "replica",
        "replica?page=60",
        "destination",
        "policy",
        "mode",
        "summary",
    ] {
        paths.push(format!("/failback/{original}/{step}"));
    }
    for step in ["target", "target?page=5", "summary"] {
        paths.push(format!("/failback/{recovered}/{step}"));
    }
    for step in ["host", "datastore", "network", "summary"] {
        paths.push(format!("/failback/{specified}/{step}"));
    }
    for step in ["replica", "summary"] {
        paths.push(format!("/api/console/draft?id={original}&step={step}"));
    }
    let known = [
        (batch, "BATCH"),
        (session, "SESSION"),
        (original, "ORIGINAL"),
        (recovered, "RECOVERED"),
        (specified, "SPECIFIED"),
    ];
    let named = |path: &str| {
        let known = known.iter();
        known.fold(path.to_owned(), |path, (id, name)| path.replace(*id, name))
    };
    let mut asks: Vec<Ask> = paths
        .into_iter()
        .map(|path| Ask {
            what: named(&path),
            path,
            form: None,
        })
        .collect();
    let posts = [
        (
            "replicas",
            vec![("paged", "true"), ("press", "filter"), ("filter", "web")],
        ),
        (
            "destination",
            vec![("destination", "original_vm"), ("press", "next")],
        ),
        (
            "mode",
            vec![("mode", "manual"), ("at_once", "8"), ("press", "next")],
        ),
    ];
    asks.extend(posts.into_iter().map(|(step, fields)| {
        let mut all = vec![("id", original.as_str())];
        all.extend(fields);
        Ask {
            what: format!("POST draft/{step}"),
            path: format!("/api/console/draft/{step}"),
            form: Some(form(&all)),
        }
    }));
    asks
}

/// Asks for everything in turn. The first round warms up and does not count.
fn measure(connection: &mut Connection, asks: &[Ask], rounds: usize) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = asks
        .iter()
        .map(|ask| Row {
            what: ask.what.clone(),
            bytes: 0,
            took: Vec::new(),
        })
        .collect();
    for round in 0..=rounds {
        for (ask, row) in asks.iter().zip(&mut rows) {
            let begun = Instant::now();
            let answer = match &ask.form {
                Some(form) => connection.post(&ask.path, form)?,
                None => connection.get(&ask.path)?,
            };
            let took = begun.elapsed();
            let fine = matches!((answer.status, &ask.form), (200, None) | (302, Some(_)));
            ensure!(fine, "{}: status {}", ask.path, answer.status);
            row.bytes = answer.body.len();
            if round > 0 {
                row.took.push(took);
            }
        }
    }
    for row in &mut rows {
        row.took.sort_unstable();
    }
    Ok(rows)
}

fn text(options: &Options, rows: &[Row], made: Duration, started: Duration) -> String {
    let mut text = String::new();
    let mut line = |what: String| {
        let _never_fails = writeln!(text, "{what}");
    };
    let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
    line("# Latency".to_owned());
    line(String::new());
    line(format!(
        "Written by `cargo xtask bench latency --write`. An estate of {} VMs with replicas, {} sessions \
         that wait for a person, and a draft for each destination with {} VMs chosen. One connection \
         over loopback asks for each path {} times, all paths in turn, and waits for the last byte. The \
         goal is a 95th percentile below {} ms for every path.",
        options.vms,
        options.sessions,
        options.sessions,
        options.rounds,
        GOAL.as_millis()
    ));
    line(String::new());
    line(format!(
        "The estate was made in {:.1} s (goal {} s), and the console was ready {:.1} s after its start. \
         Machine: {}.",
        made.as_secs_f64(),
        MADE_WITHIN.as_secs(),
        started.as_secs_f64(),
        machine()
    ));
    line(String::new());
    line("| path | p50 ms | p95 ms | max ms | KiB | goal |".to_owned());
    line("|---|---:|---:|---:|---:|---|".to_owned());
    for row in rows {
        line(format!(
            "| {} | {:.1} | {:.1} | {:.1} | {} | {} |",
            row.what,
            ms(row.at(50)),
            ms(row.p95()),
            ms(row.at(100)),
            row.bytes.div_ceil(1_024),
            if row.p95() < GOAL { "met" } else { "missed" }
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let took = |count: u64| Row {
            what: String::new(),
            bytes: 0,
            took: (1..=count).map(Duration::from_millis).collect(),
        };
        let row = took(200);
        assert_eq!(row.at(50), Duration::from_millis(100));
        assert_eq!(row.p95(), Duration::from_millis(190));
        assert_eq!(row.at(100), Duration::from_millis(200));
        assert_eq!(took(1).p95(), Duration::from_millis(1));
        assert_eq!(took(0).p95(), Duration::ZERO);
    }
}
