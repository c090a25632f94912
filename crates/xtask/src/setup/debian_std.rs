//! Builds `std` for WebAssembly from Debian's `rust-src` of exactly the compiler's version.
//!
//! Only for machines where rustup cannot give the target. The mirror is the one that apt is
//! configured with. apt's own state is left alone: all of this happens in a folder below `target/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    console,
    private_apt::{self, PrivateApt, Source},
    task,
    workspace::{self, Metadata, WASM_TARGET},
};

/// Suites in which other versions of the compiler's source are found, likeliest first.
const SUITES: [&str; 5] = [
    "trixie-backports",
    "bookworm-backports",
    "trixie",
    "sid",
    "experimental",
];

/// Builds it and puts its libraries into `target`, all of them or none.
pub(super) fn install(target: &Path) -> Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg-deb"] {
        ensure!(
            workspace::on_path(program),
            "rustup does not have the target and there is no {program}, so this is no Debian: \
             try `rustup target add {WASM_TARGET}` where the network allows it"
        );
    }
    let work = Metadata::read()?.target_directory.join("wasm-std");
    fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
    let release = compiler_release()?;
    let package = task::step("Debian's sources of the standard library", || {
        download(&work, &release)
    })?;
    let library = unpack(&work, &package)?;
    let built = compile(&work, &library)?;
    copy_libraries(&built, target)?;
    fs::remove_dir_all(&work).context("remove the sources and what was built on the way")?;
    console::say(format_args!("Installed into {}.", target.display()));
    Ok(())
}

/// `1.95.0` of `release: 1.95.0`.
fn compiler_release() -> Result<String> {
    let version = workspace::output(workspace::rustc().arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .context("the compiler does not say which release it is")
}

/// Finds the package of this release, first in apt's own suites, and downloads it.
fn download(work: &Path, release: &str) -> Result<PathBuf> {
    let own = Apt { private: None };
    if let Some(version) = own.source_version(release)? {
        return own.fetch(work, &version);
    }
    let other = Apt::with_suites(work, &private_apt::mirror()?)?;
    match other.source_version(release)? {
        Some(version) => other.fetch(work, &version),
        None => bail!(
            "no Debian suite has rust-src {release}; looked in apt's own and in {}",
            SUITES.join(", ")
        ),
    }
}

/// apt with the system's configuration or with a private one.
#[derive(Debug)]
struct Apt {
    private: Option<PrivateApt>,
}

impl Apt {
    /// A private apt that knows the suites in which the source may be.
    fn with_suites(work: &Path, mirror: &str) -> Result<Self> {
        let sources = SUITES.map(|suite| Source {
            uri: mirror.to_owned(),
            suite: suite.to_owned(),
            component: "main".to_owned(),
        });
        let apt = PrivateApt::new(&work.join("apt"), &sources, "")?;
        apt.update("lists of further Debian suites")?;
        Ok(Self { private: Some(apt) })
    }

    fn command(&self, program: &str) -> Command {
        match &self.private {
            Some(apt) => apt.command(program),
            None => Command::new(program),
        }
    }

    /// The version of `rust-src` that belongs to a compiler release.
    fn source_version(&self, release: &str) -> Result<Option<String>> {
        let table = workspace::output(self.command("apt-cache").args(["madison", "rust-src"]))?;
        Ok(version_of(&table, release))
    }

    fn fetch(&self, work: &Path, version: &str) -> Result<PathBuf> {
        let folder = work.join("packages");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove an earlier download")?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let mut download = self.command("apt-get");
        download
            .args(["download", "--quiet", &format!("rust-src={version}")])
            .current_dir(&folder);
        task::run("rust-src", &mut download)?;
        fs::read_dir(&folder)
            .with_context(|| format!("list {}", folder.display()))?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .context("apt-get downloaded nothing")
    }
}

/// The version in a table of `apt-cache madison` whose upstream part is `release`.
fn version_of(table: &str, release: &str) -> Option<String> {
    table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim)
        .find(|version| {
            version
                .strip_prefix(release)
                .is_some_and(|rest| rest.starts_with(['+', '-', '~']))
        })
        .map(str::to_owned)
}

/// Unpacks the package and finds the library's workspace in it.
fn unpack(work: &Path, package: &Path) -> Result<PathBuf> {
    let folder = work.join("sources");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove earlier sources")?;
    }
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("-x").arg(package).arg(&folder);
    workspace::output(&mut unpack)?;
    let sources = folder.join("usr/src");
    fs::read_dir(&sources)
        .with_context(|| format!("list {}", sources.display()))?
        .flatten()
        .map(|entry| entry.path().join("library"))
        .find(|library| library.join("Cargo.toml").is_file())
        .context("the package holds no library sources")
}

fn compile(work: &Path, library: &Path) -> Result<PathBuf> {
    let target = work.join("build");
    let mut build = workspace::cargo();
    build
        .args(["build", "--release", "--target", WASM_TARGET, "-p", "sysroot"])
        .current_dir(library)
        // The library builds with a stable compiler only when that pretends to be its own.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked");
    task::run("standard library for WebAssembly", &mut build)?;
    Ok(target.join(WASM_TARGET).join("release/deps"))
}

/// Copies beside the target first, so that an interrupted copy is never taken for a library.
fn copy_libraries(built: &Path, target: &Path) -> Result<()> {
    let unfinished = target.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context("remove an unfinished copy")?;
    }
    fs::create_dir_all(&unfinished).with_context(|| format!("make {}", unfinished.display()))?;
    let entries = fs::read_dir(built).with_context(|| format!("list {}", built.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "rlib")
        {
            fs::copy(&path, unfinished.join(entry.file_name()))
                .with_context(|| format!("copy {}", path.display()))?;
        }
    }
    if target.exists() {
        // It held no core, or we would not be here.
        fs::remove_dir_all(target).with_context(|| format!("remove {}", target.display()))?;
    }
    fs::rename(&unfinished, target).with_context(|| format!("make {}", target.display()))
}

#[cfg(test)]
mod tests {
    //! Which line of apt's table is the compiler's.

    use super::version_of;

    const TABLE: &str = "\
  rust-src | 1.96.0+dfsg1-1 | mirror sid/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | mirror trixie-backports/main amd64 Packages
  rust-src | 1.63.0+dfsg1-2 | mirror bookworm/main amd64 Packages
";

    #[test]
    fn the_version_is_exactly_the_compilers() {
        assert_eq!(
            version_of(TABLE, "1.95.0").as_deref(),
            Some("1.95.0+dfsg1-2~bpo13+1")
        );
        assert_eq!(version_of(TABLE, "1.9"), None);
        assert_eq!(version_of("", "1.95.0"), None);
    }
}
