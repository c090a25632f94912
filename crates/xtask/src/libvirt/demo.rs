//! `cargo xtask demo libvirt`: a virtual machine that was failed over, ready to be failed back.

use std::{
    fs,
    io::{BufWriter, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{Kit, hosts::Hosts, packages};
use crate::{
    console, stamp, task,
    workspace::{self, Metadata},
};

/// The demonstrations there are.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Options {
    /// Two libvirt hosts with a virtual machine that runs at the DR site, until Ctrl-C
    Libvirt(Libvirt),
}

/// Where it happens.
#[derive(Debug, clap::Args)]
pub(crate) struct Libvirt {
    /// Keep its files here, made anew each time [default: target/libvirt/demo]
    #[arg(long)]
    dir: Option<PathBuf>,
}

const MIB: u64 = 1 << 20;
const DISK: u64 = 1024 * MIB;
/// Where the pattern stands: behind everything that the guest writes.
const PATTERN: std::ops::Range<u64> = 128 * MIB..192 * MIB;
const BLOCK: u64 = 4096;

/// Says that a folder is ours to remove.
const MARK: &str = ".landfall-demo";

/// Builds everything, shows where it is, and stays.
pub(crate) fn run(options: &Options) -> Result<()> {
    let Options::Libvirt(Libvirt { dir }) = options;
    let kit = Kit::get()?;
    let folder = match dir {
        Some(dir) => dir.clone(),
        None => Metadata::read()?.target_directory.join("libvirt/demo"),
    };
    let folder = fresh(&folder)?;
    let mut hosts = task::step("start both hosts", || Hosts::start(&kit, &folder))?;
    task::step("a virtual machine, failed over", || {
        fail_over(&kit, &hosts, &folder)
    })?;
    console::say(format_args!(
        "\nProduction: {}\nDR:         {}\nThe same as other machines, by ssh:\n{}\n{}\n\n\
         shop-01 is off in production. shop-01_replica runs at DR and writes every second; see\n  \
         tail -f {}\nTo look at either host:\n  export PATH={}:$PATH\n  virsh -c '{}' list --all\n\
         Give Landfall two of these addresses, with that path, and fail shop-01 back.\n\
         Ctrl-C stops everything.",
        hosts.prod.uri(),
        hosts.dr.uri(),
        hosts.prod.ssh_uri(&kit),
        hosts.dr.ssh_uri(&kit),
        folder.join("shop-01_replica.log").display(),
        kit.bin().display(),
        hosts.dr.uri(),
    ));
    // The hosts end with us, however we end.
    loop {
        thread::sleep(Duration::from_secs(1));
        hosts.check()?;
    }
}

/// An empty folder, without ever removing what is not of an earlier demonstration.
fn fresh(folder: &Path) -> Result<PathBuf> {
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    ensure!(
        is_empty || folder.join(MARK).exists(),
        "{} holds something else than a demonstration",
        folder.display()
    );
    let folder = packages::fresh(folder)?;
    stamp::write(&folder.join(MARK), b"")?;
    folder
        .canonicalize()
        .context("find the demonstration's folder")
}

/// Both sides as they are after a failover: the copy runs and changes, the original is off.
fn fail_over(kit: &Kit, hosts: &Hosts, folder: &Path) -> Result<()> {
    let original = folder.join("shop-01.qcow2");
    let copy = folder.join("shop-01_replica.qcow2");
    make_disk(kit, &original)?;
    fs::copy(&original, &copy).context("copy the disk")?;
    for (host, name, disk) in [
        (&hosts.prod, "shop-01", &original),
        (&hosts.dr, "shop-01_replica", &copy),
    ] {
        let definition = folder.join(name).with_extension("xml");
        stamp::write(&definition, domain(kit, folder, name, disk).as_bytes())?;
        kit.virsh(&host.uri(), &["define", &definition.to_string_lossy()])?;
    }
    kit.virsh(&hosts.dr.uri(), &["start", "shop-01_replica"])?;
    Ok(())
}

/// A disk in which every block of a part says which one it is.
fn make_disk(kit: &Kit, path: &Path) -> Result<()> {
    let raw = path.with_extension("raw");
    let file = fs::File::create(&raw).with_context(|| format!("make {}", raw.display()))?;
    file.set_len(DISK).context("make a disk")?;
    let mut file = BufWriter::new(file);
    file.seek(SeekFrom::Start(PATTERN.start)).context("seek")?;
    for number in PATTERN.start / BLOCK..PATTERN.end / BLOCK {
        let words = BLOCK / 8;
        for _ in 0..words {
            file.write_all(&number.to_le_bytes())
                .context("write a disk")?;
        }
    }
    file.flush().context("write a disk")?;
    let bundled = kit.bin().join("qemu-img");
    let program = if bundled.exists() {
        bundled
    } else {
        PathBuf::from("qemu-img")
    };
    let mut convert = Command::new(program);
    convert.args(["convert", "-f", "raw", "-O", "qcow2"]);
    workspace::output(convert.arg(&raw).arg(path))?;
    fs::remove_file(&raw).context("remove what the disk was made of")
}

/// The same machine on both sides by what its firmware says; each host gives it an id of its own.
pub(super) fn domain(kit: &Kit, folder: &Path, name: &str, disk: &Path) -> String {
    format!(
        "<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <sysinfo type='smbios'>
    <system>
      <entry name='manufacturer'>Landfall</entry>
      <entry name='product'>Demonstration</entry>
      <entry name='serial'>shop-01-5f1c</entry>
    </system>
  </sysinfo>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>console=ttyS0 panic=-1 loglevel=3</cmdline>
    <smbios mode='sysinfo'/>
  </os>
  <features><acpi/><apic/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='{disk}'/>
      <target dev='vda' bus='virtio'/>
      <serial>shop-01-vda</serial>
    </disk>
    <interface type='user'>
      <mac address='52:54:00:5f:1c:01'/>
      <model type='virtio'/>
    </interface>
    <serial type='file'>
      <source path='{log}' append='on'/>
    </serial>
  </devices>
</domain>
",
        kernel = kit.kernel().display(),
        initrd = kit.initrd().display(),
        disk = disk.display(),
        log = folder.join(name).with_extension("log").display(),
    )
}
