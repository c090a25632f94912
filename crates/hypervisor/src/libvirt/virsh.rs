//! Calling `virsh`: one process per call, ended when it takes too long, its words turned into
//! errors that say whether to try again.

use std::{ffi::OsStr, io, path::PathBuf, process::Command, time::Duration};

use thiserror::Error;
use uuid::Uuid;

use super::{
    process::{self, Ended},
    uri::ConnectionUri,
};

/// How long an order may take; none waits for data to be copied.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long questions may take, all that are asked at once: a host that hangs is one that is gone.
const PATIENCE_TO_ASK: Duration = Duration::from_secs(20);

/// A call that failed.
#[derive(Debug, Error)]
pub(super) enum VirshError {
    /// The client could not be started.
    #[error("start {program}. Install libvirt's clients (Debian: libvirt-clients)")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It did not end in time.
    #[error("{command} has not answered for {} s", patience.as_secs())]
    TimedOut {
        /// What was asked.
        command: String,
        /// For how long.
        patience: Duration,
    },
    /// The host could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// There is no such domain.
    #[error("no such domain")]
    NoDomain,
    /// The host refused.
    #[error("{command}: {message}")]
    Refused {
        /// What was asked.
        command: String,
        /// Its words.
        message: String,
    },
}

/// The client of one host.
#[derive(Clone, Debug)]
pub(super) struct Virsh {
    program: PathBuf,
    uri: ConnectionUri,
    patience: Duration,
}

impl Virsh {
    pub(super) fn new(program: PathBuf, uri: ConnectionUri) -> Self {
        Self {
            program,
            uri,
            patience: PATIENCE,
        }
    }

    /// One command, and what it printed.
    pub(super) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String, VirshError> {
        let mut command = self.command();
        command.args(arguments);
        let what = arguments
            .first()
            .map(|it| it.as_ref().to_string_lossy().into_owned())
            .unwrap_or_default();
        let output = self.finish(command, &what, self.patience)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(classify(what, &output.stderr))
    }

    /// Several commands over one connection, given as words without spaces or quotes.
    pub(super) fn batch(&self, commands: &[String]) -> Result<Batch, VirshError> {
        // Nothing that a domain is called or described as can look like a mark.
        let nonce = Uuid::now_v7().simple().to_string();
        let mark = |index: usize| format!("@{nonce}-{index}@");
        let mut script = String::new();
        for (index, command) in commands.iter().enumerate() {
            script.push_str(&format!("echo {}; {command}; ", mark(index)));
        }
        script.push_str(&format!("echo {}", mark(commands.len())));
        let mut command = self.command();
        command.arg(script);
        let output = self.finish(command, "libvirt", self.patience.min(PATIENCE_TO_ASK))?;
        // The marks come back even where commands between them fail; without the last the
        // connection is gone.
        if !output.stdout.contains(&mark(commands.len())) {
            return Err(classify("ask".to_owned(), &output.stderr));
        }
        let answers = (0..commands.len()).map(|index| {
            let from = output.stdout.split_once(&mark(index))?.1;
            let answer = from.split_once(&mark(index + 1))?.0.trim();
            (!answer.is_empty()).then(|| answer.to_owned())
        });
        Ok(Batch {
            answers: answers.collect(),
            complaint: output.stderr,
        })
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--quiet", "--connect", &self.uri.for_client()])
            .env("LC_ALL", "C")
            .env_remove("LIBVIRT_DEFAULT_URI");
        command
    }

    fn finish(
        &self,
        command: Command,
        what: &str,
        patience: Duration,
    ) -> Result<Ended, VirshError> {
        let ended = process::finish(command, patience).map_err(|source| VirshError::Start {
            program: self.program.display().to_string(),
            source,
        })?;
        ended.ok_or_else(|| VirshError::TimedOut {
            command: what.to_owned(),
            patience,
        })
    }
}

/// What came of several commands.
#[derive(Debug)]
pub(super) struct Batch {
    /// What each printed; none where it failed.
    pub(super) answers: Vec<Option<String>>,
    complaint: String,
}

