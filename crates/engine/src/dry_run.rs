//! A dry run: the full difference of a draft's VMs with nothing written at production.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use blockmap::BlockSize;
use disk::Access;
use hypervisor::{DiskAt, Platform};
use model::{
    ByteCount, Destination, DiskInfo, DraftId, PointName, PowerState, ReplicaId, VmInfo, VmRef,
    view::{DryRunView, DryRunVm},
};
use mover::{BothDigests, Controls, Meter, Proof, Report, Scope, Task, Unreadable};
use store::{DraftBody, DraftRow, ReplicaRow};

use crate::{
    clock, config::Config, digests, failure::EffectError, inventory::Inventories, live::LiveWork,
};

/// Measures every VM of a draft and saves the result with it.
pub(crate) async fn run(
    config: &Config,
    inventories: &Inventories,
    (live, controls): (&LiveWork, &Controls),
    draft: &DraftId,
) -> Result<String, String> {
    let words = |error: store::StoreError| error.to_string();
    let row = config.store.draft_fetch(draft).await.map_err(words)?;
    let Some(row) = row else {
        return Err("The draft is gone.".to_owned());
    };
    let asked = config.store.dry_run_fetch(draft).await.map_err(words)?;
    let asked_at = asked.map_or_else(clock::now, |view| view.asked_at);
    let chosen: BTreeSet<&ReplicaId> = row.body.chosen.iter().collect();
    let replicas = inventories.replicas().await.into_iter();
    let replicas = replicas.filter(|replica| chosen.contains(&replica.id));
    let replicas = replicas
        .map(|replica| (replica.id.clone(), replica))
        .collect();
    let vms = measure_all((config, &replicas), live, &row, controls).await;
    live.end_dry_run(draft);
    let scanned: ByteCount = vms.iter().map(|vm| vm.scanned).sum();
    let done_at = Some(clock::now());
    let view = DryRunView {
        asked_at,
        done_at,
        progress: (scanned, scanned),
        vms,
    };
    config
        .store
        .dry_run_put(draft, &view)
        .await
        .map_err(words)?;
    Ok("done".to_owned())
}

async fn measure_all(
    (config, replicas): (&Config, &BTreeMap<ReplicaId, ReplicaRow>),
    live: &LiveWork,
    draft: &DraftRow,
    controls: &Controls,
) -> Vec<DryRunVm> {
    let mut vms = Vec::new();
    for replica in &draft.body.chosen {
        let measured = match subject((config, replicas), &draft.body, replica).await {
            Ok(subject) => {
                let (live, id, controls) = (live.clone(), draft.id.clone(), controls.clone());
                tokio::task::spawn_blocking(move || subject.measure(&live, &id, &controls))
                    .await
                    .unwrap_or_else(|error| failed(replica.to_string(), error.to_string()))
            }
            Err(vm) => vm,
        };
        vms.push(measured);
    }
    vms
}

fn failed(name: String, error: String) -> DryRunVm {
    DryRunVm {
        name,
        scanned: ByteCount::ZERO,
        different: ByteCount::ZERO,
        to_send: ByteCount::ZERO,
        error: Some(error),
    }
}

/// A replica and the VM that it would return to.
struct Subject {
    record: ReplicaRow,
    target: VmRef,
    /// Which disks pair is not recorded, so they are paired by how they are attached.
    by_slot: bool,
    dr: Arc<dyn Platform>,
    production: Arc<dyn Platform>,
    data_dir: PathBuf,
}

async fn subject(
    (config, replicas): (&Config, &BTreeMap<ReplicaId, ReplicaRow>),
    body: &DraftBody,
    replica: &ReplicaId,
) -> Result<Subject, DryRunVm> {
    let no = |text: &str| failed(replica.to_string(), text.to_owned());
    let record = replicas
        .get(replica)
        .cloned()
        .ok_or_else(|| no("The replica is gone. Choose again."))?;
    let active = config.store.session_for_replica_active(replica).await;
    if active.map_err(|error| no(&error.to_string()))?.is_some() {
        return Err(no("Its failback has begun, which measures the same."));
    }
    let platform = |site| {
        config
            .platform(site)
            .ok_or_else(|| no("Its site is not reachable."))
    };
    let target = match body.destination {
        None | Some(Destination::OriginalVm) => record.original.clone(),
        Some(Destination::RecoveredVm) => {
            let target = body.targets.get(replica).cloned();
            target.ok_or_else(|| no("No VM to return to is chosen. Choose one at Target VM."))?
        }
        Some(Destination::SpecifiedLocation) => {
            return Err(no(
                "A VM that is made anew has nothing to compare with: all of the replica's data \
                 is sent, without holes and zeroes.",
            ));
        }
    };
    let (dr, production) = (platform(&record.vm.site)?, platform(&target.site)?);
    Ok(Subject {
        by_slot: body.destination == Some(Destination::RecoveredVm),
        target,
        record,
        dr,
        production,
        data_dir: config.data_dir.clone(),
    })
}

