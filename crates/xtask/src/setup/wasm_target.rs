//! The standard library for WebAssembly, in the sysroot of the compiler that cargo really uses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::debian_std;
use crate::{
    console, task,
    workspace::{self, WASM_TARGET},
};

/// Gets the target unless it is there: from rustup, or else built from Debian's sources.
pub(super) fn ensure() -> Result<()> {
    let sysroot = sysroot()?;
    if is_installed(&sysroot)? {
        return Ok(());
    }
    if let Some(toolchain) = toolchain(&sysroot) {
        let mut add = Command::new("rustup");
        add.args(["target", "add", WASM_TARGET, "--toolchain", &toolchain]);
        let added = task::watch("WebAssembly target from rustup", &mut add)?.success;
        if added && is_installed(&sysroot)? {
            return Ok(());
        }
        console::say("rustup cannot give it; building it from Debian's sources.");
    }
    ensure_from_debian(&sysroot)
}

/// Builds the target from Debian's sources into a sysroot that does not have it.
pub(super) fn ensure_from_debian(sysroot: &Path) -> Result<()> {
    if is_installed(sysroot)? {
        console::say(format_args!(
            "{} has the WebAssembly target already.",
            sysroot.display()
        ));
        return Ok(());
    }
    debian_std::install(&library_folder(sysroot)).with_context(|| {
        format!(
            "get the standard library for {WASM_TARGET}. With another source of it, install it \
             into {}",
            sysroot.display()
        )
    })
}

/// The sysroot of the compiler in use.
pub(super) fn sysroot() -> Result<PathBuf> {
    let printed = workspace::output(workspace::rustc().args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim()))
}

fn library_folder(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(WASM_TARGET).join("lib")
}

/// Whether the sysroot has exactly one `core` for the target. Two would fail in every later build.
fn is_installed(sysroot: &Path) -> Result<bool> {
    let folder = library_folder(sysroot);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(false);
    };
    let cores = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
        .count();
    match cores {
        0 => Ok(false),
        1 => Ok(true),
        _ => bail!(
            "{} holds {cores} copies of `core`, of which cargo cannot choose. Remove the folder \
             and start again",
            folder.display()
        ),
    }
}

/// The rustup toolchain of a sysroot; none for a compiler that rustup did not install.
fn toolchain(sysroot: &Path) -> Option<String> {
    let is_rustups = sysroot.parent()?.file_name()? == "toolchains";
    (is_rustups && workspace::on_path("rustup"))
        .then(|| {
            sysroot
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    //! What stands in a sysroot decides what is done.

    use super::*;

    #[test]
    fn two_copies_of_core_are_refused() {
        let sysroot = tempfile::tempdir().expect("a temporary directory");
        assert!(!is_installed(sysroot.path()).expect("nothing there"));
        let folder = library_folder(sysroot.path());
        fs::create_dir_all(&folder).expect("a fresh directory");
        assert!(!is_installed(sysroot.path()).expect("nothing in it"));
        fs::write(folder.join("libcore-1.rlib"), "").expect("a fresh file");
        assert!(is_installed(sysroot.path()).expect("one copy"));
        fs::write(folder.join("libcore-2.rlib"), "").expect("a fresh file");
        assert!(is_installed(sysroot.path()).is_err());
    }

    #[test]
    fn only_rustups_sysroots_have_a_toolchain() {
        assert_eq!(toolchain(Path::new("/usr")), None);
        assert_eq!(toolchain(Path::new("/usr/lib/rust-1.95")), None);
    }
}
