//! Makes one pair: the original VM's directory, the replica's, and the replica's record.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use disk::{Access, Locator};
use model::{
    Adapter, ByteCount, DatastoreId, DiskFormat, DiskKey, EpochId, Placement, PointName,
    PowerState, ProtectedVmId, ReplicaId, ReplicaState, RestorePoint, SiteId, SiteRole, Slot,
    Timestamp, VmRef,
};

use super::{
    DR, PRODUCTION,
    files::{self, Journal, RECORDS},
    job_id,
    plan::{DiskPlan, Pair},
    seed, stable_id,
};
use crate::{
    PlatformError,
    lab::{
        meta::{self, DiskFile, LayerFile, PointFile, ReplicaFile, VmFile},
        resources,
    },
};

/// The epoch that a failover opened on both sides.
pub(super) const FIRST_EPOCH: EpochId = EpochId(1);
/// Seconds of an hour.
const HOUR: i64 = 3_600;
/// Bytes of a MiB.
const MIB: u64 = 1 << 20;
/// Logical sector.
const SECTOR: u32 = 512;
/// Version of the virtual hardware.
const HARDWARE_VERSION: u32 = 19;

/// When things happened to a pair.
pub(super) struct Times {
    restore_point: Timestamp,
    running_since: Timestamp,
}

/// Makes a pair and returns the replica's record. Images come before the description of their VM.
pub(super) fn pair(
    data_dir: &Path,
    pair: &Pair,
    now_micros: i64,
) -> Result<ReplicaFile, PlatformError> {
    let times = times(now_micros);
    let (original, replica) = (original_ref(pair), replica_ref(pair));
    for vm in [&original, &replica] {
        let dir = meta::vm_dir(data_dir, vm);
        fs::create_dir_all(&dir).map_err(|source| meta::io_error("create", &dir, source))?;
    }
    for (index, plan) in pair.disks.iter().enumerate() {
        original_disk(
            &meta::vm_dir(data_dir, &original),
            pair,
            plan,
            index,
            &times,
        )?;
    }
    replica_disks(data_dir, pair, &original, &replica, &times)?;
    meta::save_vm(data_dir, &original_file(pair, original.clone()))?;
    meta::save_vm(data_dir, &replica_file(pair, replica.clone(), &times))?;
    Ok(record(pair, original, replica, &times))
}

/// The restore point lies a day back at a full hour; the failover followed it by 40 minutes.
pub(super) fn times(now_micros: i64) -> Times {
    let hours = now_micros.div_euclid(HOUR * 1_000_000);
    let restore_point = Timestamp(hours * HOUR * 1_000_000).plus_seconds(-26 * HOUR);
    Times {
        restore_point,
        running_since: restore_point.plus_seconds(2_400),
    }
}

pub(super) fn original_ref(pair: &Pair) -> VmRef {
    VmRef {
        site: SiteId::new(PRODUCTION),
        platform_id: pair.name.clone(),
    }
}

pub(super) fn replica_ref(pair: &Pair) -> VmRef {
    let site = if pair.replica.same_site {
        PRODUCTION
    } else {
        DR
    };
    VmRef {
        site: SiteId::new(site),
        platform_id: format!("{}-replica", pair.name),
    }
}

fn point_name(times: &Times) -> PointName {
    PointName::new(
        times
            .restore_point
            .utc_text()
            .chars()
            .take(16)
            .collect::<String>(),
    )
}

pub(super) fn base_name(plan: &DiskPlan) -> String {
    format!("{}.{}", plan.name, plan.format.word())
}

pub(super) fn layer_name(plan: &DiskPlan) -> String {
    format!("{}-restore-point.qcow2", plan.name)
}

/// The seed of a disk's content at a stage.
pub(super) fn disk_seed(pair: &Pair, plan: &DiskPlan, stage: &str) -> u64 {
    seed(stage, &format!("{}/{}", pair.name, plan.name))
}

/// The journal that the first disk of a VM has at replication.
fn journal_of(index: usize, times: &Times) -> Option<Journal> {
    let micros = times.restore_point.plus_seconds(-60).0;
    (index == 0).then_some(Journal { first: 1, micros })
}

/// What the replica's guest appended to it since the failover.
fn later_journal_of(index: usize, times: &Times) -> Option<Journal> {
    (index == 0).then_some(Journal {
        first: 1 + RECORDS,
        micros: times.running_since.0,
    })
}

fn original_disk(
    dir: &Path,
    pair: &Pair,
    plan: &DiskPlan,
    index: usize,
    times: &Times,
) -> Result<(), PlatformError> {
    let (vm, path) = (original_ref(pair), dir.join(base_name(plan)));
    create_base(&vm, &path, plan.format, plan.size_mib)?;
    let disk = open(&vm, &path, plan.format)?;
    files::populate(
        &disk,
        plan,
        disk_seed(pair, plan, "base"),
        journal_of(index, times).as_ref(),
    )
    .map_err(|source| meta::io_error("put files on", &path, source))
}

