//! A guest of one small program that boots in seconds and shows that its disk is alive, and the same with
//! QEMU's guest agent.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::GzEncoder};

use super::{cpio::Archive, scripts};
use crate::{
    files,
    stamp::{self, Stamp},
    workspace,
};

/// What it does.
const INIT: &str = include_str!("guest.sh");
/// What it does besides where it has the agent.
const AGENT: &str = include_str!("agent.sh");
/// What the agent calls.
const SHUTDOWN: &str = include_str!("shutdown.sh");

/// The program that it is made of, among the packages.
const BUSYBOX: &str = "root/bin/busybox";

/// What it loads, in the order in which one needs another: the disk, the network, and the power button
/// with the devices that its events are read from. A kernel that has one built in has no file of it.
const MODULES: [&str; 11] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
    "failover",
    "net_failover",
    "virtio_net",
    "evdev",
    "button",
];

/// What the agent needs of the kernel besides: its channel, and a file system to freeze.
const MODULES_OF_AGENT: [&str; 5] = ["virtio_console", "crc16", "mbcache", "jbd2", "ext4"];

/// Makes `place/guest/vmlinuz`, `place/guest/initrd.gz` and `place/guest/initrd-agent.gz` of the unpacked
/// packages.
pub(super) fn ensure(place: &Path) -> Result<()> {
    let unpacked = place.join("packages.stamp");
    let packages = fs::read(&unpacked).with_context(|| format!("read {}", unpacked.display()))?;
    let inputs = (
        (INIT, AGENT, SHUTDOWN),
        (MODULES, MODULES_OF_AGENT),
        packages,
    );
    let stamp = Stamp::new(place.join("guest.stamp"), inputs);
    if stamp.is_current() {
        return Ok(());
    }
    // In `boot`, or with its modules.
    let package = place.join("kernel");
    let kernel = files::all_below(&package)?
        .into_iter()
        .find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("vmlinuz"))
        })
        .context("the kernel's package holds no kernel")?;
    let kernel = fs::read(package.join(kernel)).context("read the kernel")?;
    stamp::write(&place.join("guest/vmlinuz"), &kernel)?;

    let busybox = fs::read(place.join(BUSYBOX)).context("read busybox")?;
    let plain = packed(&initramfs(&busybox, &modules(place, &MODULES)?)?)?;
    stamp::write(&place.join("guest/initrd.gz"), &plain)?;
    let more = agent(&place.join("root"), &modules(place, &MODULES_OF_AGENT)?)?;
    // The kernel unpacks one after the other.
    let both = [plain, packed(&more)?].concat();
    stamp::write(&place.join("guest/initrd-agent.gz"), &both)?;
    stamp.write()
}

fn packed(archive: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(archive).context("compress")?;
    packed.finish().context("compress")
}

fn initramfs(busybox: &[u8], modules: &[Module]) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "proc", "sys", "modules"] {
        archive.folder(folder)?;
    }
    archive.program("init", INIT.as_bytes())?;
    archive.program("bin/busybox", busybox)?;
    add_modules(&mut archive, modules, "order")?;
    archive.finish()
}

/// What is added to the guest where it has the agent: the agent with its libraries.
fn agent(root: &Path, modules: &[Module]) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["agent", "sbin"] {
        archive.folder(folder)?;
    }
    let program = root.join("usr/sbin/qemu-ga");
    let loader = scripts::loader(root);
    for (name, path) in [("qemu-ga", &program), ("ld.so", &loader)] {
        let content = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        archive.program(&format!("agent/{name}"), &content)?;
    }
    for path in libraries(&loader, &program)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        archive.program(&format!("agent/{name}"), &content)?;
    }
    archive.program("agent/start.sh", AGENT.as_bytes())?;
    archive.program("sbin/shutdown", SHUTDOWN.as_bytes())?;
    add_modules(&mut archive, modules, "order-agent")?;
    archive.finish()
}

/// The libraries that a program of the packages is linked with, as its loader finds them.
fn libraries(loader: &Path, program: &Path) -> Result<Vec<PathBuf>> {
    let folder = loader.parent().context("a loader lies in a folder")?;
    let mut list = Command::new(loader);
    list.arg("--library-path").arg(folder);
    let listed = workspace::output(list.arg("--list").arg(program))?;
    let found: Vec<PathBuf> = listed
        .lines()
        .filter_map(|line| line.split_once(" => ")?.1.split_whitespace().next())
        .map(PathBuf::from)
        .filter(|path| path.starts_with(folder) && path != loader)
        .collect();
    ensure!(!found.is_empty(), "{} needs no library", program.display());
    Ok(found)
}

/// Adds modules and the order to load them in.
fn add_modules(archive: &mut Archive, modules: &[Module], order: &str) -> Result<()> {
    let names: String = modules.iter().map(|it| format!("{}\n", it.name)).collect();
    archive.program(&format!("modules/{order}"), names.as_bytes())?;
    for Module { name, content } in modules {
        archive.program(&format!("modules/{name}.ko"), content)?;
    }
    Ok(())
}

/// A part of the kernel that is loaded.
#[derive(Debug)]
struct Module {
    name: &'static str,
    content: Vec<u8>,
}

/// Those of these that the kernel has not built in.
fn modules(place: &Path, wanted: &[&'static str]) -> Result<Vec<Module>> {
    let folder = place.join("kernel/usr/lib/modules");
    let found = files::all_below(&folder)?;
    let file = |name: &str| -> Option<PathBuf> {
        found
            .iter()
            .find(|path| {
                let file = path.file_name().and_then(|file| file.to_str());
                file.is_some_and(|file| file.strip_suffix(".xz").unwrap_or(file) == name)
            })
            .map(|path| folder.join(path))
    };
    let found = wanted
        .iter()
        .filter_map(|name| Some((*name, file(&format!("{name}.ko"))?)));
    found
        .map(|(name, path)| {
            let content = content(place, &path)?;
            Ok(Module { name, content })
        })
        .collect()
}

/// A module as the guest's `insmod` takes it: newer kernels come with them packed.
fn content(place: &Path, path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(path).with_context(|| format!("read {}", path.display()));
    }
    let unpacked = Command::new(place.join(BUSYBOX))
        .args(["xz", "-dc"])
        .arg(path)
        .output()
        .context("start busybox")?;
    let name = path.display();
    ensure!(unpacked.status.success(), "{name} could not be unpacked");
    Ok(unpacked.stdout)
}
