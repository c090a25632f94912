//! One host by ssh: its own tools do what is to be done to its image files, and a `qemu-nbd` there gives
//! their content, all over one connection.
//!
//! The connection is a process of ours (the master of OpenSSH's multiplexing) that ends with its input,
//! and so does each `qemu-nbd`: nothing is left at the host however this process ends.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use disk::{NbdAddress, NbdUri};
use model::DiskFormat;
use tempfile::TempDir;
use thiserror::Error;

use super::{
    lock,
    process::{self, LOOK},
    uri::SshAddress,
};

/// How long a connection, or a server at the host, may take until it is there.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long what is ended may take to end by itself: a server writes first what it still has to.
const GOODBYE: Duration = Duration::from_secs(60);
/// The name of a connection's socket, in a folder of its own.
const CONTROL: &str = "c";
/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(15);
/// `ssh` says with it that it was not the command that failed.
const NOT_REACHED: i32 = 255;

/// Serves an image until the last client has gone, or nobody comes for a minute, or no sign of life is
/// heard from us for a minute: format, image, and further arguments. A socket that is there does not
/// listen yet, and a process that has ended is still listed; the kernel's own lists say both.
const SERVE: &str = r#"
d=$(mktemp -d "${TMPDIR:-/tmp}/landfall-nbd.XXXXXX") || exit 1
f=$1 i=$2; shift 2
exec 3<&0
trap '' PIPE
qemu-nbd --shared=0 --discard=unmap --format="$f" --socket="$d/s" "$@" -- "$i" \
    3<&- </dev/null >/dev/null &
w=$!
(
    while [ "$(timeout 60 head -c 1 <&3)" = . ]; do :; done
    kill $w
) >/dev/null 2>&1 &
c=$!
trap '{ kill $w; wait $w; kill $c; rm -rf "$d"; } 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
runs() {
    read -r line <"/proc/$w/stat" || return 1
    case $line in *") Z "*) return 1 ;; esac
}
has() {
    while read -r line; do
        case $line in *" $1 "*" $d/s") return 0 ;; esac
    done </proc/net/unix
    return 1
}
n=0
until has "00010000 0001 01"; do
    runs 2>/dev/null && [ $n -lt 400 ] || exit 1
    n=$((n + 1)); sleep 0.05
done
echo "$d/s" || exit 1
exec >&-
n=0
until has "00000000 0001 03"; do
    runs 2>/dev/null && [ $n -lt 600 ] || exit 0
    n=$((n + 1)); sleep 0.1
done
wait $w
"#;

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

/// A host. Clones of nothing: the connection is one.
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

/// An image that is served.
#[derive(Debug)]
struct Export {
    process: Served,
    image: PathBuf,
    write: bool,
    /// This end of it.
    socket: PathBuf,
    /// Both ends, as the master was told them.
    forward: String,
}

/// A process that ends when its input does. Until then it gets signs of life.
#[derive(Debug)]
struct Served {
    child: Child,
    /// Its input ends with this.
    input: Option<Sender<()>>,
}

impl Served {
    fn start(mut command: Command, errors: File) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()?;
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

    fn runs(&mut self) -> bool {
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
        let control = self.control()?;
        let mut command = self.command(&control);
        command.args(["--", &self.address.destination, &there(script, arguments)]);
        let ended = process::finish(command, patience).map_err(|source| self.start(source))?;
        let Some(ended) = ended else {
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

    /// Serves an image's content, to write it or to read it only, until whoever opens it lets go of it.
    pub(super) fn export(
        &self,
        path: &Path,
        format: DiskFormat,
        write: bool,
    ) -> Result<NbdUri, SshError> {
        // One that is written to is opened once. Whoever had it open before is done with it.
        self.close(|it| !it.process.runs() || (write && it.write && it.image == path));
        let export = self.serve(path, format, write)?;
        let uri = uri(&export.socket);
        lock(&self.exports).push(export);
        Ok(uri)
    }

    /// Ends the servers of images, and waits until nothing has them open.
    pub(super) fn end<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        let paths: Vec<&Path> = paths.collect();
        self.close(|it| paths.contains(&it.image.as_path()));
    }

    fn close(&self, which: impl FnMut(&mut Export) -> bool) {
        let ended: Vec<Export> = lock(&self.exports).extract_if(.., which).collect();
        for export in ended {
            drop(export.process);
            // Else the master would listen on until it ends.
            let mut command = self.command(&self.control_of(&export.socket));
            command.args(["-O", "cancel", "-L", &export.forward]);
            command.args(["--", &self.address.destination]);
            if let Err(error) = self.ask(command) {
                tracing::debug!(%error, "a socket of a connection that is gone");
            }
            drop(fs::remove_file(&export.socket));
        }
    }

    /// The socket of the connection that a socket belongs to.
    fn control_of(&self, socket: &Path) -> PathBuf {
        socket.with_file_name(CONTROL)
    }

    fn serve(&self, path: &Path, format: DiskFormat, write: bool) -> Result<Export, SshError> {
        let control = self.control()?;
        let (socket, said) = {
            let mut master = lock(&self.master);
            let gone = || SshError::Unreachable("the connection ended".to_owned());
            let master = master.as_mut().ok_or_else(gone)?;
            master.next += 1;
            let folder = master.folder.path();
            (
                folder.join(master.next.to_string()),
                folder.join(format!("{}.said", master.next)),
            )
        };
        let image = path.display().to_string();
        let mut arguments = vec![format.word(), &image];
        if !write {
            arguments.push("--read-only");
        }
        let mut command = self.command(&control);
        command.args(["--", &self.address.destination, &there(SERVE, &arguments)]);
        let errors = File::create(&said).map_err(|source| self.start(source))?;
        let mut process = Served::start(command, errors).map_err(|source| self.start(source))?;
        let Some(remote) = first_line(&mut process) else {
            // It says why before it ends.
            drop(process);
            let words = fs::read_to_string(&said).unwrap_or_default();
            let words = words.trim().trim_start_matches("qemu-nbd: ");
            return Err(SshError::Failed(format!("serve {image}: {words}")));
        };
        let forward = format!("{}:{remote}", socket.display());
        let mut command = self.command(&control);
        command.args(["-O", "forward", "-L", &forward]);
        command.args(["--", &self.address.destination]);
        if let Err(error) = self.ask(command) {
            // Whatever is wrong with this connection, another one has not.
            *lock(&self.master) = None;
            return Err(error);
        }
        Ok(Export {
            process,
            image: path.to_owned(),
            write,
            socket,
            forward,
        })
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

fn uri(socket: &Path) -> NbdUri {
    NbdUri {
        address: NbdAddress::Unix {
            path: socket.to_owned(),
        },
        export: String::new(),
        tls: None,
    }
}

/// What a process says first; none where it ends before.
fn first_line(process: &mut Served) -> Option<String> {
    let output = process.child.stdout.take()?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).ok()?;
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
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
