//! The packages of both hosts and their guest, unpacked below `target/libvirt` and installed nowhere.
//!
//! They are resolved against an empty system. So what is unpacked is whole: it needs no library of this
//! machine's own, and no version that is installed here can stand against it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    console,
    private_apt::{self, PrivateApt, Source},
    stamp::{self, Stamp},
    task, workspace,
};

/// Their dependencies come with them.
const WANTED: [&str; 16] = [
    "qemu-system-x86",
    "qemu-system-common",
    "qemu-utils",
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-driver-storage",
    "libvirt-clients",
    "busybox-static",
    "qemu-guest-agent",
    "ovmf",
    "swtpm",
    "swtpm-tools",
    "openssh-server",
    "openssl",
    "dash",
    "coreutils",
];

/// The packages that are taken from backports when those have them: older ones know less of
/// incremental backup.
const NEWER: &str = "libvirt* qemu* seabios";

/// Depends on the kernel that the distribution means for machines like our guest.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Folders that are links into `/usr`. A package that still ships one as a folder must not break that.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Gets and unpacks what is not there: `place/root` with the programs, `place/kernel` with the kernel. They
/// are this machine's release with backports, or another alone.
pub(super) fn ensure(place: &Path, release: Option<&str>) -> Result<()> {
    let codename = codename()?;
    let inputs = (&WANTED, KERNEL, &codename, release);
    let stamp = Stamp::new(place.join("packages.stamp"), inputs);
    if stamp.is_current() {
        return Ok(());
    }
    let folder = place.join("apt");
    let apt = match release {
        Some(release) => apt_of(&folder, release, &codename)?,
        None => apt(&folder, &codename)?,
    };
    apt.update("lists of Debian's packages")?;
    let archives = place.join("apt/cache/archives");
    let mut download = apt.command("apt-get");
    download
        .args([
            "install",
            "--yes",
            "--quiet=2",
            "--download-only",
            "--no-install-recommends",
        ])
        .args(offered(&apt)?);
    task::run("libvirt and QEMU", &mut download)?;
    let kernels = fresh(&place.join("apt/kernel"))?;
    let mut download = apt.command("apt-get");
    download
        .args(["download", "--quiet=2"])
        .args(kernel(&apt)?)
        .current_dir(&kernels);
    task::run("the guest's kernel", &mut download)?;

    task::step("unpack them", || {
        unpack_all(&archives, &place.join("root"))?;
        unpack_all(&kernels, &place.join("kernel"))
    })?;
    stamp.write()?;
    // Only what was unpacked is used from now on.
    fs::remove_dir_all(place.join("apt")).context("remove the downloaded packages")?;
    Ok(())
}

/// `bookworm` of `VERSION_CODENAME=bookworm`.
fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("read /etc/os-release")?;
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    ensure!(
        value("ID").is_some_and(|id| id == "debian"),
        "this machine is no Debian, whose packages are needed"
    );
    value("VERSION_CODENAME").context("/etc/os-release has no VERSION_CODENAME")
}

/// An apt for which nothing is installed, with the machine's own sources and backports.
fn apt(folder: &Path, codename: &str) -> Result<PrivateApt> {
    let mut sources = private_apt::sources()?;
    sources.retain(|source| source.component == "main");
    let backports = format!("{codename}-backports");
    sources.retain(|source| source.suite != backports);
    sources.push(Source {
        uri: private_apt::mirror()?,
        suite: backports.clone(),
        component: "main".to_owned(),
    });
    let pin = format!("Package: {NEWER}\nPin: release n={backports}\nPin-Priority: 990\n");
    on_nothing(folder, &sources, &pin)
}

/// The same with a release as it is: all that this machine reads of its own, or the mirror's other.
fn apt_of(folder: &Path, release: &str, codename: &str) -> Result<PrivateApt> {
    let mut sources = private_apt::sources()?;
    let backports = format!("{codename}-backports");
    sources.retain(|source| source.component == "main" && source.suite != backports);
    if release != codename {
        sources = vec![Source {
            uri: private_apt::mirror()?,
            suite: release.to_owned(),
            component: "main".to_owned(),
        }];
    }
    on_nothing(folder, &sources, "")
}

