//! What the two sample estates are made of, as data.

use model::{DiskFormat, Firmware, ReplicaState};

/// An estate.
pub(super) struct Plan {
    pub(super) pairs: Vec<Pair>,
}

/// A job that keeps replicas.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    Gold,
    Silver,
    /// One of a branch, which keeps generated VMs.
    Branch(u32),
}

impl Keeper {
    /// Those of the sample.
    pub(super) const SAMPLE: [Self; 2] = [Self::Gold, Self::Silver];

    /// What operators call it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Gold => "Gold hourly".to_owned(),
            Self::Silver => "Silver nightly".to_owned(),
            Self::Branch(number) => format!("Branch {number:02} nightly"),
        }
    }
}

/// An original VM and its replica.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) keeper: Keeper,
    pub(super) cpus: u32,
    pub(super) memory_mib: u64,
    pub(super) firmware: Firmware,
    pub(super) tags: &'static [&'static str],
    pub(super) policy: &'static str,
    /// The policy that it had at replication.
    pub(super) stored_policy: &'static str,
    pub(super) tracking: bool,
    pub(super) disks: Vec<DiskPlan>,
    /// The original was started again and writes.
    pub(super) production_on: bool,
    /// The guests on both sides write nothing by themselves.
    pub(super) idle: bool,
    pub(super) replica: ReplicaPlan,
    /// VMs that the original was restored as, at its own site.
    pub(super) recovered: &'static [RecoveredPlan],
}

/// The original, restored by other means.
#[derive(Clone)]
pub(super) struct RecoveredPlan {
    /// What its name adds to the original's.
    pub(super) suffix: &'static str,
    /// It runs.
    pub(super) on: bool,
    /// Its last disk has this size.
    pub(super) other_size_mib: Option<u64>,
}

/// Restored with the same layout, and off.
const RESTORED: RecoveredPlan = RecoveredPlan {
    suffix: "restored",
    on: false,
    other_size_mib: None,
};
/// Restored for a drill, and running.
const DRILL: RecoveredPlan = RecoveredPlan {
    suffix: "drill",
    on: true,
    ..RESTORED
};

/// How a replica differs from a copy.
#[derive(Clone)]
pub(super) struct ReplicaPlan {
    pub(super) state: ReplicaState,
    /// In the production site, beside its original.
    pub(super) same_site: bool,
    /// Its guest never answers.
    pub(super) deaf: bool,
    /// Its first disk was enlarged to this.
    pub(super) first_disk_mib: Option<u64>,
    /// It was reconfigured at the DR site: a disk, memory and a network of its own.
    pub(super) reconfigured: Option<DiskPlan>,
}

/// One disk.
#[derive(Clone)]
pub(super) struct DiskPlan {
    pub(super) name: &'static str,
    pub(super) format: DiskFormat,
    pub(super) size_mib: u64,
    /// Files on it when it was replicated.
    pub(super) files_kib: u64,
    /// What the replica wrote since.
    pub(super) written_kib: u64,
}

pub(super) const fn raw(
    name: &'static str,
    size_mib: u64,
    files_kib: u64,
    written_kib: u64,
) -> DiskPlan {
    DiskPlan {
        name,
        format: DiskFormat::Raw,
        size_mib,
        files_kib,
        written_kib,
    }
}

const fn qcow2(name: &'static str, size_mib: u64, files_kib: u64, written_kib: u64) -> DiskPlan {
    DiskPlan {
        name,
        format: DiskFormat::Qcow2,
        size_mib,
        files_kib,
        written_kib,
    }
}

/// A replica that runs in place of its original, at the DR site.
pub(super) const FAILED_OVER: ReplicaPlan = ReplicaPlan {
    state: ReplicaState::Failover,
    same_site: false,
    deaf: false,
    first_disk_mib: None,
    reconfigured: None,
};

pub(super) fn pair(name: &str, disks: Vec<DiskPlan>) -> Pair {
    Pair {
        name: name.to_owned(),
        keeper: Keeper::Gold,
        cpus: 2,
        memory_mib: 4_096,
        firmware: Firmware::Uefi,
        tags: &["sample"],
        policy: "Gold",
        stored_policy: "Gold",
        tracking: true,
        disks,
        production_on: false,
        idle: false,
        replica: FAILED_OVER,
        recovered: &[],
    }
}

