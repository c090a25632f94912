//! A dry run: the full difference of a draft's VMs with nothing written at production.

use std::{path::PathBuf, sync::Arc};

use blockmap::BlockSize;
use disk::Access;
use hypervisor::{DiskAt, Platform};
use model::{
    ByteCount, DiskInfo, DiskKey, DraftId, PointName, PowerState, VmInfo, VmRef,
    view::{DryRunView, DryRunVm},
};
use mover::{BothDigests, Controls, Meter, Proof, Report, Scope, Task, Unreadable};
use store::{PlannedVm, PlannedWork, SessionDisk};

use crate::{clock, config::Config, digests, failure::EffectError, live::LiveWork};

/// Measures every VM of a plan and saves the result with its draft.
pub(crate) async fn run(
    config: &Config,
    live: &LiveWork,
    draft: &DraftId,
    planned: &[PlannedVm],
    controls: &Controls,
) -> Result<String, String> {
    let words = |error: store::StoreError| error.to_string();
    let row = config.store.draft_fetch(draft).await.map_err(words)?;
    if row.is_none() {
        return Err("The draft is gone.".to_owned());
    }
    if planned.is_empty() {
        // Asked for by a version that planned later; "0 would be sent" would be no answer to it.
        config.store.dry_run_delete(draft).await.map_err(words)?;
        return Err("The dry run was asked for before an upgrade. Ask for it again.".to_owned());
    }
    let asked = config.store.dry_run_fetch(draft).await.map_err(words)?;
    let asked_at = asked.map_or_else(clock::now, |view| view.asked_at);
    let mut vms = Vec::new();
    for vm in planned {
        vms.push(measure(config, live, draft, vm, controls).await);
    }
    live.end_dry_run(draft);
    let row = config.store.dry_run_fetch(draft).await.map_err(words)?;
    if row.is_none_or(|row| row.asked_at != asked_at) {
        // Its choices changed meanwhile: nobody asked for this any more.
        return Ok("not kept: the choices changed".to_owned());
    }
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

async fn measure(
    config: &Config,
    live: &LiveWork,
    draft: &DraftId,
    planned: &PlannedVm,
    controls: &Controls,
) -> DryRunVm {
    let subject = match subject(config, planned).await {
        Ok(subject) => subject,
        Err(why) => return failed(planned, why),
    };
    let (live, id, controls, vm) = (
        live.clone(),
        draft.clone(),
        controls.clone(),
        planned.clone(),
    );
    tokio::task::spawn_blocking(move || subject.measure(&vm, &live, &id, &controls))
        .await
        .unwrap_or_else(|error| failed(planned, error.to_string()))
}

fn failed(planned: &PlannedVm, error: String) -> DryRunVm {
    DryRunVm {
        error: Some(error),
        ..nothing(planned)
    }
}

fn nothing(planned: &PlannedVm) -> DryRunVm {
    DryRunVm {
        replica: Some(planned.replica.clone()),
        name: planned.name.clone(),
        scanned: ByteCount::ZERO,
        different: ByteCount::ZERO,
        to_send: ByteCount::ZERO,
        error: None,
    }
}

/// A replica and the VM that it would return to.
struct Subject {
    source: VmRef,
    target: VmRef,
    pairs: Vec<SessionDisk>,
    dr: Arc<dyn Platform>,
    production: Arc<dyn Platform>,
    data_dir: PathBuf,
}

async fn subject(config: &Config, planned: &PlannedVm) -> Result<Subject, String> {
    let (source, target, pairs) = match &planned.work {
        PlannedWork::Nothing { why } => return Err(why.clone()),
        PlannedWork::Compare {
            source,
            target,
            pairs,
        } => (source.clone(), target.clone(), pairs.clone()),
    };
    let active = config.store.session_for_replica_active(&planned.replica);
    let active = active.await.map_err(|error| error.to_string())?;
    if active.is_some() {
        return Err("Its failback has begun, which measures the same.".to_owned());
    }
    let platform = |site| {
        let found = config.platform(site);
        found.ok_or_else(|| "Its site is not reachable.".to_owned())
    };
    Ok(Subject {
        dr: platform(&source.site)?,
        production: platform(&target.site)?,
        source,
        target,
        pairs,
        data_dir: config.data_dir.clone(),
    })
}

impl Subject {
    fn measure(
        &self,
        planned: &PlannedVm,
        live: &LiveWork,
        draft: &DraftId,
        controls: &Controls,
    ) -> DryRunVm {
        let point = PointName::new(format!("dry-run-{draft}"));
        let owner = format!("dry-run-{draft}");
        let result = self.with_point(planned, live, draft, &point, &owner, controls);
        // The point goes whatever came of it; one that cannot go is told, not hidden.
        let dropped = self.dr.drop_point(&self.source, &point, &owner);
        match (result, dropped) {
            (Ok(vm), Ok(())) => vm,
            (Err(error), _) => failed(planned, error.sentence()),
            (_, Err(error)) => failed(planned, EffectError::from(error).sentence()),
        }
    }

    fn with_point(
        &self,
        planned: &PlannedVm,
        live: &LiveWork,
        draft: &DraftId,
        point: &PointName,
        owner: &str,
        controls: &Controls,
    ) -> Result<DryRunVm, EffectError> {
        let production = self.production.vm(&self.target)?;
        let replica = self.dr.vm(&self.source)?;
        if let Some(why) = self.changed(&replica, &production) {
            return Ok(failed(planned, why));
        }
        if production.power != PowerState::Off {
            let text = format!(
                "{} runs, so its disks change while they are read. Power it off for a dry run, or \
                 start without one.",
                production.name
            );
            return Ok(failed(planned, text));
        }
        self.dr.freeze(&self.source, point, owner)?;
        let mut vm = nothing(planned);
        for pair in &self.pairs {
            let report = self.one_disk(live, draft, point, pair, controls)?;
            vm.scanned = vm.scanned.saturating_add(report.counters.scanned);
            vm.different = vm.different.saturating_add(report.counters.different);
            vm.to_send = vm.to_send.saturating_add(report.to_send);
        }
        Ok(vm)
    }

    /// Why the plan no longer fits the disks that are there; none while it does.
    fn changed(&self, replica: &VmInfo, production: &VmInfo) -> Option<String> {
        let has = |vm: &VmInfo, key: &DiskKey, pair: &SessionDisk| {
            let fits = |disk: &DiskInfo| disk.key == *key && disk.size == pair.size;
            vm.disks.iter().any(fits)
        };
        let mut pairs = self.pairs.iter();
        let lost = pairs
            .find(|pair| !has(replica, &pair.key, pair) || !has(production, &pair.target, pair))?;
        Some(format!(
            "The disk {} is no longer what it was when this was asked for. Load the page again \
             and ask anew.",
            lost.name
        ))
    }

    fn one_disk(
        &self,
        live: &LiveWork,
        draft: &DraftId,
        point: &PointName,
        pair: &SessionDisk,
        controls: &Controls,
    ) -> Result<Report, EffectError> {
        let at = DiskAt::Point(point.clone());
        let source = self.dr.open_disk(&self.source, &pair.key, &at, None)?;
        // Before the other one is asked for: where that fails, nobody would open this one.
        let source = disk::open(&source, Access::Read)?;
        let target =
            self.production
                .open_disk(&self.target, &pair.target, &DiskAt::Active, None)?;
        // Phase 1 does not read again what production holds, as long as nobody writes to it.
        let (platform, vm) = (&self.production, &self.target);
        let digests = digests::of_newest(&self.data_dir, platform, vm, &pair.target, None)
            .map_err(|source| EffectError::Digests { source })?;
        let task = Task {
            source,
            target: disk::open(&target, Access::Read)?,
            scope: Scope::Whole,
            block: BlockSize::default(),
            journal: None,
            task_key: format!("dry-run/{draft}/{}", pair.key),
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
            disk: pair.name.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    //! A plan that is not there is no plan of nothing.

    use model::Actor;
    use proof::KeyStore;
    use store::{DraftBody, Store};

    use super::*;

    #[tokio::test]
    async fn one_asked_for_with_no_plan_is_to_be_asked_for_again() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open_path(&data.path().join("landfall.db")).await;
        let config = Config {
            data_dir: data.path().to_owned(),
            store: store.unwrap(),
            platforms: Vec::new(),
            lab: None,
            libvirt: None,
            slots: 1,
            gate_every: crate::GATE_EVERY,
            keys: KeyStore::of(data.path(), None),
            hook: None,
        };
        let (store, draft) = (&config.store, DraftId::new("d-1"));
        let (body, actor) = (DraftBody::default(), Actor::new("an operator"));
        let now = clock::now();
        store
            .draft_insert(&draft, &body, &actor, now)
            .await
            .unwrap();
        let asked = DryRunView {
            asked_at: now,
            done_at: None,
            progress: (ByteCount::ZERO, ByteCount::ZERO),
            vms: Vec::new(),
        };
        store.dry_run_put(&draft, &asked).await.unwrap();
        let (live, controls) = (LiveWork::default(), Controls::default());
        let answer = run(&config, &live, &draft, &[], &controls).await;
        assert!(answer.unwrap_err().contains("Ask for it again"));
        assert_eq!(store.dry_run_fetch(&draft).await.unwrap(), None);
    }
}
