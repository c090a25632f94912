//! The one place that writes to the terminal.

use std::{
    fmt::Display,
    io::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Whether standard output is for [`data`] alone.
static WORDS_TO_ERROR: AtomicBool = AtomicBool::new(false);

/// From now on, keeps words out of standard output, which another program reads.
pub(crate) fn words_to_error() {
    WORDS_TO_ERROR.store(true, Ordering::Relaxed);
}

/// Prints one line of words.
pub(crate) fn say(text: impl Display) {
    if WORDS_TO_ERROR.load(Ordering::Relaxed) {
        drop(writeln!(io::stderr().lock(), "{text}"));
    } else {
        data(text);
    }
}

/// Prints one line of what was asked for.
pub(crate) fn data(text: impl Display) {
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
