//! The one place that writes to the terminal.

use std::{
    fmt::Display,
    io::{self, Write as _},
    time::Duration,
};

/// Prints one line.
pub(crate) fn say(text: impl Display) {
    let mut out = io::stdout().lock();
    // With standard output closed there is nobody left to tell.
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// `7.4 s`, `1 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{}.{} s", seconds, time.subsec_millis() / 100);
    }
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}
