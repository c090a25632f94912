//! The image files of a host: making overlays, what they hold and take, and where a mover finds them.
//! They are files of this machine, or what the host's own tools reach by ssh.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use disk::{Access, Locator};
use model::{ByteCount, ByteRange, SiteId, TransportMode, VmRef};
use serde::Deserialize;

use super::{
    record::{Image, Layer, VmRecord},
    ssh::{Ssh, SshError},
};
use crate::PlatformError;

/// How long a host may take for what moves no data.
const PATIENCE: Duration = Duration::from_secs(120);
/// Merging copies data; a host that is gone is noticed by ssh itself.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(7 * 24 * 3600);

/// Gives an overlay to whom the image below it belongs, and makes its name durable.
const OWNER: &str = r#"
chown "$(stat -c %u:%g -- "$2")" "$1" && chmod "$(stat -c %a -- "$2")" "$1" &&
    { sync -- "$1" "$(dirname -- "$1")" 2>/dev/null || sync; }
"#;
/// One line for each folder: size of a block, blocks, and those that are free.
const SPACE: &str = r#"for d; do stat -f -c '%S %b %a' -- "$d" 2>/dev/null || echo; done"#;

/// The images of one host.
#[derive(Debug)]
pub(super) struct Images {
    site: SiteId,
    way: Way,
}

/// How they are reached.
#[derive(Debug)]
enum Way {
    /// As files of this machine, with its `qemu-img`.
    Here(PathBuf),
    There(Ssh),
}

/// What a folder's file system holds in all, and what of it is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) capacity: ByteCount,
    pub(super) free: ByteCount,
}

/// A part of what `qemu-img map` prints.
#[derive(Debug, Deserialize)]
struct Mapped {
    start: u64,
    length: u64,
    /// In which image of a chain, the newest being 0.
    depth: u64,
    /// Allocated in one of them. Since QEMU 6.1.
    present: Option<bool>,
}

impl Images {
    /// Files of this machine.
    pub(super) const fn here(site: SiteId, qemu_img: PathBuf) -> Self {
        let way = Way::Here(qemu_img);
        Self { site, way }
    }

    /// Reached by ssh.
    pub(super) const fn there(site: SiteId, ssh: Ssh) -> Self {
        let way = Way::There(ssh);
        Self { site, way }
    }

    /// How data moves.
    pub(super) const fn transport(&self) -> TransportMode {
        match self.way {
            Way::Here(_) => TransportMode::DirectStorage,
            Way::There(_) => TransportMode::Network,
        }
    }

    /// Makes a layer's overlays, empty, above images. When one cannot be made, none is left.
    pub(super) fn make_overlays(
        &self,
        vm: &VmRef,
        layer: &Layer,
        below: &BTreeMap<String, Image>,
    ) -> Result<(), PlatformError> {
        for (target, path) in &layer.files {
            let made = below
                .get(target)
                .map_or(Ok(()), |below| self.make_overlay(vm, path, below));
            if made.is_err() {
                self.remove(layer.files.values().map(PathBuf::as_path));
                return made;
            }
        }
        Ok(())
    }

    fn make_overlay(&self, vm: &VmRef, path: &Path, below: &Image) -> Result<(), PlatformError> {
        match &self.way {
            Way::Here(_) => make_overlay(vm, path, below),
            Way::There(ssh) => {
                let (over, under) = (text(path), text(&below.path));
                let create = [
                    "create",
                    "-q",
                    "-f",
                    "qcow2",
                    "-F",
                    below.format.word(),
                    "-b",
                ];
                self.qemu_img(
                    vm,
                    "make an overlay",
                    &[&create[..], &[&under, &over]].concat(),
                )?;
                let given = ssh.run(OWNER, &[&over, &under], PATIENCE);
                given
                    .map(drop)
                    .map_err(|error| self.failed(vm, "give an overlay its owner", error))
            }
        }
    }

