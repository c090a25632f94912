//! Whether a program listens at a Unix socket.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// The flag of a socket that accepts connections, as Linux writes it in its list: `unix(7)`,
/// `/proc/net/unix`.
const ACCEPTS: &str = "00010000";

/// Waits until a program listens at a socket: its file is there a moment before that, and who
/// connects too early is refused. Nothing connects to find out.
///
/// # Panics
/// When nobody listens after `most`.
pub fn until_listening(socket: &Path, most: Duration) {
    let begun = Instant::now();
    while !listens(socket) {
        let waited = begun.elapsed();
        assert!(
            waited < most,
            "nobody listens at {} after {waited:?}",
            socket.display()
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a program listens there now.
#[must_use]
pub fn listens(socket: &Path) -> bool {
    let all = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let socket = socket.to_string_lossy();
    all.lines().any(|line| {
        // The path ends the line and may hold spaces.
        let path = line.strip_suffix(&*socket);
        let fields = path.filter(|fields| fields.ends_with(' '));
        fields.is_some_and(|fields| fields.split_whitespace().nth(3) == Some(ACCEPTS))
    })
}
