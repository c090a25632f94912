//! Progress on standard error: a bar on a terminal, JSON lines when asked, nothing otherwise.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::DiskCounters;
use mover::Meter;

const EVERY: Duration = Duration::from_millis(250);
const TEMPLATE: &str = "{wide_bar} {percent:>3} %  {msg}";

/// A thread that shows a meter, where somebody looks.
pub(super) struct Progress {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

/// How it is shown.
enum Shown {
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    /// Shows the meter from now on.
    pub(super) fn start(meter: &Meter, json: bool) -> Self {
        let shown = if json {
            Shown::Lines
        } else if io::stderr().is_terminal() {
            Shown::Bar(bar())
        } else {
            return Self { running: None };
        };
        let (end, ended) = channel::<()>();
        let meter = meter.clone();
        let thread = thread::spawn(move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                shown.show(&meter.counters());
            }
            match shown {
                Shown::Bar(bar) => bar.finish_and_clear(),
                Shown::Lines => line(&meter.counters()),
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

impl Shown {
    fn show(&self, counters: &DiskCounters) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(counters.to_scan.0);
                bar.set_position(counters.scanned.0);
                bar.set_message(words(counters));
            }
            Self::Lines => line(counters),
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(TEMPLATE);
    // The template is a constant; the plain bar is as good if it were wrong.
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What the bar does not show by its length.
fn words(counters: &DiskCounters) -> String {
    let left = counters
        .remaining_seconds
        .map_or_else(String::new, |seconds| format!(", about {seconds} s left"));
    let unread = if counters.unread.0 > 0 {
        format!(", {} unreadable", counters.unread)
    } else {
        String::new()
    };
    format!(
        "{} of {}, {} different{unread}, {}{left}",
        counters.scanned, counters.to_scan, counters.different, counters.rate
    )
}

fn line(counters: &DiskCounters) {
    if let Ok(line) = serde_json::to_string(counters) {
        // Nobody is left to tell when standard error itself is gone.
        let mut stderr = io::stderr().lock();
        drop(stderr.write_all(format!("{line}\n").as_bytes()));
        drop(stderr.flush());
    }
}

#[cfg(test)]
mod tests {
    use model::{ByteCount, BytesPerSecond};

    use super::*;

    #[test]
    fn the_bar_says_what_its_length_does_not() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
        let mut counters = DiskCounters {
            to_scan: ByteCount(8 << 30),
            scanned: ByteCount(2 << 30),
            different: ByteCount(3 << 20),
            rate: BytesPerSecond(1 << 30),
            ..DiskCounters::default()
        };
        let text = words(&counters);
        assert!(text.contains("3 MiB different"), "{text}");
        assert!(
            !text.contains("unreadable") && !text.contains("left"),
            "{text}"
        );
        counters.unread = ByteCount(512);
        counters.remaining_seconds = Some(6);
        let text = words(&counters);
        assert!(text.contains("512 B unreadable"), "{text}");
        assert!(text.contains("about 6 s left"), "{text}");
    }
}