impl Batch {
    /// Why one of them failed, where all were about the same.
    pub(super) fn failure(&self) -> VirshError {
        classify("ask about it".to_owned(), &self.complaint)
    }
}

/// What the words of `virsh` mean. libvirt 9.0 to 12.8 say it the same way in English.
fn classify(command: String, stderr: &str) -> VirshError {
    let lines = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    let message = lines.join(": ");
    let says = |words: &str| message.contains(words);
    if says("failed to connect to the hypervisor")
        || says("Cannot recv data")
        || says("End of file while reading data")
        || says("client socket is closed")
        || says("Disconnected from")
    {
        return VirshError::Unreachable(message);
    }
    if says("Domain not found") || says("failed to get domain") {
        return VirshError::NoDomain;
    }
    VirshError::Refused { command, message }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, thread};

    use super::{super::process::LOOK, *};

    /// A client that is a script.
    fn virsh(directory: &std::path::Path, script: &str) -> Virsh {
        let program = directory.join("virsh");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Virsh::new(program, ConnectionUri::parse("qemu:///system").unwrap())
    }

    #[test]
    fn words_become_errors() {
        let of = |words: &str| classify("start".to_owned(), words);
        assert!(matches!(
            of("error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/x'"),
            VirshError::Unreachable(why) if why.ends_with("Failed to connect socket to '/x'")
        ));
        assert!(matches!(
            of("error: failed to get domain 'x'\n"),
            VirshError::NoDomain
        ));
        assert!(matches!(
            of("error: Failed to start domain 'a'\nerror: Cannot access storage file '/x'"),
            VirshError::Refused { message, .. } if message == "Failed to start domain 'a': Cannot access storage file '/x'"
        ));
    }

    #[test]
    fn answers_of_a_batch_are_told_apart_and_a_lost_connection_is_no_answer() {
        let directory = tempfile::tempdir().unwrap();
        // Prints each mark, and something after the first.
        let good = "for m in $(printf '%s' \"$4\" | grep -o '@[0-9a-f]*-[0-9]*@'); do echo \"$m\"; \
                    case $m in *-0@) echo '<domain/>';; esac; done; \
                    echo \"error: failed to get domain 'a'\" >&2";
        let ask = ["dumpxml a".to_owned(), "domstate a".to_owned()];
        let batch = virsh(directory.path(), good).batch(&ask).unwrap();
        assert_eq!(batch.answers, [Some("<domain/>".to_owned()), None]);
        assert!(matches!(batch.failure(), VirshError::NoDomain));
        let lost = "echo 'error: Disconnected from qemu:///system' >&2; exit 1";
        assert!(matches!(
            virsh(directory.path(), lost).batch(&ask),
            Err(VirshError::Unreachable(_))
        ));
    }

    #[test]
    fn one_that_hangs_is_ended_with_what_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let mut hangs = virsh(directory.path(), "sleep 60 & echo $! > \"$0.child\"; wait");
        hangs.patience = Duration::from_millis(300);
        let error = hangs.run(&["domstate"]).unwrap_err();
        assert!(matches!(error, VirshError::TimedOut { .. }), "{error}");
        let child = fs::read_to_string(directory.path().join("virsh.child")).unwrap();
        let process = std::path::Path::new("/proc").join(child.trim());
        let gone = (0..100).any(|_| {
            thread::sleep(LOOK);
            // One that nobody waits for stays as a name without a command line.
            fs::read(process.join("cmdline")).map_or(true, |line| line.is_empty())
        });
        assert!(gone, "{} runs on", process.display());
    }

    #[test]
    fn a_client_that_is_not_there_says_what_to_install() {
        let uri = ConnectionUri::parse("qemu:///system").unwrap();
        let error = Virsh::new("/nowhere/virsh".into(), uri)
            .run(&["list"])
            .unwrap_err();
        assert!(error.to_string().contains("libvirt-clients"));
    }
}
