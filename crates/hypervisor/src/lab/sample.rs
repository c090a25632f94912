//! The sample estates: made from nothing in seconds, with real files on real file systems.

mod files;
mod make;
mod many;
mod plan;
mod recovered;

use std::{fs, io, path::Path, str::FromStr, sync::Arc};

use disk::Disk;
use model::{Job, JobId, SiteId, SiteRole};

use self::plan::{Keeper, Plan};
use super::meta::{self, EstateFile, ReplicaFile, SiteFile};
use crate::{PlatformError, clock};

/// The production site's id.
pub(crate) const PRODUCTION: &str = "production";
/// The DR site's id.
pub(crate) const DR: &str = "dr";

/// How large an estate to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Three VMs of a few MiB, for tests.
    Tiny,
    /// Seven VMs with disks from 256 MiB to 2 GiB, to try Landfall with.
    Sample,
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tiny" => Ok(Self::Tiny),
            "sample" => Ok(Self::Sample),
            other => Err(format!("unknown scale {other:?}; say tiny or sample")),
        }
    }
}

/// Makes an estate in `<data-dir>/lab`, in place of one that is there. The estate's description
/// comes last: without it there is no lab, and making it again begins anew. `vms` is how many original
/// VMs it has at least; those that the scale does not have are generated.
pub(crate) fn create(data_dir: &Path, scale: Scale, vms: u32) -> Result<(), PlatformError> {
    let plan = match scale {
        Scale::Tiny => plan::tiny(),
        Scale::Sample => plan::sample(),
    };
    clear(data_dir)?;
    let mut replicas = make_pairs(data_dir, &plan)?;
    let own = u32::try_from(replicas.len()).unwrap_or(u32::MAX);
    let generated = vms.saturating_sub(own);
    replicas.extend(many::make(data_dir, generated)?);
    meta::save_estate(data_dir, &estate(replicas, generated, vms))
}

/// Writes to a disk without a file system, as the replica of a generated VM does after it was failed
/// over again.
pub(crate) fn touch(disk: &dyn Disk, seed: u64) -> Result<(), disk::DiskError> {
    many::touch(disk, seed)
}

/// Writes a few new files, as a replica does after it was failed over again.
pub(crate) fn diverge_after_failover(disk: Arc<dyn Disk>, seed: u64) -> Result<(), PlatformError> {
    // 2 % of the disk, without what overwriting adds.
    let kib = (disk.size().0 / 50) >> 10;
    files::diverge(disk, kib, seed, None).map_err(|source| PlatformError::Io {
        operation: "write new files".to_owned(),
        source,
    })
}

/// Removes what an estate consists of, its description first.
fn clear(data_dir: &Path) -> Result<(), PlatformError> {
    let lab = meta::lab_dir(data_dir);
    let description = lab.join("estate.json");
    let missing_is_fine = |result: io::Result<()>, path: &Path| match result {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(meta::io_error("remove", path, source))
        }
        _ => Ok(()),
    };
    missing_is_fine(fs::remove_file(&description), &description)?;
    for site in [PRODUCTION, DR] {
        let path = lab.join(site);
        missing_is_fine(fs::remove_dir_all(&path), &path)?;
        fs::create_dir_all(&path).map_err(|source| meta::io_error("create", &path, source))?;
    }
    Ok(())
}

/// Makes the pairs, two at a time.
fn make_pairs(data_dir: &Path, plan: &Plan) -> Result<Vec<ReplicaFile>, PlatformError> {
    let now = clock::now_micros();
    let every_second = |first: usize| -> Result<Vec<(usize, ReplicaFile)>, PlatformError> {
        let pairs = plan.pairs.iter().enumerate().skip(first).step_by(2);
        pairs
            .map(|(index, pair)| {
                let replica = make::pair(data_dir, pair, now)?;
                recovered::make(data_dir, pair)?;
                Ok((index, replica))
            })
            .collect()
    };
    let mut made = std::thread::scope(|scope| {
        let other = scope.spawn(|| every_second(1));
        let mut made = every_second(0)?;
        let others = other.join().map_err(|_| PlatformError::Io {
            operation: "make the sample".to_owned(),
            source: io::Error::other("a thread that makes sample VMs panicked"),
        })??;
        made.extend(others);
        Ok::<_, PlatformError>(made)
    })?;
    made.sort_by_key(|(index, _)| *index);
    Ok(made.into_iter().map(|(_, replica)| replica).collect())
}

fn estate(replicas: Vec<ReplicaFile>, generated: u32, vms: u32) -> EstateFile {
    let site = |id: &str, name: &str, role| SiteFile {
        id: SiteId::new(id),
        name: name.to_owned(),
        role,
        resources: super::resources::grown(role, generated),
    };
    let keepers = Keeper::SAMPLE.into_iter().chain(many::keepers(generated));
    let mut jobs: Vec<Job> = keepers.map(job).collect();
    jobs.push(backup(&replicas));
    let mut estate = EstateFile {
        version: 1,
        sites: vec![
            site(PRODUCTION, "Production site", SiteRole::Production),
            site(DR, "DR site", SiteRole::DisasterRecovery),
        ],
        replicas,
        jobs,
        vms,
    };
    super::jobs::complete(&mut estate);
    estate
}

/// A job that keeps no replica: it names every original VM.
fn backup(replicas: &[ReplicaFile]) -> Job {
    let name = "Backup weekly";
    Job {
        id: JobId::new(stable_id("job", name)),
        name: name.to_owned(),
        held: false,
        vms: replicas.iter().map(|it| it.original.clone()).collect(),
    }
}

fn job(keeper: Keeper) -> Job {
    Job {
        id: job_id(keeper),
        name: keeper.name(),
        held: false,
        vms: Vec::new(),
    }
}

fn job_id(keeper: Keeper) -> JobId {
    JobId::new(stable_id("job", &keeper.name()))
}

/// A UUID of version 7 that is the same each time: made of the kind and name of what it is for.
fn stable_id(kind: &str, name: &str) -> String {
    /// 2026-01-01 in milliseconds: before anything that Landfall makes itself.
    const MILLIS: u64 = 1_767_225_600_000;
    let hash = seed(kind, name);
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&hash.to_be_bytes());
    bytes[8..].copy_from_slice(&hash.to_le_bytes()[..2]);
    uuid::Builder::from_unix_timestamp_millis(MILLIS, &bytes)
        .into_uuid()
        .to_string()
}

/// A number made of a kind and a name.
fn seed(kind: &str, name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(format!("{kind}/{name}").as_bytes())
}

#[cfg(test)]
mod tests;
