//! Running a client to its end, and ending it with all that it started when that takes too long.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between two looks at whether a call has ended.
pub(super) const LOOK: Duration = Duration::from_millis(4);

/// A client that has ended, and what it said.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a command to its end; none when it took longer than that, and was ended.
pub(super) fn finish(command: Command, patience: Duration) -> io::Result<Option<Ended>> {
    finish_fed(command, Stdio::null(), patience)
}

/// The same, with something to read.
pub(super) fn finish_fed(
    mut command: Command,
    input: Stdio,
    patience: Duration,
) -> io::Result<Option<Ended>> {
    let mut child = spawn(&mut command, input, Stdio::piped())?;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let Some(status) = wait(&mut child, patience)? else {
        end_group(&mut child);
        return Ok(None);
    };
    Ok(Some(Ended {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    }))
}

/// Starts a command, whose output is read.
pub(super) fn spawn(command: &mut Command, input: Stdio, errors: Stdio) -> io::Result<Child> {
    command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(errors)
        // What it starts, such as an `ssh`, must end with it.
        .process_group(0)
        .spawn()
}

fn reader(from: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from
            && let Err(error) = from.read_to_end(&mut bytes)
        {
            tracing::warn!(%error, "what a client says cannot be read");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits so long; none while it runs on.
pub(super) fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Ends a client that leads a group of its own, and the group.
pub(super) fn end_group(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id())
        && let Some(group) = rustix::process::Pid::from_raw(id)
        && let Err(error) =
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
    {
        tracing::warn!(%error, "a client cannot be ended");
    }
    if let Err(error) = child.wait() {
        tracing::warn!(%error, "a client cannot be waited for");
    }
}