/// An apt for which nothing is installed.
fn on_nothing(folder: &Path, sources: &[Source], pin: &str) -> Result<PrivateApt> {
    stamp::write(&folder.join("status"), b"")?;
    stamp::write(&folder.join("preferences"), pin.as_bytes())?;
    let settings = format!(
        "Dir::State::status \"{0}/status\";\nDir::Etc::Preferences \"{0}/preferences\";\n\
         Dir::Etc::PreferencesParts \"/dev/null\";\n",
        folder.display()
    );
    PrivateApt::new(folder, sources, &settings)
}

/// Those of [`WANTED`] that there are: not every release cuts libvirt into the same packages.
fn offered(apt: &PrivateApt) -> Result<Vec<&'static str>> {
    let named = workspace::output(apt.command("apt-cache").args(["pkgnames", "libvirt"]))?;
    let is_there =
        |name: &&str| !name.starts_with("libvirt") || named.lines().any(|it| it == *name);
    Ok(WANTED.into_iter().filter(is_there).collect())
}

/// The packages that [`KERNEL`] means now. Newer releases cut a kernel into several.
fn kernel(apt: &PrivateApt) -> Result<Vec<String>> {
    let parts = |of: &str, starts: &[&str]| -> Result<Vec<String>> {
        let listed = workspace::output(apt.command("apt-cache").args(["depends", of]))?;
        let names = listed
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(names
            .filter(|name| starts.iter().any(|start| name.starts_with(start)))
            .map(str::to_owned)
            .collect())
    };
    let mut packages = parts(KERNEL, &["linux-image-"])?;
    let image = packages
        .first()
        .with_context(|| format!("the mirror has no {KERNEL}"))?;
    packages.extend(parts(image, &["linux-binary-", "linux-modules-"])?);
    Ok(packages)
}

/// Unpacks every package of a folder into `root`, all of them or none.
fn unpack_all(packages: &Path, root: &Path) -> Result<()> {
    let unfinished = fresh(&root.with_extension("unfinished"))?;
    for name in MERGED {
        let real = Path::new("usr").join(name);
        fs::create_dir_all(unfinished.join(&real)).context("make /usr")?;
        std::os::unix::fs::symlink(&real, unfinished.join(name)).context("link into /usr")?;
    }
    let mut count = 0_usize;
    for entry in fs::read_dir(packages).with_context(|| format!("list {}", packages.display()))? {
        let path = entry.context("list packages")?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            unpack(&path, &unfinished)?;
            count += 1;
        }
    }
    ensure!(count > 0, "apt-get downloaded nothing");
    console::say(format_args!("  {count} packages into {}", root.display()));
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| format!("remove {}", root.display()))?;
    }
    fs::rename(&unfinished, root).with_context(|| format!("make {}", root.display()))
}

/// Unpacks one. tar is run by us and not by `dpkg-deb -x`: it has to keep the links of [`MERGED`], and
/// no program of another user's rights may come of it.
fn unpack(package: &Path, root: &Path) -> Result<()> {
    let mut reader = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("start dpkg-deb")?;
    let stream = reader.stdout.take().context("dpkg-deb has no output")?;
    let status = Command::new("tar")
        .args(["--extract", "--keep-directory-symlink"])
        .args(["--no-same-owner", "--no-same-permissions"])
        .arg("--directory")
        .arg(root)
        .stdin(stream)
        .status()
        .context("start tar")?;
    if !(reader.wait().context("wait for dpkg-deb")?.success() && status.success()) {
        bail!("{} could not be unpacked", package.display());
    }
    Ok(())
}

/// An empty folder.
pub(super) fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// Held while something is made in `place`, because test programs may ask for it at the same time.
pub(super) fn lock(place: &Path) -> Result<File> {
    fs::create_dir_all(place).with_context(|| format!("make {}", place.display()))?;
    let file = File::create(place.join("lock")).context("make the lock")?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).context("take the lock")?;
    Ok(file)
}
