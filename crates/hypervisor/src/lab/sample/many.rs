//! VMs beyond the sample: as many as asked for, made in seconds.
//!
//! Their disks are of a few blocks and have no file system; what is on them is copied from templates,
//! holes left out, so that only names, keys and descriptions are a VM's own. Their guests are idle.
//! Nothing is synced by itself: the file system is, once, before the estate names any of it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use disk::{Access, Disk, DiskError, Locator};
use model::{
    ByteCount, ByteRange, DatastoreId, DiskFormat, DiskKey, Placement, ReplicaState, SiteId,
    SiteRole, Timestamp, VmRef,
};

use super::{
    PRODUCTION,
    make::{self, FIRST_EPOCH},
    plan::{self, FAILED_OVER, Keeper, Pair, ReplicaPlan},
};
use crate::{
    PlatformError, clock,
    lab::{
        guestfs::Random,
        meta::{self, ReplicaFile, VmFile},
        resources,
        tracking::{Bitmap, Header},
    },
};

/// Bytes of a block, which change tracking, comparing and sending go by.
const BLOCK: u64 = 64 << 10;
/// What is written at the beginning of a block; the rest of it stays a hole.
const PAGE: usize = 4 << 10;
/// Disks have 1 MiB up to this.
const SIZES: u64 = 4;
/// Blocks with data when replicated.
const DATA: [u64; 2] = [0, 7];
/// Blocks that the replica wrote since.
const WRITTEN: [u64; 1] = [7];
/// VMs that one job keeps.
const PER_JOB: u32 = 250;
/// One in so many has a replica in Ready.
const READY: u32 = 10;
/// One in so many was given another storage policy since replication.
const OTHER_POLICY: u32 = 50;
/// One in so many was restored at production by other means.
const RESTORED: u32 = 25;
/// What the names begin with.
const ROLES: [&str; 8] = [
    "app", "build", "cache", "db", "desk", "queue", "shop", "web",
];
/// Where they are used.
const PLACES: [&str; 5] = ["ber", "ham", "muc", "par", "vie"];

/// The jobs that keep so many generated VMs.
pub(super) fn keepers(count: u32) -> impl Iterator<Item = Keeper> {
    (1..=count.div_ceil(PER_JOB)).map(Keeper::Branch)
}

/// Makes so many pairs, two at a time, and returns the replicas' records in order.
pub(super) fn make(data_dir: &Path, count: u32) -> Result<Vec<ReplicaFile>, PlatformError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let templates: Vec<Template> = (1..=SIZES)
        .map(|size| Template::make(data_dir, size))
        .collect::<Result<_, _>>()?;
    let times = make::times(clock::now_micros());
    let half = |numbers: std::ops::Range<u32>| -> Result<Vec<ReplicaFile>, PlatformError> {
        numbers
            .map(|number| one(data_dir, number, &templates, &times))
            .collect()
    };
    let made = std::thread::scope(|scope| {
        let second = scope.spawn(|| half(count / 2..count));
        let mut made = half(0..count / 2)?;
        let rest = second.join().map_err(|_| PlatformError::Io {
            operation: "generate VMs".to_owned(),
            source: io::Error::other("a thread that generates VMs panicked"),
        })??;
        made.extend(rest);
        Ok::<_, PlatformError>(made)
    })?;
    sync_all(&meta::lab_dir(data_dir))?;
    Ok(made)
}

/// Writes to a disk that has no file system.
pub(super) fn touch(disk: &dyn Disk, seed: u64) -> Result<(), DiskError> {
    disk.write_at(WRITTEN[0] * BLOCK, &Random::new(seed).bytes(PAGE))?;
    disk.flush()
}

fn sync_all(directory: &Path) -> Result<(), PlatformError> {
    let synced = File::open(directory).and_then(|file| Ok(rustix::fs::syncfs(&file)?));
    synced.map_err(|source| meta::io_error("sync", directory, source))
}

fn one(
    data_dir: &Path,
    number: u32,
    templates: &[Template],
    times: &make::Times,
) -> Result<ReplicaFile, PlatformError> {
    let size = u64::from(number) % SIZES + 1;
    let template = templates.iter().find(|it| it.size_mib == size);
    let template = template.ok_or_else(|| PlatformError::Io {
        operation: "find a template".to_owned(),
        source: io::Error::from(io::ErrorKind::NotFound),
    })?;
    let pair = plan_of(number, size);
    let (original, replica) = (make::original_ref(&pair), make::replica_ref(&pair));
    let production = placed(
        make::original_file(&pair, original.clone()),
        SiteRole::Production,
        number,
    );
    let kept = placed(
        make::replica_file(&pair, replica.clone(), times),
        SiteRole::DisasterRecovery,
        number,
    );
    put(data_dir, &production, &[&template.base], &[])?;
    put(
        data_dir,
        &kept,
        &[&template.base, &template.layer],
        &WRITTEN,
    )?;
    if number.is_multiple_of(RESTORED) {
        put(data_dir, &restored(production), &[&template.base], &[])?;
    }
    Ok(make::record(&pair, original, replica, times))
}

