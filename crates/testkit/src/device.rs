//! Block devices of this host, where tests may make some.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// A loop device over a file; gone when dropped.
#[derive(Debug)]
pub struct LoopDevice(PathBuf);

impl LoopDevice {
    /// Makes a device of the file at `path` with sectors of so many bytes. None where this host
    /// does not let a test do that: it is said aloud, for then nothing is tested.
    #[must_use]
    pub fn attach(path: &Path, sector: u32) -> Option<Self> {
        let mut command = Command::new("losetup");
        command.args(["--find", "--show", "--sector-size", &sector.to_string()]);
        let why = match command.arg(path).output() {
            Ok(out) if out.status.success() => {
                let name = String::from_utf8_lossy(&out.stdout).trim().to_owned();
                return Some(Self(name.into()));
            }
            Ok(out) => String::from_utf8_lossy(&out.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        // Whoever runs the tests may be gone.
        drop(writeln!(
            io::stderr().lock(),
            "SKIPPED: no loop device, so NOTHING OF BLOCK DEVICES IS TESTED HERE: {why}"
        ));
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // It goes with its last user where somebody still has it open.
        drop(
            Command::new("losetup")
                .arg("--detach")
                .arg(&self.0)
                .output(),
        );
    }
}
