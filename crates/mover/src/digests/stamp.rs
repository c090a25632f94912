//! What tells whether a disk was written since its digests were kept.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

/// No file system's clock ticks more slowly: two writes further apart have different times.
const TICK: Duration = Duration::from_millis(20);

/// Something that changes whenever a disk is written: a write epoch, a generation of change
/// tracking, a file's times.
pub trait Stamp: fmt::Debug + Send + Sync {
    /// As it is now; a later write makes it another.
    ///
    /// # Errors
    /// When it cannot be learned.
    fn now(&self) -> io::Result<String>;

    /// Whether what a run itself writes to the disk makes it another, too. Otherwise a run in which
    /// it changes was not alone.
    fn moves_with_own_writes(&self) -> bool {
        false
    }
}

/// A value that its owner vouches for.
impl Stamp for String {
    fn now(&self) -> io::Result<String> {
        Ok(self.clone())
    }
}

/// The device, number, size and times of a file.
#[derive(Clone, Debug)]
pub struct FileStamp(pub PathBuf);

impl Stamp for FileStamp {
    fn now(&self) -> io::Result<String> {
        let mut about = fs::metadata(&self.0)?;
        // A write within the same tick as the last one would leave the same times behind.
        while is_fresh(&about) {
            thread::sleep(TICK);
            about = fs::metadata(&self.0)?;
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

    fn moves_with_own_writes(&self) -> bool {
        true
    }
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