pub(super) fn create_base(
    vm: &VmRef,
    path: &Path,
    format: DiskFormat,
    size_mib: u64,
) -> Result<(), PlatformError> {
    let size = ByteCount(size_mib * MIB);
    let made = match format {
        DiskFormat::Raw => disk::create_raw(path, size),
        DiskFormat::Qcow2 => disk::create_qcow2(path, size),
    };
    made.map_err(|source| PlatformError::Disk {
        vm: vm.clone(),
        source,
    })
}

pub(super) fn open(
    vm: &VmRef,
    path: &Path,
    format: DiskFormat,
) -> Result<std::sync::Arc<dyn disk::Disk>, PlatformError> {
    let locator = Locator::File {
        path: absolute(path)?,
        format,
    };
    disk::open(&locator, Access::Write).map_err(|source| PlatformError::Disk {
        vm: vm.clone(),
        source,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, PlatformError> {
    std::path::absolute(path).map_err(|source| meta::io_error("find", path, source))
}

/// The replica's disks: copies of the original's, its own ones, and a layer above each.
fn replica_disks(
    data_dir: &Path,
    pair: &Pair,
    original: &VmRef,
    replica: &VmRef,
    times: &Times,
) -> Result<(), PlatformError> {
    let (from, to) = (
        meta::vm_dir(data_dir, original),
        meta::vm_dir(data_dir, replica),
    );
    for (index, plan) in pair.disks.iter().enumerate() {
        let (source, target) = (from.join(base_name(plan)), to.join(base_name(plan)));
        let size = match plan.format {
            DiskFormat::Raw => replica_size_mib(pair, plan, index) * MIB,
            DiskFormat::Qcow2 => 0,
        };
        files::copy_sparse(&source, &target, size)
            .map_err(|source| meta::io_error("copy to", &target, source))?;
        let journal = later_journal_of(index, times);
        layer(
            &to,
            pair,
            plan,
            replica_size_mib(pair, plan, index),
            journal.as_ref(),
        )?;
    }
    if let Some(plan) = &pair.replica.reconfigured {
        let path = to.join(base_name(plan));
        create_base(replica, &path, plan.format, plan.size_mib)?;
        files::populate(
            &open(replica, &path, plan.format)?,
            plan,
            disk_seed(pair, plan, "base"),
            None,
        )
        .map_err(|source| meta::io_error("put files on", &path, source))?;
        layer(&to, pair, plan, plan.size_mib, None)?;
    }
    sync_directory(&to)
}

/// The layer above a restore point, with what was written since.
fn layer(
    dir: &Path,
    pair: &Pair,
    plan: &DiskPlan,
    size_mib: u64,
    journal: Option<&Journal>,
) -> Result<(), PlatformError> {
    let (vm, path) = (replica_ref(pair), dir.join(layer_name(plan)));
    let base = base_name(plan);
    disk::create_overlay(
        &path,
        (Path::new(&base), plan.format),
        ByteCount(size_mib * MIB),
    )
    .map_err(|source| PlatformError::Disk {
        vm: vm.clone(),
        source,
    })?;
    if plan.written_kib == 0 {
        return Ok(());
    }
    let disk = open(&vm, &path, DiskFormat::Qcow2)?;
    files::diverge(
        disk,
        plan.written_kib,
        disk_seed(pair, plan, "written"),
        journal,
    )
    .map_err(|source| meta::io_error("put files on", &path, source))
}

pub(super) fn sync_directory(dir: &Path) -> Result<(), PlatformError> {
    let sync = || -> io::Result<()> { fs::File::open(dir)?.sync_all() };
    sync().map_err(|source| meta::io_error("sync", dir, source))
}

fn replica_size_mib(pair: &Pair, plan: &DiskPlan, index: usize) -> u64 {
    match pair.replica.first_disk_mib {
        Some(size) if index == 0 => size,
        _ => plan.size_mib,
    }
}

pub(super) fn original_file(pair: &Pair, vm: VmRef) -> VmFile {
    VmFile {
        version: 1,
        name: vm.platform_id.clone(),
        identity: Some(stable_id("VM", &pair.name)),
        vm,
        cpus: pair.cpus,
        memory: ByteCount(pair.memory_mib * MIB),
        firmware: pair.firmware,
        adapters: vec![adapter(pair, "lan", "VM network")],
        tags: pair.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        storage_policy: Some(pair.policy.to_owned()),
        change_tracking: pair.tracking,
        power: if pair.production_on {
            PowerState::On
        } else {
            PowerState::Off
        },
        held_by: None,
        write_epoch: 1,
        epoch: FIRST_EPOCH,
        deaf: false,
        idle: pair.idle,
        disks: pair
            .disks
            .iter()
            .zip(0..)
            .map(|(plan, unit)| disk_file(pair, plan, plan.size_mib, unit))
            .collect(),
        points: Vec::new(),
        created_by: None,
        placement: placement(pair, SiteRole::Production).0,
    }
}

pub(super) fn replica_file(pair: &Pair, vm: VmRef, times: &Times) -> VmFile {
    let owner = job_id(pair.keeper).to_string();
    let mut file = VmFile {
        power: match pair.replica.state {
            ReplicaState::Failover => PowerState::On,
            ReplicaState::Ready | ReplicaState::Processing => PowerState::Off,
        },
        deaf: pair.replica.deaf,
        placement: placement(pair, site_role(pair)).0,
        disks: replica_disk_files(pair, &owner),
        points: vec![PointFile {
            name: point_name(times),
            owner,
            taken_at: times.restore_point,
            epoch: FIRST_EPOCH,
            depth: 0,
        }],
        ..original_file(pair, vm)
    };
    if pair.replica.reconfigured.is_some() {
        file.memory = ByteCount(pair.memory_mib * 2 * MIB);
        file.adapters = vec![
            adapter(pair, "lan", "DR application network"),
            adapter(pair, "second", "DR backup network"),
        ];
    }
    file
}

fn replica_disk_files(pair: &Pair, owner: &str) -> Vec<DiskFile> {
    let paired = pair
        .disks
        .iter()
        .enumerate()
        .map(|(index, plan)| (plan, replica_size_mib(pair, plan, index)));
    let added = pair
        .replica
        .reconfigured
        .iter()
        .map(|plan| (plan, plan.size_mib));
    paired
        .chain(added)
        .zip(0..)
        .map(|((plan, size_mib), unit)| {
            let layer = LayerFile {
                file: layer_name(plan),
                name: None,
                owner: owner.to_owned(),
            };
            DiskFile {
                layers: vec![layer],
                datastore: Some(placement(pair, site_role(pair)).1),
                ..disk_file(pair, plan, size_mib, unit)
            }
        })
        .collect()
}

pub(super) fn disk_file(pair: &Pair, plan: &DiskPlan, size_mib: u64, unit: u32) -> DiskFile {
    DiskFile {
        key: DiskKey::new(format!("{}-{}", pair.name, plan.name)),
        name: plan.name.to_owned(),
        size: ByteCount(size_mib * MIB),
        sector: SECTOR,
        base: base_name(plan),
        format: plan.format,
        slot: Some(Slot {
            controller: "scsi0".to_owned(),
            unit,
        }),
        datastore: Some(placement(pair, SiteRole::Production).1),
        layers: Vec::new(),
    }
}

/// The role of the site that a replica is at.
const fn site_role(pair: &Pair) -> SiteRole {
    if pair.replica.same_site {
        SiteRole::Production
    } else {
        SiteRole::DisasterRecovery
    }
}

/// Where a VM of a pair is, and the datastore of its disks.
fn placement(pair: &Pair, role: SiteRole) -> (Placement, DatastoreId) {
    let (placement, datastore) = resources::sample_placement(role, pair.policy);
    let placement = Placement {
        hardware_version: Some(HARDWARE_VERSION),
        ..placement
    };
    (placement, datastore)
}

fn adapter(pair: &Pair, which: &str, network: &str) -> Adapter {
    let [a, b, c, d, ..] = seed(which, &pair.name).to_be_bytes();
    Adapter {
        mac: format!("52:54:00:{a:02x}:{b:02x}:{c:02x}"),
        network: Some(network.to_owned()),
        address: Some(format!("192.0.2.{}", d % 200 + 10)),
    }
}

pub(super) fn record(pair: &Pair, original: VmRef, replica: VmRef, times: &Times) -> ReplicaFile {
    let tracked = pair.tracking.then_some(FIRST_EPOCH);
    let running = pair.replica.state == ReplicaState::Failover;
    ReplicaFile {
        id: ReplicaId::new(stable_id("replica", &pair.name)),
        protected: ProtectedVmId::new(stable_id("protected VM", &pair.name)),
        vm: replica,
        original,
        state: pair.replica.state,
        job: job_id(pair.keeper),
        on_hold: false,
        restore_point: Some(RestorePoint {
            name: point_name(times),
            taken_at: times.restore_point,
            replica_epoch: tracked,
            production_epoch: tracked,
        }),
        running_since: running.then_some(times.running_since),
        disk_pairs: Vec::new(),
        stored_policy: Some(pair.stored_policy.to_owned()),
    }
}
