//! One host by ssh: its own tools do what is to be done to its image files, and a `qemu-nbd` there gives
//! their content, all over one connection.
//!
//! The connection is a process of ours (the master of OpenSSH's multiplexing) that ends with its input,
//! and so does each `qemu-nbd`: nothing is left at the host however this process ends.

mod serve;
mod served;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use thiserror::Error;

use self::{serve::Export, served::Served};
use super::{
    lock,
    process::{self, LOOK},
    uri::SshAddress,
};

/// How long a connection, or a server at the host, may take until it is there.
const PATIENCE: Duration = Duration::from_secs(20);
/// The name of a connection's socket, in a folder of its own.
const CONTROL: &str = "c";
/// `ssh` says with it that it was not the command that failed.
const NOT_REACHED: i32 = 255;

/// What went wrong on the way to a host or at it.
#[derive(Debug, Error)]
pub(super) enum SshError {
    /// `ssh` could not be started.
    #[error("start {program} (Debian: openssh-client)")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The host is not reached.
    #[error("by ssh: {0}")]
    Unreachable(String),
    /// A command there failed, with its words.
    #[error("{0}")]
    Failed(String),
}

/// A host.
#[derive(Debug)]
pub(super) struct Ssh {
    program: PathBuf,
    address: SshAddress,
    master: Mutex<Option<Master>>,
    exports: Mutex<Vec<Export>>,
}

/// The connection.
#[derive(Debug)]
struct Master {
    process: Served,
    folder: TempDir,
    /// The number of the next socket in its folder.
    next: u64,
}

impl Ssh {
    pub(super) fn new(program: PathBuf, address: SshAddress) -> Self {
        Self {
            program,
            address,
            master: Mutex::default(),
            exports: Mutex::default(),
        }
    }

    /// Runs a script of the shell with arguments at the host; what it printed.
    pub(super) fn run(
        &self,
        script: &str,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<String, SshError> {
        self.ask_host(script, arguments, Stdio::null(), patience)
    }

    /// The same, with a file as its standard input.
    pub(super) fn feed(
        &self,
        script: &str,
        arguments: &[&str],
        input: File,
        patience: Duration,
    ) -> Result<String, SshError> {
        self.ask_host(script, arguments, input.into(), patience)
    }

    fn ask_host(
        &self,
        script: &str,
        arguments: &[&str],
        input: Stdio,
        patience: Duration,
    ) -> Result<String, SshError> {
        let control = self.control()?;
        let mut command = self.command(&control);
        command.args(["--", &self.address.destination, &there(script, arguments)]);
        let ended = process::finish_fed(command, input, patience);
        let Some(ended) = ended.map_err(|source| self.start(source))? else {
            let seconds = patience.as_secs();
            return Err(SshError::Unreachable(format!("no answer for {seconds} s")));
        };
        let words = ended.stderr.trim().to_owned();
        match ended.status.code() {
            Some(0) => Ok(ended.stdout),
            Some(NOT_REACHED) | None => Err(SshError::Unreachable(words)),
            Some(_) => Err(SshError::Failed(words)),
        }
    }

    /// Asks the master for something.
    fn ask(&self, command: Command) -> Result<(), SshError> {
        let ended = process::finish(command, PATIENCE).map_err(|source| self.start(source))?;
        match ended {
            Some(ended) if ended.status.success() => Ok(()),
            Some(ended) => Err(SshError::Unreachable(ended.stderr.trim().to_owned())),
            None => Err(SshError::Unreachable("no answer".to_owned())),
        }
    }

    /// The socket of the connection, which is made where there is none.
    fn control(&self) -> Result<PathBuf, SshError> {
        let mut master = lock(&self.master);
        if let Some(known) = master.as_mut()
            && known.process.runs()
        {
            return Ok(known.control());
        }
        *master = None;
        let made = self.connect()?;
        let control = made.control();
        *master = Some(made);
        Ok(control)
    }

    fn connect(&self) -> Result<Master, SshError> {
        let start = |source| self.start(source);
        let folder = tempfile::Builder::new()
            .prefix("landfall-ssh-")
            .tempdir()
            .map_err(start)?;
        let said = folder.path().join("said");
        let control = folder.path().join(CONTROL);
        let mut command = self.command(&control);
        command.args(["-M", "-o", "ControlPersist=no"]);
        command.args(["--", &self.address.destination, "cat"]);
        let errors = File::create(&said).map_err(start)?;
        let process = Served::start(command, errors).map_err(start)?;
        let mut master = Master {
            process,
            folder,
            next: 0,
        };
        let began = Instant::now();
        while !control.exists() {
            let words = || {
                fs::read_to_string(&said)
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            };
            if !master.process.runs() {
                return Err(SshError::Unreachable(words()));
            }
            if began.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                let words = format!("no answer for {seconds} s. {}", words());
                return Err(SshError::Unreachable(words.trim().to_owned()));
            }
            thread::sleep(LOOK);
        }
        Ok(master)
    }

    /// `ssh` with everything but what is to be run.
    fn command(&self, control: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("-T")
            .arg("-S")
            .arg(control)
            .args(["-o", "BatchMode=yes"])
            .args(["-o", "ConnectTimeout=10"])
            .args(["-o", "ServerAliveInterval=5"])
            .args(["-o", "ServerAliveCountMax=3"])
            .env("LC_ALL", "C");
        if let Some(port) = &self.address.port {
            command.args(["-p", port]);
        }
        if let Some(keyfile) = &self.address.keyfile {
            command.args(["-i", keyfile, "-o", "IdentitiesOnly=yes"]);
        }
        command
    }

    fn start(&self, source: io::Error) -> SshError {
        SshError::Start {
            program: self.program.display().to_string(),
            source,
        }
    }
}

impl Master {
    fn control(&self) -> PathBuf {
        self.folder.path().join(CONTROL)
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        // The servers go over the connection: they end first.
        lock(&self.exports).clear();
    }
}

/// A script and its arguments as one word for whatever shell a user has there.
fn there(script: &str, arguments: &[&str]) -> String {
    let mut words = vec!["env", "LC_ALL=C", "sh", "-c"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    words.extend([script, "landfall"].iter().map(|word| quoted(word)));
    words.extend(arguments.iter().map(|word| quoted(word)));
    words.join(" ")
}

/// A word that no shell takes apart.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// An `ssh` that is a script, and a host behind it.
    fn host(directory: &Path, script: &str) -> Ssh {
        let program = directory.join("ssh");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let address = SshAddress {
            destination: "root@host".to_owned(),
            port: Some("22".to_owned()),
            keyfile: None,
        };
        Ssh::new(program, address)
    }

    #[test]
    fn no_shell_takes_a_word_apart() {
        let odd = "it's $(a) `b`; \\ \"c\" \n*";
        let script = there("printf %s \"$1\"", &[odd]);
        let said = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), odd);
    }

    #[test]
    fn a_host_that_refuses_is_unreachable_in_the_words_of_ssh() {
        let directory = tempfile::tempdir().unwrap();
        let refuses = "echo 'root@host: Permission denied (publickey).' >&2; exit 255";
        let error = host(directory.path(), refuses)
            .run("true", &[], PATIENCE)
            .unwrap_err();
        let SshError::Unreachable(words) = error else {
            panic!("{error}")
        };
        assert_eq!(words, "root@host: Permission denied (publickey).");
        let missing = Ssh::new(
            directory.path().join("nowhere"),
            host(directory.path(), "").address.clone(),
        );
        let error = missing.run("true", &[], PATIENCE).unwrap_err();
        assert!(error.to_string().contains("openssh-client"), "{error}");
    }
}
