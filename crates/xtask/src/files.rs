//! The files of this repository: what git tracks or would track.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::workspace;

/// Folders that never hold sources.
const SKIPPED: [&str; 5] = [
    ".git",
    "target",
    "node_modules",
    "test-results",
    "playwright-report",
];

/// Every file of the repository, relative to its root, sorted. Without git, every file that is there.
pub(crate) fn tracked() -> Result<Vec<PathBuf>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(workspace::root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let mut found: Vec<PathBuf> = match workspace::output(&mut git) {
        Ok(list) => list
            .split_terminator('\0')
            .map(PathBuf::from)
            .filter(|path| workspace::root().join(path).is_file())
            .collect(),
        Err(_) => all_below(workspace::root())?,
    };
    found.sort();
    found.dedup();
    Ok(found)
}

/// Every file below `folder`, relative to it, sorted.
pub(crate) fn all_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let absolute = folder.join(&relative);
        let entries =
            fs::read_dir(&absolute).with_context(|| format!("list {}", absolute.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", absolute.display()))?;
            let path = relative.join(entry.file_name());
            if !entry.path().is_dir() {
                found.push(path);
            } else if !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                pending.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file of the repository; none when it is not text.
pub(crate) fn text(relative: &Path) -> Option<String> {
    fs::read(workspace::root().join(relative))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
}
