//! Images at another host: its own tools do by ssh what `here` does itself.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use disk::Locator;
use model::{ByteCount, ByteRange, SiteId, VmRef};
use serde::Deserialize;

use super::{Image, Space, refused, text};
use crate::{
    PlatformError,
    libvirt::ssh::{Ssh, SshError},
};

/// How long a host may take for what moves no data.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// Merging copies data; a host that is gone is noticed by ssh itself.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(7 * 24 * 3600);

/// Gives an overlay to whom the image below it belongs, and makes its name durable.
const OWNER: &str = r#"
chown "$(stat -c %u:%g -- "$2")" "$1" && chmod "$(stat -c %a -- "$2")" "$1" &&
    { sync -- "$1" "$(dirname -- "$1")" 2>/dev/null || sync; }
"#;
/// One line for each folder: size of a block, blocks, and those that are free.
const SPACE: &str = r#"for d; do stat -f -c '%S %b %a' -- "$d" 2>/dev/null || echo; done"#;

/// The host.
#[derive(Debug)]
pub(in crate::libvirt) struct There {
    pub(super) site: SiteId,
    pub(super) ssh: Ssh,
}

/// A part of what `qemu-img map` prints of one image.
#[derive(Debug, Deserialize)]
struct Mapped {
    start: u64,
    length: u64,
    /// Allocated in it. Since QEMU 6.1.
    present: Option<bool>,
}

impl There {
    /// Makes an empty overlay above an image, durable and of the same owner.
    pub(super) fn make_overlay(
        &self,
        vm: &VmRef,
        path: &Path,
        below: &Image,
    ) -> Result<(), PlatformError> {
        let (over, under, format) = (text(path), text(&below.path), below.format.word());
        let what = "make an overlay";
        let create = [
            "create", "-q", "-f", "qcow2", "-F", format, "-b", &under, &over,
        ];
        self.qemu_img(vm, what, &create)?;
        let given = self.ssh.run(OWNER, &[&over, &under], PATIENCE);
        given
            .map(drop)
            .map_err(|error| self.failed(vm, "give an overlay its owner", error))
    }

    /// An image that is served until it is let go of.
    pub(super) fn open(
        &self,
        vm: &VmRef,
        image: &Image,
        write: bool,
    ) -> Result<Locator, PlatformError> {
        let uri = self.ssh.export(&image.path, image.format, write);
        uri.map(Locator::Nbd)
            .map_err(|error| self.failed(vm, "open a disk", error))
    }

    /// Removes files; one that stays takes space and does no harm.
    pub(super) fn remove<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        let paths: Vec<String> = paths.map(text).collect();
        let arguments: Vec<&str> = paths.iter().map(String::as_str).collect();
        self.ssh.end(paths.iter().map(Path::new));
        if let Err(error) = self.ssh.run("rm -f -- \"$@\"", &arguments, PATIENCE) {
            tracing::warn!(%error, ?paths, "files stay");
        }
    }

    /// What an overlay holds itself.
    pub(super) fn own_ranges(
        &self,
        vm: &VmRef,
        path: &Path,
    ) -> Result<Vec<ByteRange>, PlatformError> {
        let what = "read what was written";
        // Alone: what lies below it may be in very many pieces.
        let alone = serde_json::json!({
            "driver": "qcow2",
            "backing": null,
            "file": { "driver": "file", "filename": text(path) },
        });
        let script = "qemu-img map --force-share --output=json \"json:$1\"";
        let said = self.ssh.run(script, &[&alone.to_string()], PATIENCE);
        let said = said.map_err(|error| self.failed(vm, what, error))?;
        let mapped: Vec<Mapped> = serde_json::from_str(&said)
            .map_err(|_| refused(vm, what, "qemu-img there does not answer as it should"))?;
        let mut ranges = Vec::new();
        for part in mapped {
            match part.present {
                Some(true) => ranges.push(ByteRange::new(part.start, part.length)),
                Some(false) => {}
                None => {
                    let why = "QEMU there is too old. Install 6.1 or newer, then retry";
                    return Err(refused(vm, what, why));
                }
            }
        }
        Ok(ranges)
    }

    /// Bytes that a file takes, without holes; 0 where there is none.
    pub(super) fn allocated(&self, path: &Path) -> ByteCount {
        let script = "stat -c '%b %B' -- \"$1\"";
        let said = self.ssh.run(script, &[&text(path)], PATIENCE);
        let [blocks, size] = numbers(&said.unwrap_or_default()).unwrap_or_default();
        ByteCount(blocks.saturating_mul(size))
    }

    /// What changes with these files, or when others take their places.
    pub(super) fn stamps<'a>(
        &self,
        vm: &VmRef,
        paths: impl Iterator<Item = &'a Path>,
    ) -> Result<String, PlatformError> {
        let paths: Vec<String> = paths.map(text).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let script = "stat -c '%n %d:%i %s %y %z' -- \"$@\"";
        let said = self.ssh.run(script, &paths, PATIENCE);
        said.map_err(|error| self.failed(vm, "look at its images", error))
    }

    /// Puts an overlay above another image of the same content.
    pub(super) fn set_backing(
        &self,
        vm: &VmRef,
        overlay: &Path,
        below: &Image,
    ) -> Result<(), PlatformError> {
        let (overlay, path, format) = (text(overlay), text(&below.path), below.format.word());
        let rebase = [
            "rebase", "-q", "-u", "-f", "qcow2", "-F", format, "-b", &path, &overlay,
        ];
        self.qemu_img(vm, "put an overlay above another image", &rebase)
    }

    /// What folders have; none of those that cannot be looked at.
    pub(super) fn space(&self, folders: &[&Path]) -> BTreeMap<PathBuf, Space> {
        if folders.is_empty() {
            return BTreeMap::new();
        }
        let names: Vec<String> = folders.iter().map(|it| text(it)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let said = self.ssh.run(SPACE, &names, PATIENCE).unwrap_or_default();
        let each = folders.iter().zip(said.lines());
        each.filter_map(|(folder, line)| {
            let [size, blocks, free] = numbers(line)?;
            let bytes = |blocks: u64| ByteCount(blocks.saturating_mul(size));
            let space = Space {
                capacity: bytes(blocks),
                free: bytes(free),
            };
            Some((folder.to_path_buf(), space))
        })
        .collect()
    }

    /// Runs `qemu-img` there to its end.
    pub(super) fn qemu_img(
        &self,
        vm: &VmRef,
        what: &str,
        arguments: &[&str],
    ) -> Result<(), PlatformError> {
        let ran = self
            .ssh
            .run("qemu-img \"$@\"", arguments, AS_LONG_AS_IT_TAKES);
        ran.map(drop).map_err(|error| self.failed(vm, what, error))
    }

    pub(super) fn failed(&self, vm: &VmRef, what: &str, error: SshError) -> PlatformError {
        let cause = match error {
            SshError::Start { program, source } => {
                return PlatformError::Io {
                    operation: format!("{what}: start {program} (Debian: openssh-client)"),
                    source,
                };
            }
            // A server that is about to end still has it.
            SshError::Failed(words) if words.contains(" lock") => format!("{what}: {words}"),
            SshError::Failed(words) => return refused(vm, what, &words),
            SshError::Unreachable(_) => error.to_string(),
        };
        let site = self.site.clone();
        PlatformError::Unreachable { site, cause }
    }
}

/// So many numbers in a line.
fn numbers<const N: usize>(line: &str) -> Option<[u64; N]> {
    let words = line.split_whitespace().map(|it| it.parse().ok());
    let all: Vec<u64> = words.collect::<Option<_>>()?;
    all.try_into().ok()
}
