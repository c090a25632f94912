//! Serving images: a `qemu-nbd` at the host for each that is opened, and a socket here that leads to it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use disk::{NbdAddress, NbdUri};
use model::DiskFormat;

use super::{CONTROL, Ssh, SshError, served::Served, there};
use crate::libvirt::lock;

/// What serves, at the host.
const SERVE: &str = include_str!("serve.sh");

/// An image that is served.
#[derive(Debug)]
pub(super) struct Export {
    process: Served,
    image: PathBuf,
    write: bool,
    /// This end of it.
    socket: PathBuf,
    /// Both ends, as the master was told them.
    forward: String,
}

impl Ssh {
    /// Serves an image's content, to write it or to read it only, until whoever opens it lets go of it.
    pub(in crate::libvirt) fn export(
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
    pub(in crate::libvirt) fn end<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
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
        let Some(remote) = process.first_line() else {
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
