//! A client that works for as long as it is held: it ends when its input does, and gets signs of life
//! until then.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use crate::libvirt::process;

/// How long it may take to end by itself: a server writes first what it still has to.
const GOODBYE: Duration = Duration::from_secs(60);
/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(15);

/// A process that ends when its input does. Until then it gets signs of life.
#[derive(Debug)]
pub(super) struct Served {
    child: Child,
    /// Its input ends with this.
    input: Option<Sender<()>>,
}

impl Served {
    pub(super) fn start(mut command: Command, errors: File) -> io::Result<Self> {
        let mut child = process::spawn(&mut command, Stdio::piped(), errors.into())?;
        let (input, over) = channel::<()>();
        if let Some(mut stdin) = child.stdin.take() {
            let beats = move || {
                while over.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                    if stdin.write_all(b".").is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new()
                .name("ssh-beats".to_owned())
                .spawn(beats)?;
        }
        let input = Some(input);
        Ok(Self { child, input })
    }

    /// What it says first; none where it ends before.
    pub(super) fn first_line(&mut self) -> Option<String> {
        let output = self.child.stdout.take()?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).ok()?;
        let line = line.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.input.take());
        if !matches!(process::wait(&mut self.child, GOODBYE), Ok(Some(_))) {
            process::end_group(&mut self.child);
        }
    }
}
