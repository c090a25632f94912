//! What tells whether a file was written to or replaced.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

/// No file system's clock ticks more slowly: two writes further apart have different times.
const TICK: Duration = Duration::from_millis(20);

/// The device, number, size and times of a file as one text, which a later write makes another.
///
/// # Errors
/// When it cannot be looked at.
pub fn file_stamp(path: &Path) -> io::Result<String> {
    let mut about = fs::metadata(path)?;
    // A write within the same tick as the last one would leave the same times behind.
    while is_fresh(&about) {
        thread::sleep(TICK);
        about = fs::metadata(path)?;
    }
    Ok(format!(
        "{}:{} {} {}.{:09} {}.{:09}",
        about.dev(),
        about.ino(),
        about.size(),
        about.mtime(),
        about.mtime_nsec(),
        about.ctime(),
        about.ctime_nsec(),
    ))
}

fn is_fresh(about: &fs::Metadata) -> bool {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let at = |seconds: i64, nanos: i64| {
        let seconds = Duration::from_secs(seconds.unsigned_abs());
        seconds + Duration::from_nanos(nanos.unsigned_abs())
    };
    let last = at(about.mtime(), about.mtime_nsec()).max(at(about.ctime(), about.ctime_nsec()));
    // A time in the future says that clocks jumped; waiting for it would not help.
    now.checked_sub(last).is_some_and(|age| age < TICK)
}