    /// Makes an empty image.
    pub(super) fn make(
        &self,
        vm: &VmRef,
        what: &str,
        image: &Image,
        size: ByteCount,
        preallocation: &str,
    ) -> Result<(), PlatformError> {
        let (path, size) = (text(&image.path), size.0.to_string());
        let preallocation = format!("preallocation={preallocation}");
        let format = image.format.word();
        let create = [
            "create",
            "-q",
            "-f",
            format,
            "-o",
            &preallocation,
            &path,
            &size,
        ];
        self.qemu_img(vm, what, &create)
    }

    /// Where a mover finds an image; one at another host is served there until it is
    /// let go of, or [`Images::end`].
    pub(super) fn open(
        &self,
        vm: &VmRef,
        image: &Image,
        write: bool,
    ) -> Result<Locator, PlatformError> {
        match &self.way {
            Way::Here(_) => Ok(locator(image)),
            Way::There(ssh) => {
                let uri = ssh.export(&image.path, image.format, write);
                uri.map(Locator::Nbd)
                    .map_err(|error| self.failed(vm, "open a disk", error))
            }
        }
    }

    /// Nobody reads or writes these images any more.
    pub(super) fn end<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        if let Way::There(ssh) = &self.way {
            ssh.end(paths);
        }
    }

    /// Removes files; one that stays takes space and does no harm.
    pub(super) fn remove<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        match &self.way {
            Way::Here(_) => remove(paths),
            Way::There(ssh) => {
                let paths: Vec<String> = paths.map(text).collect();
                let arguments: Vec<&str> = paths.iter().map(String::as_str).collect();
                ssh.end(paths.iter().map(Path::new));
                if let Err(error) = ssh.run("rm -f -- \"$@\"", &arguments, PATIENCE) {
                    tracing::warn!(%error, ?paths, "files stay");
                }
            }
        }
    }

    /// What overlays hold themselves.
    pub(super) fn own_ranges<'a>(
        &self,
        vm: &VmRef,
        overlays: impl Iterator<Item = &'a Path>,
    ) -> Result<Vec<ByteRange>, PlatformError> {
        let mut ranges = Vec::new();
        for path in overlays {
            match &self.way {
                Way::Here(_) => ranges.extend(own_ranges(vm, path)?),
                Way::There(ssh) => ranges.extend(self.own_ranges_there(vm, ssh, path)?),
            }
        }
        Ok(union(ranges))
    }

    fn own_ranges_there(
        &self,
        vm: &VmRef,
        ssh: &Ssh,
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
        let said = ssh
            .run(script, &[&alone.to_string()], PATIENCE)
            .map_err(|error| self.failed(vm, what, error))?;
        let words = |words: &str| {
            let error = SshError::Failed(words.to_owned());
            self.failed(vm, what, error)
        };
        let mapped: Vec<Mapped> = serde_json::from_str(&said)
            .map_err(|_| words("qemu-img there does not answer as it should"))?;
        let mut ranges = Vec::new();
        for part in mapped.iter().filter(|part| part.depth == 0) {
            match part.present {
                Some(true) => ranges.push(ByteRange::new(part.start, part.length)),
                Some(false) => {}
                None => return Err(words("QEMU there is too old: 6.1 or newer is needed")),
            }
        }
        Ok(ranges)
    }

    /// Bytes that a file takes, without holes; 0 where there is none.
    pub(super) fn allocated(&self, path: &Path) -> ByteCount {
        match &self.way {
            Way::Here(_) => allocated(path),
            Way::There(ssh) => {
                let said = ssh.run("stat -c '%b %B' -- \"$1\"", &[&text(path)], PATIENCE);
                let [blocks, size] = numbers(&said.unwrap_or_default()).unwrap_or_default();
                ByteCount(blocks.saturating_mul(size))
            }
        }
    }

    /// What tells whether any of these files was written to or replaced.
    pub(super) fn fingerprint<'a>(
        &self,
        vm: &VmRef,
        paths: impl Iterator<Item = &'a Path>,
    ) -> Result<u64, PlatformError> {
        let told = match &self.way {
            Way::Here(_) => stamps(paths)?,
            Way::There(ssh) => {
                let paths: Vec<String> = paths.map(text).collect();
                let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
                let script = "stat -c '%n %d:%i %s %y %z' -- \"$@\"";
                let said = ssh.run(script, &paths, PATIENCE);
                said.map_err(|error| self.failed(vm, "look at its images", error))?
            }
        };
        Ok(xxhash_rust::xxh3::xxh3_64(told.as_bytes()))
    }

    /// Copies what an overlay of a VM that is off holds into the image below it. Asked for again it
    /// copies the same again.
    pub(super) fn commit(
        &self,
        vm: &VmRef,
        overlay: &Path,
        below: &Path,
    ) -> Result<(), PlatformError> {
        let (overlay, below) = (text(overlay), text(below));
        let what = format!("merge {overlay}");
        let commit = ["commit", "-q", "-f", "qcow2", "-d", "-b", &below, &overlay];
        self.qemu_img(vm, &what, &commit)
    }

    /// Puts an overlay above another image of the same content.
    pub(super) fn set_backing(
        &self,
        vm: &VmRef,
        overlay: &Path,
        below: &Image,
    ) -> Result<(), PlatformError> {
        match &self.way {
            Way::Here(_) => {
                let set = disk::set_backing(overlay, &below.path, below.format);
                set.map_err(|source| disk_error(vm, source))
            }
            Way::There(_) => {
                let (overlay, path) = (text(overlay), text(&below.path));
                let format = below.format.word();
                let rebase = [
                    "rebase", "-q", "-u", "-f", "qcow2", "-F", format, "-b", &path,
                ];
                let what = "put an overlay above another image";
                self.qemu_img(vm, what, &[&rebase[..], &[&overlay]].concat())
            }
        }
    }

    /// What folders have; none of those that cannot be looked at.
    pub(super) fn space<'a>(
        &self,
        folders: impl Iterator<Item = &'a Path>,
    ) -> BTreeMap<PathBuf, Space> {
        let folders: Vec<&Path> = folders.collect();
        match &self.way {
            Way::Here(_) => {
                let each = folders.into_iter();
                each.filter_map(|it| Some((it.to_owned(), space(it)?)))
                    .collect()
            }
            Way::There(_) if folders.is_empty() => BTreeMap::new(),
            Way::There(ssh) => {
                let names: Vec<String> = folders.iter().map(|it| text(it)).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let said = ssh.run(SPACE, &names, PATIENCE).unwrap_or_default();
                let each = folders.into_iter().zip(said.lines());
                each.filter_map(|(folder, line)| {
                    let [size, blocks, free] = numbers(line)?;
                    let bytes = |blocks: u64| ByteCount(blocks.saturating_mul(size));
                    let space = Space {
                        capacity: bytes(blocks),
                        free: bytes(free),
                    };
                    Some((folder.to_owned(), space))
                })
                .collect()
            }
        }
    }

    /// Runs `qemu-img` to its end where the images are.
    fn qemu_img(&self, vm: &VmRef, what: &str, arguments: &[&str]) -> Result<(), PlatformError> {
        let complaint = match &self.way {
            Way::Here(program) => {
                let mut command = Command::new(program);
                command
                    .args(arguments)
                    .env("LC_ALL", "C")
                    .stdin(Stdio::null());
                let output = command.output().map_err(|source| PlatformError::Io {
                    operation: format!("start {} to {what}", program.display()),
                    source,
                })?;
                if output.status.success() {
                    return Ok(());
                }
                String::from_utf8_lossy(&output.stderr).into_owned()
            }
            Way::There(ssh) => match ssh.run("qemu-img \"$@\"", arguments, AS_LONG_AS_IT_TAKES) {
                Ok(_) => return Ok(()),
                Err(SshError::Failed(words)) if !words.contains(" lock") => words,
                Err(error) => return Err(self.failed(vm, what, error)),
            },
        };
        let words = complaint.trim().trim_start_matches("qemu-img: ");
        Err(PlatformError::Unexpected {
            vm: vm.clone(),
            what: format!("{what}: {words}"),
        })
    }

    fn failed(&self, vm: &VmRef, what: &str, error: SshError) -> PlatformError {
        match error {
            SshError::Start { program, source } => PlatformError::Io {
                operation: format!("{what}: start {program} (Debian: openssh-client)"),
                source,
            },
            SshError::Unreachable(_) => PlatformError::Unreachable {
                site: self.site.clone(),
                cause: error.to_string(),
            },
            // A server that is about to end still has it.
            SshError::Failed(words) if words.contains(" lock") => PlatformError::Unreachable {
                site: self.site.clone(),
                cause: format!("{what}: {words}"),
            },
            SshError::Failed(words) => PlatformError::Unexpected {
                vm: vm.clone(),
                what: format!("{what}: {words}"),
            },
        }
    }
}