impl Subject {
    fn measure(&self, live: &LiveWork, draft: &DraftId, controls: &Controls) -> DryRunVm {
        let point = PointName::new(format!("dry-run-{draft}"));
        let owner = format!("dry-run-{draft}");
        let result = self.with_point(live, draft, &point, &owner, controls);
        // The point goes whatever came of it; one that cannot go is told, not hidden.
        let dropped = self.dr.drop_point(&self.record.vm, &point, &owner);
        let name = self.record.vm.platform_id.clone();
        match (result, dropped) {
            (Ok(vm), Ok(())) => vm,
            (Err(error), _) => failed(name, error.sentence()),
            (_, Err(error)) => failed(name, EffectError::from(error).sentence()),
        }
    }

    fn with_point(
        &self,
        live: &LiveWork,
        draft: &DraftId,
        point: &PointName,
        owner: &str,
        controls: &Controls,
    ) -> Result<DryRunVm, EffectError> {
        let production = self.production.vm(&self.target)?;
        let replica = self.dr.vm(&self.record.vm)?;
        if production.power != PowerState::Off {
            let text = format!(
                "{} runs, so its disks change while they are read. Power it off for a dry run; \
                 phase 1 does so by itself.",
                production.name
            );
            return Ok(failed(replica.name, text));
        }
        self.dr.freeze(&self.record.vm, point, owner)?;
        let mut vm = DryRunVm {
            error: None,
            ..failed(replica.name.clone(), String::new())
        };
        for (from, to) in self.pairs(&replica, &production) {
            let report = self.one_disk(live, draft, point, (from, to), controls)?;
            vm.scanned = vm.scanned.saturating_add(report.counters.scanned);
            vm.different = vm.different.saturating_add(report.counters.different);
            vm.to_send = vm.to_send.saturating_add(report.to_send);
        }
        Ok(vm)
    }

    fn one_disk(
        &self,
        live: &LiveWork,
        draft: &DraftId,
        point: &PointName,
        (disk, to): (&DiskInfo, &DiskInfo),
        controls: &Controls,
    ) -> Result<Report, EffectError> {
        let at = DiskAt::Point(point.clone());
        let source = self.dr.open_disk(&self.record.vm, &disk.key, &at, None)?;
        let target = self
            .production
            .open_disk(&self.target, &to.key, &DiskAt::Active, None)?;
        // Phase 1 does not read again what production holds, as long as nobody writes to it.
        let (platform, vm) = (&self.production, &self.target);
        let digests = digests::of_newest(&self.data_dir, platform, vm, &to.key, None)
            .map_err(|source| EffectError::Digests { source })?;
        let task = Task {
            source: disk::open(&source, Access::Read)?,
            target: disk::open(&target, Access::Read)?,
            scope: Scope::Whole,
            block: BlockSize::default(),
            journal: None,
            task_key: format!("dry-run/{draft}/{}", disk.key),
            apply: false,
            proof: Proof::Device,
            digests: BothDigests {
                source: None,
                target: Some(digests),
            },
            sample: None,
            unreadable: Unreadable::Stop,
        };
        let meter = Meter::default();
        live.begin_dry_run(draft, meter.clone());
        mover::run(&task, controls, &meter).map_err(|source| EffectError::Mover {
            disk: disk.name.clone(),
            source,
        })
    }

    /// Disks that both VMs have, of the same size: the only ones that can be compared.
    fn pairs<'a>(
        &self,
        replica: &'a VmInfo,
        production: &'a VmInfo,
    ) -> Vec<(&'a DiskInfo, &'a DiskInfo)> {
        let pairs = replica.disks.iter().filter_map(|from| {
            let to = self.pair_of(from, production)?;
            (to.size == from.size).then_some((from, to))
        });
        pairs.collect()
    }

    fn pair_of<'a>(&self, from: &DiskInfo, production: &'a VmInfo) -> Option<&'a DiskInfo> {
        let recorded = &self.record.disk_pairs;
        let pair = recorded.iter().find(|pair| pair.replica == from.key);
        let key = pair.map_or(&from.key, |pair| &pair.production);
        let mut disks = production.disks.iter();
        disks.find(|to| to.key == *key).or_else(|| {
            let mut alike = production.disks.iter();
            alike.find(|to| self.by_slot && from.slot.is_some() && to.slot == from.slot)
        })
    }
}
