//! Runs long programs so that somebody who watches sees that they live.
//!
//! Cargo's line per crate is counted instead of shown; everything else passes through. When nothing
//! was printed for a while, one line says how far it is.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::console;

/// How long a task may be silent.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    /// Everything it printed, on either stream, in order of arrival.
    pub(crate) lines: Vec<String>,
}

/// Runs to the end; a failure is an error.
pub(crate) fn run(title: &str, command: &mut Command) -> Result<()> {
    let outcome = watch(title, command)?;
    ensure!(outcome.success, "{title} failed");
    Ok(())
}

/// Times a step that is our own code.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    console::say(format_args!("> {title}"));
    let begun = Instant::now();
    let result = work();
    finish(title, result.is_ok(), begun);
    result
}

/// Runs to the end and tells how it ended.
pub(crate) fn watch(title: &str, command: &mut Command) -> Result<Outcome> {
    console::say(format_args!("> {title}"));
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", command.get_program().to_string_lossy()))?;
    let (sender, receiver) = mpsc::channel();
    read_lines(child.stdout.take(), sender.clone());
    read_lines(child.stderr.take(), sender);

    let mut lines = Vec::new();
    let mut crates = 0_usize;
    let mut spoke = Instant::now();
    loop {
        let silence = HEARTBEAT.saturating_sub(spoke.elapsed());
        match receiver.recv_timeout(silence) {
            Ok(line) => {
                if is_crate_line(&line) {
                    crates += 1;
                } else if !is_noise(&line) {
                    console::say(format_args!("  {line}"));
                    spoke = Instant::now();
                }
                lines.push(line);
            }
            Err(RecvTimeoutError::Timeout) => {
                console::say(progress(title, begun, crates, lines.last()));
                spoke = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let success = child.wait().context("wait for a program")?.success();
    finish(title, success, begun);
    Ok(Outcome { success, lines })
}

fn read_lines(stream: Option<impl Read + Send + 'static>, sender: Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

fn is_crate_line(line: &str) -> bool {
    ["Compiling ", "Checking ", "Documenting "]
        .iter()
        .any(|verb| line.trim_start().starts_with(verb))
}

fn is_noise(line: &str) -> bool {
    [
        "Finished ",
        "Downloading ",
        "Downloaded ",
        "Blocking ",
        "Updating ",
        "Locking ",
        "Adding ",
    ]
    .iter()
    .any(|verb| line.trim_start().starts_with(verb))
}

fn progress(title: &str, begun: Instant, crates: usize, last: Option<&String>) -> String {
    let so_far = console::duration(begun.elapsed());
    match last {
        Some(line) if is_crate_line(line) => {
            format!(
                "  {title}: {so_far}, {crates} crates begun, last: {}",
                line.trim()
            )
        }
        _ => format!("  {title}: {so_far}, still at work"),
    }
}

fn finish(title: &str, success: bool, begun: Instant) {
    let verdict = if success { "done" } else { "FAILED" };
    console::say(format_args!(
        "< {title}: {verdict} in {}",
        console::duration(begun.elapsed())
    ));
}