/// A file that only this user may read and that is removed at its end.
pub(super) fn private_file() -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix("landfall-")
        .suffix(".xml")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile()
}

/// Where the next overlay above an image goes: beside it, by the name of the lowest image.
pub(super) fn overlay_path(record: &VmRecord, target: &str, newest: &Image) -> PathBuf {
    let base = record.bases.get(target).unwrap_or(newest);
    let mut name = base.path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".landfall-{}.qcow2", record.next_layer));
    base.path.with_file_name(name)
}

fn make_overlay(vm: &VmRef, path: &Path, below: &Image) -> Result<(), PlatformError> {
    let size = disk::open(&locator(below), Access::Read)
        .map_err(|source| disk_error(vm, source))?
        .size();
    disk::create_overlay(path, (&below.path, below.format), size)
        .map_err(|source| disk_error(vm, source))?;
    same_owner(path, &below.path)
        .and_then(|()| sync_parent(path))
        .map_err(|source| PlatformError::Io {
            operation: format!("give its owner to {}", path.display()),
            source,
        })
}

/// QEMU may run as another user: the overlay belongs to whom the image below belongs.
fn same_owner(path: &Path, below: &Path) -> io::Result<()> {
    let about = fs::metadata(below)?;
    std::os::unix::fs::chown(path, Some(about.uid()), Some(about.gid()))?;
    fs::set_permissions(path, about.permissions())
}

