//! A guest of one small program that boots in seconds and shows that its disk is alive.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};

use super::cpio::Archive;
use crate::{
    files,
    stamp::{self, Stamp},
};

/// What it does.
const INIT: &str = include_str!("guest.sh");

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

/// Makes `place/guest/vmlinuz` and `place/guest/initrd.gz` of the unpacked packages.
pub(super) fn ensure(place: &Path) -> Result<()> {
    let unpacked = place.join("packages.stamp");
    let packages = fs::read(&unpacked).with_context(|| format!("read {}", unpacked.display()))?;
    let stamp = Stamp::new(place.join("guest.stamp"), (INIT, MODULES, packages));
    if stamp.is_current() {
        return Ok(());
    }
    let package = place.join("kernel");
    let kernel = package
        .join("boot")
        .read_dir()
        .context("list the kernel's package")?
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("vmlinuz-"))
        .context("the kernel's package holds no kernel")?;
    let kernel = fs::read(kernel.path()).context("read the kernel")?;
    stamp::write(&place.join("guest/vmlinuz"), &kernel)?;

    let busybox = fs::read(place.join("root/bin/busybox")).context("read busybox")?;
    let archive = initramfs(&busybox, modules(&package)?)?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&archive).context("compress")?;
    let packed = packed.finish().context("compress")?;
    stamp::write(&place.join("guest/initrd.gz"), &packed)?;
    stamp.write()
}

fn initramfs(busybox: &[u8], modules: Vec<(&str, Vec<u8>)>) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "proc", "sys", "modules"] {
        archive.folder(folder)?;
    }
    archive.program("init", INIT.as_bytes())?;
    archive.program("bin/busybox", busybox)?;
    let order: String = modules
        .iter()
        .map(|(name, _)| format!("{name}\n"))
        .collect();
    archive.program("modules/order", order.as_bytes())?;
    for (name, content) in modules {
        archive.program(&format!("modules/{name}.ko"), &content)?;
    }
    archive.finish()
}

fn modules(package: &Path) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let folder = package.join("usr/lib/modules");
    let found = files::all_below(&folder)?;
    let file = |name: &str| -> Option<PathBuf> {
        found
            .iter()
            .find(|path| path.file_name().is_some_and(|file| file == name))
            .map(|path| folder.join(path))
    };
    MODULES
        .iter()
        .filter_map(|name| Some((*name, file(&format!("{name}.ko"))?)))
        .map(|(name, path)| {
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            Ok((name, content))
        })
        .collect()
}
