//! Progress on standard error: a line that is written over on a terminal, JSON lines when asked.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use mover::Meter;

const EVERY: Duration = Duration::from_millis(250);

/// A thread that shows a meter, where somebody looks.
pub(super) struct Progress {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Shows the meter from now on.
    pub(super) fn start(meter: &Meter, json: bool) -> Self {
        if !json && !io::stderr().is_terminal() {
            return Self { running: None };
        }
        let (end, ended) = channel::<()>();
        let meter = meter.clone();
        let thread = thread::spawn(move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                show(&meter, json);
            }
            if !json {
                write("\r\x1b[K");
            }
        });
        Self {
            running: Some((end, thread)),
        }
    }

    /// Stops showing.
    pub(super) fn end(self) {
        if let Some((end, thread)) = self.running {
            drop(end);
            drop(thread.join());
        }
    }
}

fn show(meter: &Meter, json: bool) {
    let counters = meter.counters();
    if json {
        if let Ok(line) = serde_json::to_string(&counters) {
            write(&format!("{line}\n"));
        }
        return;
    }
    let left = counters
        .remaining_seconds
        .map_or_else(String::new, |seconds| format!(", about {seconds} s left"));
    write(&format!(
        "\r\x1b[K{} of {} compared, {} different, {} written, {}{left}",
        counters.scanned, counters.to_scan, counters.different, counters.written, counters.rate
    ));
}

fn write(text: &str) {
    // Nobody is left to tell when standard error itself is gone.
    let mut stderr = io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()));
    drop(stderr.flush());
}