fn locator(image: &Image) -> Locator {
    Locator::File {
        path: image.path.clone(),
        format: image.format,
    }
}

fn remove<'a>(paths: impl Iterator<Item = &'a Path>) {
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %path.display(), "a file stays");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

fn own_ranges(vm: &VmRef, path: &Path) -> Result<Vec<ByteRange>, PlatformError> {
    let own = disk::own_extents(path).map_err(|source| disk_error(vm, source))?;
    Ok(own.into_iter().map(|extent| extent.range).collect())
}

/// Sorted and apart.
fn union(mut ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<ByteRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end() => {
                let end = last.end().max(range.end());
                last.len = end - last.start;
            }
            _ => apart.push(range),
        }
    }
    apart
}

fn allocated(path: &Path) -> ByteCount {
    let blocks = fs::metadata(path).map_or(0, |about| about.blocks());
    ByteCount(blocks.saturating_mul(512))
}

fn stamps<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<String, PlatformError> {
    let mut told = String::new();
    for path in paths {
        let stamp = disk::file_stamp(path).map_err(|source| PlatformError::Io {
            operation: format!("look at {}", path.display()),
            source,
        })?;
        told.push_str(&format!("{} {stamp}\n", path.display()));
    }
    Ok(told)
}

fn space(folder: &Path) -> Option<Space> {
    let about = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| ByteCount(blocks.saturating_mul(about.f_frsize));
    Some(Space {
        capacity: bytes(about.f_blocks),
        free: bytes(about.f_bavail),
    })
}

/// So many numbers in a line.
fn numbers<const N: usize>(line: &str) -> Option<[u64; N]> {
    let words = line.split_whitespace().map(|it| it.parse().ok());
    let all: Vec<u64> = words.collect::<Option<_>>()?;
    all.try_into().ok()
}

fn disk_error(vm: &VmRef, source: disk::DiskError) -> PlatformError {
    PlatformError::Disk {
        vm: vm.clone(),
        source,
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        let range = |start, len| ByteRange { start, len };
        let joined = union(vec![range(8, 4), range(0, 4), range(4, 2), range(9, 1)]);
        assert_eq!(joined, [range(0, 6), range(8, 4)]);
    }
}
