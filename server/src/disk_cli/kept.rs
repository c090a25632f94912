//! Digests kept beside the disks of the command line: image files, whose times tell whether they
//! were written since.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use disk::NbdUri;
use mover::{Digests, FileStamp};

/// The first bytes of a qcow2 image.
const QCOW2: &[u8] = b"QFI\xfb";

/// Where the digests of the disk `name` are kept.
///
/// # Errors
/// When nothing would tell that the disk was written.
pub(super) fn digests(name: &str, file: &Path) -> anyhow::Result<Digests> {
    let path = vouched(name).context("digests are kept of image files that stand alone")?;
    ensure!(
        fs::canonicalize(file).map_or(true, |kept| kept != path),
        "the digests of {name} cannot be kept in the disk itself"
    );
    Ok(Digests {
        path: file.to_owned(),
        identity: path.display().to_string(),
        stamp: Arc::new(FileStamp(path)),
        base: None,
    })
}

/// The path of a disk whose own times tell whether it was written.
///
/// # Errors
/// When they do not.
pub(super) fn vouched(name: &str) -> anyhow::Result<PathBuf> {
    ensure!(
        !NbdUri::is_one(name),
        "nothing tells whether {name} was written since"
    );
    let path = fs::canonicalize(name).with_context(|| format!("find {name}"))?;
    let about = fs::metadata(&path).with_context(|| format!("look at {name}"))?;
    ensure!(
        about.is_file(),
        "nothing tells whether {name} was written since"
    );
    ensure!(
        stands_alone(&path).with_context(|| format!("read {name}"))?,
        "{name} has a backing or data file, of which its own times say nothing"
    );
    Ok(path)
}

/// As [`digests`], where a file was given.
///
/// # Errors
/// As [`digests`].
pub(super) fn wanted(name: &str, file: Option<&PathBuf>) -> anyhow::Result<Option<Digests>> {
    file.map(|file| digests(name, file)).transpose()
}

/// Whether all of an image's content is in its own file.
fn stands_alone(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(80).read_to_end(&mut start)?;
    let field = |at: usize| start.get(at..at + 8).is_some_and(|word| word != [0; 8]);
    if !start.starts_with(QCOW2) {
        return Ok(true);
    }
    let has_version_3 = start.get(4..8) == Some(&3_u32.to_be_bytes());
    // Of the incompatible features, the third is an external data file.
    let external = has_version_3 && start.get(79).is_some_and(|features| features & 4 != 0);
    Ok(!field(8) && !external)
}
