//! The image files of a host: making overlays, what they hold and take, and where a mover finds them.
//! They are files of this machine (`here`), or what the host's own tools reach by ssh (`there`).

mod files;
mod here;
mod there;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use disk::Locator;
use model::{ByteCount, ByteRange, SiteId, TransportMode, VmRef};

use self::there::There;
use super::{
    record::{Image, Layer, VmRecord},
    ssh::Ssh,
};
use crate::PlatformError;

/// The images of one host.
#[derive(Debug)]
pub(super) enum Images {
    /// As files of this machine, with its `qemu-img`.
    Here(PathBuf),
    /// By ssh.
    There(Box<There>),
}

/// What a folder's file system holds in all, and what of it is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) capacity: ByteCount,
    pub(super) free: ByteCount,
}

impl Images {
    /// Reached by ssh.
    pub(super) fn there(site: SiteId, ssh: Ssh) -> Self {
        Self::There(Box::new(There { site, ssh }))
    }

    /// How data moves.
    pub(super) const fn transport(&self) -> TransportMode {
        match self {
            Self::Here(_) => TransportMode::DirectStorage,
            Self::There(_) => TransportMode::Network,
        }
    }

    /// Makes a layer's overlays, empty, above images. When one cannot be made, none is left.
    pub(super) fn make_overlays(
        &self,
        vm: &VmRef,
        layer: &Layer,
        below: &BTreeMap<String, Image>,
    ) -> Result<(), PlatformError> {
        let make = |(target, path): (&String, &PathBuf)| match (below.get(target), self) {
            (None, _) => Ok(()),
            (Some(below), Self::Here(_)) => here::make_overlay(vm, path, below),
            (Some(below), Self::There(there)) => there.make_overlay(vm, path, below),
        };
        let made = layer.files.iter().try_for_each(make);
        made.inspect_err(|_| self.remove(layer.files.values().map(PathBuf::as_path)))
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

    /// Copies the content of an image, which may be in use, into another of the same size that is empty.
    pub(super) fn copy(
        &self,
        vm: &VmRef,
        what: &str,
        from: &Image,
        to: &Image,
    ) -> Result<(), PlatformError> {
        let convert = [
            "convert",
            "-q",
            "-U",
            "-n",
            "--target-is-zero",
            "-f",
            from.format.word(),
            "-O",
            to.format.word(),
            &text(&from.path),
            &text(&to.path),
        ];
        self.qemu_img(vm, what, &convert)
    }

    /// Where a mover finds an image; one at another host is served there until it is let go of, or
    /// [`Images::end`].
    pub(super) fn open(
        &self,
        vm: &VmRef,
        image: &Image,
        write: bool,
    ) -> Result<Locator, PlatformError> {
        match self {
            Self::Here(_) => Ok(here::locator(image)),
            Self::There(there) => there.open(vm, image, write),
        }
    }

    /// Nobody reads or writes these images any more.
    pub(super) fn end<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        if let Self::There(there) = self {
            there.ssh.end(paths);
        }
    }

    /// Removes files; one that stays takes space and does no harm.
    pub(super) fn remove<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        match self {
            Self::Here(_) => here::remove(paths),
            Self::There(there) => there.remove(paths),
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
            ranges.extend(match self {
                Self::Here(_) => here::own_ranges(vm, path)?,
                Self::There(there) => there.own_ranges(vm, path)?,
            });
        }
        Ok(union(ranges))
    }

    /// Bytes that a file takes, without holes; 0 where there is none.
    pub(super) fn allocated(&self, path: &Path) -> ByteCount {
        match self {
            Self::Here(_) => here::allocated(path),
            Self::There(there) => there.allocated(path),
        }
    }

    /// What tells whether any of these files was written to or replaced.
    pub(super) fn fingerprint<'a>(
        &self,
        vm: &VmRef,
        paths: impl Iterator<Item = &'a Path>,
    ) -> Result<u64, PlatformError> {
        let told = match self {
            Self::Here(_) => here::stamps(paths)?,
            Self::There(there) => there.stamps(vm, paths)?,
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
        match self {
            Self::Here(_) => here::set_backing(vm, overlay, below),
            Self::There(there) => there.set_backing(vm, overlay, below),
        }
    }

    /// What folders have; none of those that cannot be looked at.
    pub(super) fn space(&self, folders: &[&Path]) -> BTreeMap<PathBuf, Space> {
        match self {
            Self::Here(_) => {
                let each = folders.iter();
                each.filter_map(|it| Some((it.to_path_buf(), here::space(it)?)))
                    .collect()
            }
            Self::There(there) => there.space(folders),
        }
    }

    /// Runs `qemu-img` to its end where the images are.
    fn qemu_img(&self, vm: &VmRef, what: &str, arguments: &[&str]) -> Result<(), PlatformError> {
        let program = match self {
            Self::Here(program) => program,
            Self::There(there) => return there.qemu_img(vm, what, arguments),
        };
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
        Err(refused(vm, what, &String::from_utf8_lossy(&output.stderr)))
    }
}

/// What a tool refused, in its own words.
fn refused(vm: &VmRef, what: &str, words: &str) -> PlatformError {
    let words = words.trim().trim_start_matches("qemu-img: ");
    let next_step = if words.contains("No space left on device") {
        ". Make room there, then retry"
    } else {
        ""
    };
    PlatformError::Unexpected {
        vm: vm.clone(),
        what: format!("{what}: {words}{next_step}"),
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

fn text(path: &Path) -> String {
    path.display().to_string()
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

    #[test]
    fn a_tool_that_finds_no_room_is_told_with_what_to_do() {
        let vm = VmRef {
            site: SiteId::new("prod"),
            platform_id: "1".to_owned(),
        };
        let of = |words| refused(&vm, "merge /a", words).to_string();
        let full = of("qemu-img: error while writing: No space left on device\n");
        assert!(full.ends_with("No space left on device. Make room there, then retry"));
        assert!(of("qemu-img: something else\n").ends_with("merge /a: something else"));
    }
}