/// The estate that a first visitor finds.
pub(super) fn sample() -> Plan {
    Plan {
        pairs: vec![web(), db(), mail(), files(), app(), erp(), wiki()],
    }
}

fn web() -> Pair {
    Pair {
        tags: &["web", "tier 1"],
        recovered: &[RESTORED],
        ..pair("web-01", vec![raw("system", 1_024, 49_152, 20_480)])
    }
}

fn db() -> Pair {
    let disks = vec![
        qcow2("system", 512, 24_576, 10_240),
        qcow2("data", 2_048, 65_536, 40_960),
    ];
    Pair {
        cpus: 8,
        memory_mib: 32_768,
        tags: &["database", "tier 1"],
        recovered: &[RESTORED],
        ..pair("db-01", disks)
    }
}

fn mail() -> Pair {
    Pair {
        cpus: 4,
        memory_mib: 16_384,
        tags: &["mail", "tier 2"],
        // Somebody gave it another one since.
        stored_policy: "Bronze",
        recovered: &[DRILL],
        production_on: true,
        ..pair("mail-01", vec![raw("system", 512, 40_960, 36_864)])
    }
}

fn files() -> Pair {
    Pair {
        keeper: Keeper::Silver,
        tags: &["files", "tier 2"],
        policy: "Silver",
        stored_policy: "Silver",
        replica: ReplicaPlan {
            first_disk_mib: Some(768),
            ..FAILED_OVER
        },
        ..pair("files-01", vec![raw("system", 512, 40_960, 20_480)])
    }
}

fn app() -> Pair {
    let disks = vec![
        qcow2("system", 512, 24_576, 12_288),
        qcow2("data", 256, 20_480, 16_384),
    ];
    let added = qcow2("data2", 256, 0, 20_480);
    Pair {
        cpus: 4,
        memory_mib: 8_192,
        tags: &["application", "tier 1"],
        // Its data disk was restored to a larger one.
        recovered: &[RecoveredPlan {
            other_size_mib: Some(384),
            ..RESTORED
        }],
        replica: ReplicaPlan {
            reconfigured: Some(added),
            ..FAILED_OVER
        },
        ..pair("app-01", disks)
    }
}

fn erp() -> Pair {
    Pair {
        cpus: 8,
        memory_mib: 65_536,
        tags: &["erp", "tier 1"],
        production_on: true,
        replica: ReplicaPlan {
            state: ReplicaState::Ready,
            ..FAILED_OVER
        },
        ..pair("erp-01", vec![qcow2("system", 1_024, 40_960, 0)])
    }
}

fn wiki() -> Pair {
    Pair {
        keeper: Keeper::Silver,
        memory_mib: 2_048,
        firmware: Firmware::Bios,
        tags: &["wiki", "tier 3"],
        policy: "Silver",
        // Deleted since.
        stored_policy: "Platinum",
        tracking: false,
        replica: ReplicaPlan {
            same_site: true,
            deaf: true,
            ..FAILED_OVER
        },
        ..pair("wiki-01", vec![qcow2("system", 256, 24_576, 24_576)])
    }
}

/// A small estate for tests.
pub(super) fn tiny() -> Plan {
    let deaf = ReplicaPlan {
        deaf: true,
        ..FAILED_OVER
    };
    let two = vec![
        qcow2("system", 16, 2_048, 768),
        qcow2("data", 32, 3_072, 2_048),
    ];
    Plan {
        pairs: vec![
            Pair {
                recovered: &[RESTORED],
                ..pair("tiny-a", vec![raw("system", 24, 3_072, 1_536)])
            },
            Pair {
                recovered: &[RESTORED, DRILL],
                ..pair("tiny-b", two)
            },
            Pair {
                // Its disk was restored to a larger one.
                recovered: &[RecoveredPlan {
                    other_size_mib: Some(32),
                    ..RESTORED
                }],
                production_on: true,
                replica: deaf,
                ..pair("tiny-c", vec![raw("system", 24, 3_072, 1_536)])
            },
        ],
    }
}