/// The pair of a number, from 0.
fn plan_of(number: u32, size_mib: u64) -> Pair {
    let pick = |words: &[&'static str], at: u32| {
        let index = usize::try_from(at).unwrap_or_default() % words.len();
        words.get(index).copied().unwrap_or_default()
    };
    let role = pick(&ROLES, number);
    let place = pick(&PLACES, number / 8);
    let ready = number % READY == READY - 1;
    Pair {
        keeper: Keeper::Branch(number / PER_JOB + 1),
        cpus: 1 + number % 4,
        memory_mib: 2_048,
        tags: &["generated"],
        policy: "Silver",
        stored_policy: if number % OTHER_POLICY == 7 {
            "Bronze"
        } else {
            "Silver"
        },
        production_on: ready,
        idle: true,
        replica: ReplicaPlan {
            state: if ready {
                ReplicaState::Ready
            } else {
                ReplicaState::Failover
            },
            ..FAILED_OVER
        },
        ..plan::pair(
            &format!("{role}-{place}-{:05}", number + 1),
            vec![plan::raw("system", size_mib, 0, 0)],
        )
    }
}

/// On the host and datastore of its number.
fn placed(mut file: VmFile, role: SiteRole, number: u32) -> VmFile {
    let (placement, datastore): (Placement, DatastoreId) = resources::spread(role, number);
    for disk in &mut file.disks {
        disk.datastore = Some(datastore.clone());
    }
    file.placement = Placement {
        hardware_version: file.placement.hardware_version,
        ..placement
    };
    file
}

/// The original, restored by other means: off, with disks of its own keys.
fn restored(original: VmFile) -> VmFile {
    let vm = VmRef {
        site: SiteId::new(PRODUCTION),
        platform_id: format!("{}-restored", original.vm.platform_id),
    };
    let mut file = VmFile {
        name: vm.platform_id.clone(),
        power: model::PowerState::Off,
        vm,
        ..original
    };
    for disk in &mut file.disks {
        disk.key = DiskKey::new(format!("{}-{}", file.vm.platform_id, disk.name));
    }
    file
}

/// Writes a VM's directory: the files of its only disk, its change record, its description.
fn put(
    data_dir: &Path,
    vm: &VmFile,
    images: &[&Image],
    written: &[u64],
) -> Result<(), PlatformError> {
    let directory = meta::vm_dir(data_dir, &vm.vm);
    let files = || -> io::Result<()> {
        fs::create_dir(&directory)?;
        for image in images {
            image.write(&directory)?;
        }
        let ranges: Vec<ByteRange> = written
            .iter()
            .map(|block| ByteRange::new(block * BLOCK, PAGE as u64))
            .collect();
        for disk in &vm.disks {
            let header = Header {
                key: disk.key.clone(),
                size: disk.size,
                epoch: FIRST_EPOCH,
                opened_at: Timestamp::default(),
            };
            Bitmap::write_whole(&directory, &header, &ranges)?;
        }
        Ok(())
    };
    files().map_err(|source| meta::io_error("generate", &directory, source))?;
    meta::write_new_vm(data_dir, vm)
}

/// The images of disks of one size.
struct Template {
    size_mib: u64,
    base: Image,
    layer: Image,
}

impl Template {
    /// Makes the images by the same means as every other disk, and takes them into memory.
    fn make(data_dir: &Path, size_mib: u64) -> Result<Self, PlatformError> {
        let pair = plan_of(0, size_mib);
        let vm = make::original_ref(&pair);
        let failed = |source| PlatformError::Disk {
            vm: vm.clone(),
            source,
        };
        let directory = meta::lab_dir(data_dir).join("template");
        let io = |source| meta::io_error("make", &directory, source);
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(io)?;
        }
        fs::create_dir_all(&directory).map_err(io)?;
        let size = ByteCount(size_mib << 20);
        let mut images = pair.disks.iter().map(|disk| {
            let (base, layer) = (make::base_name(disk), make::layer_name(disk));
            let at = directory.join(&base);
            disk::create_raw(&at, size).map_err(failed)?;
            fill(&at, DiskFormat::Raw, &DATA, size_mib).map_err(failed)?;
            let above = directory.join(&layer);
            disk::create_overlay(&above, (Path::new(&base), DiskFormat::Raw), size)
                .map_err(failed)?;
            fill(&above, DiskFormat::Qcow2, &WRITTEN, size_mib + SIZES).map_err(failed)?;
            Ok(Self {
                size_mib,
                base: Image::read(&at).map_err(io)?,
                layer: Image::read(&above).map_err(io)?,
            })
        });
        let made = images.next().unwrap_or_else(|| {
            Err(meta::io_error(
                "make",
                &directory,
                io::Error::from(io::ErrorKind::InvalidInput),
            ))
        })?;
        fs::remove_dir_all(&directory).map_err(io)?;
        Ok(made)
    }
}

/// Writes a page at the beginning of each of some blocks.
fn fill(path: &Path, format: DiskFormat, blocks: &[u64], seed: u64) -> Result<(), DiskError> {
    let locator = Locator::File {
        path: path.to_owned(),
        format,
    };
    let disk = disk::open(&locator, Access::Write)?;
    for block in blocks {
        disk.write_at(block * BLOCK, &Random::new(seed + block).bytes(PAGE))?;
    }
    disk.flush()
}

/// A file's data without what is zero.
struct Image {
    name: String,
    len: u64,
    pages: Vec<(u64, Vec<u8>)>,
}

impl Image {
    fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let pages = (0_u64..).zip(bytes.chunks(PAGE));
        Ok(Self {
            name: name.into_owned(),
            len: bytes.len() as u64,
            pages: pages
                .filter(|(_, page)| page.iter().any(|byte| *byte != 0))
                .map(|(number, page)| (number * PAGE as u64, page.to_vec()))
                .collect(),
        })
    }

    fn write(&self, directory: &Path) -> io::Result<()> {
        let file = File::create(directory.join(&self.name))?;
        file.set_len(self.len)?;
        for (offset, page) in &self.pages {
            file.write_all_at(page, *offset)?;
        }
        Ok(())
    }
}
