//! The evidence of a session: everything that the store knows of it, in one answer.

use model::{
    ApiError, SessionId,
    view::{
        EVIDENCE_FORMAT, EffectView, EvidenceView, PassView, PlanView, PlannedDisk, SessionView,
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
        let report = self.store().session_plan_fetch(id).await.map_err(failed)?;
        let steps: Vec<EffectView> = view.steps.iter().filter(begun).cloned().collect();
        Ok(EvidenceView {
            format: EVIDENCE_FORMAT.to_owned(),
            made_at: view.now,
            session: id.clone(),
            state: view.summary.state,
            outcome: view.summary.outcome,
            ended_at: view.summary.ended_at,
            actual: view.actual,
            report,
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
