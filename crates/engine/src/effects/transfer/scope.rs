//! How much of a disk a pass looks at, from what change tracking says.

use blockmap::RangeSet;
use failback::Scope;
use hypervisor::Ranges;
use model::PointName;
use store::SessionDisk;

use super::Stage;
use crate::failure::EffectError;

/// What a pass looks at, in the mover's terms and in words, and what people should know of it.
pub(super) struct Looked {
    pub(super) scope: mover::Scope,
    pub(super) words: String,
    pub(super) warnings: Vec<String>,
}

/// What a pass looks at of a disk, up to a point of the replica. A record that is not whole makes
/// it the whole disk.
///
/// # Errors
/// When a platform cannot be asked.
pub(super) fn of_disk(
    stage: &Stage,
    disk: &SessionDisk,
    point: &PointName,
    scope: Scope,
) -> Result<Looked, EffectError> {
    let at_replica = |epoch| {
        let vm = &stage.replica_vm;
        stage.dr.ranges_since(vm, &disk.key, epoch, Some(point))
    };
    match scope {
        Scope::Whole => Ok(whole("whole disk")),
        Scope::Since(epoch) => Ok(match at_replica(epoch)? {
            Ranges::Written(ranges) => Looked {
                scope: mover::Scope::Ranges(RangeSet::from_ranges(ranges)),
                words: "written since the last pass".to_owned(),
                warnings: Vec::new(),
            },
            Ranges::Broken(why) => untold(disk, &why),
        }),
        Scope::SinceCommon(common) => {
            let vm = &stage.production_vm;
            let production = &stage.production;
            let at_production =
                production.ranges_since(vm, &disk.target, common.production, None)?;
            Ok(match (at_replica(common.replica)?, at_production) {
                (Ranges::Written(replica), Ranges::Written(production)) => quick(
                    &RangeSet::from_ranges(replica),
                    &RangeSet::from_ranges(production),
                ),
                (Ranges::Broken(why), _) => untold(disk, &format!("at the replica, {why}")),
                (_, Ranges::Broken(why)) => untold(disk, &format!("at production, {why}")),
            })
        }
    }
}

fn quick(replica: &RangeSet, production: &RangeSet) -> Looked {
    let words = format!(
        "quick rollback: {} written at the replica and {} at production since the restore point",
        replica.total(),
        production.total()
    );
    Looked {
        scope: mover::Scope::Ranges(replica.union(production)),
        words,
        warnings: Vec::new(),
    }
}

fn whole(words: &str) -> Looked {
    Looked {
        scope: mover::Scope::Whole,
        words: words.to_owned(),
        warnings: Vec::new(),
    }
}

fn untold(disk: &SessionDisk, why: &str) -> Looked {
    let warning = format!(
        "Disk {}: change tracking cannot be trusted ({why}); the whole disk is compared.",
        disk.name
    );
    Looked {
        warnings: vec![warning],
        ..whole("whole disk, without change tracking")
    }
}
