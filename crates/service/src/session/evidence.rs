//! The evidence of a session: everything that the store knows of it, in one answer.

use failback::Activity;
use model::{
    ApiError, ByteCount, DiskCounters, SessionId, StepName, Timestamp,
    view::{
        ActualView, EVIDENCE_FORMAT, EffectView, EstimateView, EvidenceView, PassView, PlanView,
        PlannedDisk, SessionView,
    },
};
use store::{Certified, DiskPassRow};

use super::{Work, certificate};
use crate::{Service, refusal::failed};

impl Service {
    /// Everything known of a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn session_evidence(&self, id: &SessionId) -> Result<EvidenceView, ApiError> {
        let view = self.session_view(id).await?;
        let work = self.work(id).await?;
        let passes = self.store().disk_counters_list(id).await.map_err(failed)?;
        let row = self.store().certificate_fetch(id).await.map_err(failed)?;
        let estimate = self.estimate(&work, &view.replica_name).await?;
        let steps: Vec<EffectView> = view.steps.iter().filter(begun).cloned().collect();
        Ok(EvidenceView {
            format: EVIDENCE_FORMAT.to_owned(),
            made_at: view.now,
            session: id.clone(),
            state: view.summary.state,
            outcome: view.summary.outcome,
            ended_at: view.summary.ended_at,
            estimate,
            actual: actual(&passes, &steps),
            steps,
            passes: passes.iter().map(|row| pass(&work, row)).collect(),
            certificate: row.as_ref().map(certificate::shown),
            certificate_file: row.and_then(|row| match row.certified {
                Certified::Signed(text) => Some(text),
                Certified::Not(_) => None,
            }),
            log: view.log.clone(),
            plan: plan(&work, view),
        })
    }

    /// What the dry run of the draft that the session came from said.
    async fn estimate(&self, work: &Work, replica: &str) -> Result<Option<EstimateView>, ApiError> {
        let run = self.store().dry_run_of_batch(&work.row.batch).await;
        let Some((run, made_at)) = run
            .map_err(failed)?
            .and_then(|run| run.done_at.map(|at| (run, at)))
        else {
            return Ok(None);
        };
        let mut vms = run.vms.into_iter();
        let vm = vms.find(|vm| vm.name == replica && vm.error.is_none());
        Ok(vm.map(|vm| EstimateView {
            made_at,
            looked_at: vm.scanned,
            different: vm.different,
            to_send: vm.to_send,
        }))
    }
}

fn begun(step: &&EffectView) -> bool {
    step.started_at.is_some()
}

fn plan(work: &Work, view: SessionView) -> PlanView {
    let row = &work.row;
    let disks = row.layout.iter().map(|disk| PlannedDisk {
        name: disk.name.clone(),
        replica_key: disk.key.clone(),
        production_key: disk.target.clone(),
        size: disk.size,
    });
    PlanView {
        vm_name: row.vm_name.clone(),
        route: view.summary.route,
        replica_name: view.replica_name,
        replica_vm: row.replica_vm.clone(),
        production_name: view.production_name,
        production_vm: row.production_vm.clone(),
        destination: row.destination,
        mode: view.mode_words,
        power_on: view.power_on,
        limit: row.limit,
        choices: row.choices.clone(),
        disks: disks.collect(),
        started_by: row.started_by.clone(),
        started_at: row.started_at,
        reason: row.reason.clone(),
    }
}

fn pass(work: &Work, row: &DiskPassRow) -> PassView {
    let mut layout = work.row.layout.iter();
    let disk = layout.find(|disk| disk.key == row.disk);
    PassView {
        pass: row.pass,
        disk: disk.map_or_else(|| row.disk.to_string(), |disk| disk.name.clone()),
        scope: row.scope.clone(),
        counters: row.counters,
        proxies: row.proxies.clone(),
    }
}

fn actual(passes: &[DiskPassRow], steps: &[EffectView]) -> ActualView {
    let first = passes.iter().map(|row| row.pass).min();
    let sum = |only: Option<u32>, of: fn(&DiskCounters) -> ByteCount| {
        let rows = passes
            .iter()
            .filter(|row| only.is_none_or(|pass| row.pass == pass));
        rows.map(|row| of(&row.counters)).sum()
    };
    ActualView {
        looked_at: sum(first, |it| it.to_scan),
        different: sum(first, |it| it.different),
        sent: sum(first, |it| it.sent),
        sent_in_all: sum(None, |it| it.sent),
        phase_1_seconds: seconds(steps, Activity::Synchronize { again: false }, None),
        downtime_seconds: seconds(steps, Activity::Switch, Some(StepName::ShutDownReplica)),
    }
}

/// From the first step of an activity, or from a step of it, to the end of its last; none while
/// one of them is at work.
fn seconds(steps: &[EffectView], activity: Activity, from: Option<StepName>) -> Option<u64> {
    let of = || {
        steps
            .iter()
            .filter(|step| step.activity == activity.words())
    };
    let begin = of()
        .rev()
        .filter(|step| from.is_none_or(|from| step.step == from));
    let begin: Vec<Timestamp> = begin.filter_map(|step| step.started_at).collect();
    // A switchover that was taken back is another one: the last counts.
    let begin = match from {
        Some(_) => begin.first(),
        None => begin.last(),
    };
    let end = of().next_back()?.done_at?;
    begin.map(|begin| end.seconds_since(*begin))
}
